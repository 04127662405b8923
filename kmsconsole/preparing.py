"""What must stand before anything starts. Every step may be repeated and is quick where nothing is to be done; a step
that was cut off is taken up by the next start."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polib
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from access import root
from access.models import RootKeyCheck
from instances import opening

OUR_FILES = ("backups", "django-secret", "hsm", "kms.sqlite3", "metrics", "queue", "root.", "serve.", "setup.", "static")


@contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one data directory take turns; the second one finds nothing to do."""
    with (settings.DATA_DIR / "setup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare() -> None:
    """The root key is checked before the tables are touched: a wrong one must not even migrate."""
    _close_data_directory()
    _check_root_key_of_an_old_database()
    compile_messages()
    _migrate()
    root.prepare()
    opening.check_root_keys()
    _collect_static()


def _close_data_directory() -> None:
    """0700, unless the directory holds other things than ours: then its mode is the operator's matter, and ours are
    protected by the mode of each file."""
    folder: Path = settings.DATA_DIR
    if folder.stat().st_mode & 0o077 and all(entry.name.startswith(OUR_FILES) for entry in folder.iterdir()):
        folder.chmod(0o700)


def _check_root_key_of_an_old_database() -> None:
    if RootKeyCheck._meta.db_table in connection.introspection.table_names() and RootKeyCheck.objects.exists():
        root.recognise()


def compile_messages() -> None:
    """In Python: `compilemessages` wants the gettext programs, which a fresh machine does not have."""
    for source in (path for folder in settings.LOCALE_PATHS for path in Path(folder).rglob("*.po")):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime <= source.stat().st_mtime:
            draft = compiled.with_suffix(f".{os.getpid()}")
            polib.pofile(str(source)).save_as_mofile(str(draft))
            draft.replace(compiled)


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)


def _collect_static() -> None:
    stamp = settings.STATIC_ROOT / "collected"
    fingerprint = _fingerprint_of_static_sources()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != fingerprint:
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        stamp.write_text(fingerprint, encoding="ascii")


def _fingerprint_of_static_sources() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            entry = os.stat(storage.path(name))
            digest.update(f"{name} {entry.st_size} {entry.st_mtime_ns}\n".encode())
    return digest.hexdigest()
