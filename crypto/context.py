"""EncryptionContext: a map of strings that is authenticated with the ciphertext and not stored in it.

The vendor's clients show its canonical form (reference `keys.md` 5.3): keys sorted, ``k=v`` joined with ``&``, SHA-256, and
the 32 raw bytes are the AAD. That form is ambiguous when a key or value holds ``&`` or ``=``: ``{"a": "1&b=2"}`` and
``{"a": "1", "b": "2"}`` would open each other's ciphertext. Such maps, and those with a NUL, take sorted compact JSON behind
a NUL instead. The plain form then never holds a NUL, so the two never meet, and every ordinary map keeps the vendor's bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

_AMBIGUOUS = frozenset("&=\0")


def canonical(context: Mapping[str, str]) -> bytes:
    """The bytes that are hashed; different maps give different bytes, the order of the keys does not matter."""
    if any(_AMBIGUOUS & set(text) for pair in context.items() for text in pair):
        return b"\0" + json.dumps(context, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return "&".join(f"{name}={value}" for name, value in sorted(context.items())).encode()


def associated_data(context: Mapping[str, str]) -> bytes:
    """32 bytes; none for an empty map, which equals no context."""
    return hashlib.sha256(canonical(context)).digest() if context else b""
