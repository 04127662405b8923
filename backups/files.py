"""The files of backups: private, written to a draft and renamed when they are whole, overwritten when they go.

Whoever works on a backup or a restore holds a lock of the operating system, which ends with the process however it ends. So a
row that says RUNNING and whose lock is free is of a process that died. Several machines need one shared directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

SUFFIX, DRAFT = ".kmsbackup", ".draft"
_BLOCK = 1024 * 1024


class Busy(Exception):
    """Another process works on it."""


def directory() -> Path:
    return Path(settings.KMS_BACKUP_DIR)


def path_of(backup_id: str) -> Path:
    return directory() / f"{backup_id}{SUFFIX}"


def draft_of(name: str) -> Path:
    return directory() / f"{name}{DRAFT}"


@contextmanager
def held(name: str) -> Iterator[None]:
    """This process works on `name`; nobody else does until the block or the process ends. Raises Busy."""
    path = directory() / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(name) from None
        if not _is_still(descriptor, path):
            raise Busy(name)  # its holder removed it between our two steps
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _is_still(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    return False


@contextmanager
def drafted(backup_id: str) -> Iterator[BinaryIO]:
    """A file to write into; at the end of the block it is on the disk and bears the name of the backup, or, where the block
    breaks off, is gone."""
    draft = draft_of(backup_id)
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path_of(backup_id))
        _sync_directory()
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync_directory() -> None:
    descriptor = os.open(directory(), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(source: BinaryIO) -> tuple[str, int]:
    """(SHA-256 as hex, bytes) of the whole file."""
    digest, size = hashlib.sha256(), 0
    source.seek(0)
    while block := source.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def shred(path: Path) -> None:
    """Overwrites and removes the file; what is not there is done. A file system that copies on write keeps the old blocks:
    there the sealed key is what protects them."""
    with contextlib.suppress(FileNotFoundError):
        with path.open("r+b") as out:
            left = path.stat().st_size
            while left > 0:
                out.write(bytes(min(left, _BLOCK)))
                left -= _BLOCK
            out.flush()
            os.fsync(out.fileno())
        path.unlink()
        _sync_directory()


def clear_drafts() -> int:
    """Removes drafts and locks that dead processes left; returns how many drafts."""
    removed = 0
    for draft in directory().glob(f"*{DRAFT}"):
        with contextlib.suppress(Busy), held(draft.stem):
            draft.unlink(missing_ok=True)
            removed += 1
    for lock in directory().glob("*.lock"):
        with contextlib.suppress(Busy), held(lock.stem):
            pass
    return removed
