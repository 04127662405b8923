"""Typed reading of the environment. Every secret may also come from a file named by NAME_FILE."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ENVIRONMENT, FILE, DEFAULT = "environment", "file", "default"


@dataclass(frozen=True, slots=True)
class Read:
    """A variable that was asked for. value: what counts, or None for a secret; source: where it stands."""

    name: str
    value: str | None
    source: str


# By name, in the order of the first asking: /settings/ shows it, so it cannot forget one.
READ: dict[str, Read] = {}


def note(name: str, value: object, *, secret: bool = False) -> None:
    """For variables that are read elsewhere too."""
    source = FILE if os.environ.get(f"{name}_FILE") and secret else ENVIRONMENT if os.environ.get(name) else DEFAULT
    READ[name] = Read(name, None if secret else str(value), source)


def text(name: str, default: str = "") -> str:
    """A set but empty variable means the default, as in files that list every variable."""
    value = os.environ.get(name, "") or default
    note(name, value)
    return value


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def database_url(name: str, default: str) -> dict[str, Any]:
    """What django-environ makes of the URL. Its complaints and warnings quote the URL with the password; ours do not."""
    url, config = secret(name) or default, {}
    if url.startswith(("sqlite:///", "postgres://", "postgresql://")):
        with contextlib.suppress(ValueError, KeyError, ImproperlyConfigured):
            config = dict(environ.Env.db_url_config(url))
    if config.get("NAME") in (None, "", ":memory:"):
        raise ImproperlyConfigured(f"{name} must look like postgres://user:password@host:5432/name or sqlite:////path/file")
    return config


def number(name: str, default: int, *, lowest: int = 1, highest: int = 65535) -> int:
    """A whole number within bounds. Raises ImproperlyConfigured, which stops the start."""
    value = os.environ.get(name, "")
    note(name, value or default)
    if not value:
        return default
    if not value.isdecimal() or not lowest <= int(value) <= highest:
        raise ImproperlyConfigured(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}")
    return int(value)


def moment(name: str, default: str) -> datetime:
    """ISO 8601 with a zone: ``2025-09-30T00:00+08:00``. Raises ValueError, which stops the start."""
    value = text(name, default)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - refused in the next line, like every time without a zone
    if found.tzinfo is None:
        raise ValueError(f"{name} must look like {default}, with its time zone, not {value!r}")
    return found.astimezone(UTC)


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name, "").lower()
    note(name, value or int(default))
    if value in ("", "1", "true", "yes", "0", "false", "no"):
        return default if not value else value in ("1", "true", "yes")
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def secret(name: str) -> str:
    """NAME, or the stripped content of the file NAME_FILE; empty where neither is set."""
    path = os.environ.get(f"{name}_FILE", "")
    note(name, "", secret=True)
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}") from None


def private_directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def secret_in_file(path: Path) -> str:
    """The content of a 0600 file, made with 64 random bytes the first time; two processes starting at once agree."""
    if not path.exists():
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(64))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="ascii").strip()
