"""OAEP decoding (RFC 8017, 7.1.2) of what a token's raw RSA operation gives, for tokens that know OAEP with SHA-1 only.

The private operation stays in the token. Every check is made whatever the others say, and all failures look alike.
"""

from __future__ import annotations

import hashlib
import hmac

from crypto.errors import BadCiphertext


def _mask(seed: bytes, length: int, name: str) -> bytes:
    blocks = (hashlib.new(name, seed + counter.to_bytes(4, "big")).digest()
              for counter in range(-(-length // hashlib.new(name).digest_size)))
    return b"".join(blocks)[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def decode(encoded: bytes, hash_name: str) -> bytes:
    """The message, no label. Raises BadCiphertext."""
    size = hashlib.new(hash_name).digest_size
    if len(encoded) < 2 * size + 2:
        raise BadCiphertext
    first, masked_seed, masked = encoded[0], encoded[1:1 + size], encoded[1 + size:]
    seed = _xor(masked_seed, _mask(masked, size, hash_name))
    block = _xor(masked, _mask(seed, len(masked), hash_name))
    same = hmac.compare_digest(block[:size], hashlib.new(hash_name).digest())
    # 1 while only zeros came before; the first other byte must be 1.
    searching, at, wrong = 1, 0, 0
    for position in range(size, len(block)):
        zero, one = int(block[position] == 0), int(block[position] == 1)
        at += position * searching * one
        wrong |= searching & (1 - zero) & (1 - one)
        searching &= zero
    if (first != 0) | (not same) | bool(wrong) | bool(searching):
        raise BadCiphertext
    return block[at + 1:]
