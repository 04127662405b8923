"""CiphertextBlob in the vendor's layout (reference `keys.md` 5.4): Base64 of

    offset  length  content
    0       36      key version id, ASCII
    36      12      GCM IV
    48      n + 16  GCM ciphertext and tag
"""

from __future__ import annotations

import re

from base import b64
from crypto.errors import BadCiphertext

VERSION_ID = 36
SHORTEST = VERSION_ID + 12 + 16
_ID = re.compile(r"[0-9a-z-]{36}")


def pack(version_id: str, sealed: bytes) -> str:
    if len(version_id) != VERSION_ID:
        raise ValueError("a version id has 36 characters")
    return b64.encoded(version_id.encode("ascii") + sealed)


def unpack(blob: str) -> tuple[str, bytes]:
    """(version id, IV + ciphertext + tag). Raises BadCiphertext for anything that is not such a blob."""
    try:
        raw = b64.decoded(blob)
        version_id = raw[:VERSION_ID].decode("ascii")
    except ValueError:
        raise BadCiphertext from None
    if len(raw) < SHORTEST or not _ID.fullmatch(version_id):
        raise BadCiphertext
    return version_id, raw[VERSION_ID:]
