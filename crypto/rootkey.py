"""Reading the root key: 32 bytes as Base64 or hex, from the environment or from a 0600 file. Never from the database."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
from pathlib import Path

from crypto.envelope import WrappingKey
from crypto.errors import RootKeyError


def parse(text: str, *, source: str) -> WrappingKey:
    """64 hex digits or Base64 of 32 bytes. Raises RootKeyError, which names the source and never the value."""
    return WrappingKey(parse_bytes(text, source=source))


def parse_bytes(text: str, *, source: str) -> bytes:
    """The 32 bytes themselves: only for cutting them into shares."""
    text = text.strip()
    raw = b""
    with contextlib.suppress(ValueError, binascii.Error):
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    if len(raw) != 32:
        raise RootKeyError(f"the root key in {source} must be 32 bytes, as 64 hex digits or as Base64")
    return raw


def read(value: str, path: Path, *, name: str = "KMS_ROOT_KEY") -> WrappingKey | None:
    """The key from `value` (the environment's variable `name`) if given, else from the file; None where there is neither.

    A file that others may read is refused rather than used: the whole store hangs on it.
    """
    text = value or read_text(path)
    return None if text is None else parse(text, source=name if value else path.name)


def read_text(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RootKeyError(f"the root key file {path.name} cannot be read: {type(error).__name__}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise RootKeyError(f"the root key file {path.name} is open to others; set its mode to 0600")
    return text


def create(path: Path, raw: bytes | None = None) -> WrappingKey:
    """Makes the file, 0600, with a fresh key unless one is given. It never replaces one: of two processes at once the
    first to link its file wins, and both read that."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(base64.b64encode(raw or os.urandom(32)).decode() + "\n")
        out.flush()
        os.fsync(out.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    key = read("", path)
    if key is None:
        raise RootKeyError(f"the root key file {path.name} vanished while it was made")
    return key
