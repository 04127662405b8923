"""OAEP decoding against `cryptography`: what it encrypts decodes, and nothing else does."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import asymmetric
from crypto.errors import BadCiphertext
from crypto.hsm import oaep

KEY = rsa.generate_private_key(65537, 2048)
NUMBERS = KEY.private_numbers()


def raw(message, hash_name):
    """What a token's raw operation gives for an encryption of `message`."""
    sealed = KEY.public_key().encrypt(message, asymmetric.oaep(hash_name))
    return pow(int.from_bytes(sealed, "big"), NUMBERS.d, NUMBERS.public_numbers.n).to_bytes(256, "big")


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@settings(max_examples=25)
@given(message=st.binary(max_size=190))
def test_what_cryptography_encrypts_decodes(hash_name, message):
    assert oaep.decode(raw(message, hash_name), hash_name) == message


@settings(max_examples=60)
@given(at=st.integers(0, 255), bit=st.integers(0, 7))
def test_no_change_decodes(at, bit):
    changed = bytearray(raw(b"hello", "sha256"))
    changed[at] ^= 1 << bit
    with pytest.raises(BadCiphertext):
        oaep.decode(bytes(changed), "sha256")


@pytest.mark.parametrize("encoded", [b"", b"\0" * 65, b"\0" * 66, b"\0" * 256, b"\1" * 256])
def test_what_is_no_encoding_is_refused(encoded):
    with pytest.raises(BadCiphertext):
        oaep.decode(encoded, "sha256")
