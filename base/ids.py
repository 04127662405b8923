"""Identifiers in the vendor's formats. Structure of the 3.0 ids: letters of the site, 8 hex digits of the Unix time
of creation, 10 random base-36 characters; a reader can tell a 3.0 key (``key-``) from a 1.0 key (UUID) by the id alone.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import uuid
from datetime import datetime

BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SITE = "lcl"
_VARIANT = {digit: "89AB"[int(digit, 16) % 4] for digit in "0123456789ABCDEF"}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _draw(alphabet: str, length: int) -> str:
    """Each letter as likely as any other: bytes beyond the last whole alphabet are thrown away."""
    size, found = len(alphabet), ""
    while len(found) < length:
        found += "".join(alphabet[byte % size] for byte in os.urandom(2 * length) if byte < 256 - 256 % size)
    return found[:length]


def _dated(prefix: str, at: datetime) -> str:
    return f"{prefix}-{SITE}{int(at.timestamp()):08x}{_draw(BASE36, 10)}"


def key_id(at: datetime) -> str:
    """``key-lcl6a2f0c9x2m7q4…``, 25 characters."""
    return _dated("key", at)


def instance_id(at: datetime) -> str:
    """``kst-lcl…``, 25 characters."""
    return _dated("kst", at)


def backup_id(at: datetime) -> str:
    """``bkp-lcl…``, 25 characters."""
    return _dated("bkp", at)


def restore_id(at: datetime) -> str:
    """``rst-lcl…``, 25 characters."""
    return _dated("rst", at)


def hsm_id(at: datetime) -> str:
    """``hsm-lcl…``, 25 characters."""
    return _dated("hsm", at)


def key_version_id(key: str) -> str:
    """36 characters, whatever the key: the ciphertext layout depends on it. 3.0: ``<key id>-<10>``; 1.0: a UUID."""
    return f"{key}-{_draw(BASE36, 10)}" if key.startswith("key-") else legacy_id()


def legacy_id() -> str:
    """A 1.0 key or version id: lower-case UUID, 36 characters."""
    return str(uuid.uuid4())


def is_legacy(key: str) -> bool:
    return _UUID.fullmatch(key) is not None


def request_id() -> str:
    """A random UUID in capitals. No secret: it only has to be another one each time, in each process."""
    digits = f"{random.getrandbits(128):032X}"  # noqa: S311 - Python seeds it anew after a fork
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def account_uid() -> str:
    """16 digits, never starting with 0."""
    return str(secrets.randbelow(9) + 1) + _draw("0123456789", 15)


def access_key_id() -> str:
    return "LTAI5t" + _draw(_ALNUM, 18)


def access_key_secret() -> str:
    return _draw(_ALNUM, 30)


def password() -> str:
    """20 letters and digits, about 119 bits."""
    return _draw(_ALNUM, 20)


def arn(region: str, account: str, resource: str) -> str:
    """``acs:kms:<region>:<account>:key/<id>`` and the like."""
    return f"acs:kms:{region}:{account}:{resource}"


def split_arn(text: str) -> tuple[str, str, str] | None:
    """(region, account uid, resource) of a KMS ARN, or None where the text is none."""
    parts = text.split(":", 4)
    if len(parts) != 5 or parts[:2] != ["acs", "kms"]:
        return None
    return parts[2], parts[3], parts[4]
