"""Data keys under a caller's public key."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from crypto import wrapping
from crypto.errors import Unsupported

RECEIVER = rsa.generate_private_key(65537, 2048)


def der(private):
    return private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


PUBLIC = der(RECEIVER)


@pytest.mark.parametrize(("algorithm", "digest", "most"), [("RSAES_OAEP_SHA_256", hashes.SHA256(), 190),
                                                           ("RSAES_OAEP_SHA_1", hashes.SHA1(), 214)])  # noqa: S303
def test_it_works(algorithm, digest, most):
    assert wrapping.longest_export(PUBLIC, algorithm) == most
    for data in (b"x", bytes(most)):
        wrapped = wrapping.wrap_for_export(PUBLIC, algorithm, data)
        assert RECEIVER.decrypt(wrapped, padding.OAEP(padding.MGF1(digest), digest, None)) == data
    with pytest.raises(Unsupported):
        wrapping.wrap_for_export(PUBLIC, algorithm, bytes(most + 1))


@pytest.mark.parametrize(("public", "algorithm"), [
    (PUBLIC, "RSAES_PKCS1_V1_5"), (PUBLIC, ""), (der(ed25519.Ed25519PrivateKey.generate()), "RSAES_OAEP_SHA_256"),
    (der(rsa.generate_private_key(65537, 3072)), "RSAES_OAEP_SHA_256"), (b"", "RSAES_OAEP_SHA_256")],
    ids=["algorithm of imports", "no algorithm", "no RSA key", "3072 bits", "no key"])
def test_what_does_not_fit_is_unsupported(public, algorithm):
    for call in (wrapping.longest_export, lambda *given: wrapping.wrap_for_export(*given, b"x")):
        with pytest.raises(Unsupported):
            call(public, algorithm)


@given(st.binary(max_size=300) | st.tuples(st.integers(0, len(PUBLIC) - 1), st.integers(1, 255)).map(
    lambda change: PUBLIC[:change[0]] + bytes([PUBLIC[change[0]] ^ change[1]]) + PUBLIC[change[0] + 1:]))
def test_any_bytes_are_a_key_or_unsupported(public):
    """Fuzzed: random bytes, and every single byte of a good key changed. Nothing else ever comes out."""
    try:
        longest = wrapping.longest_export(public, "RSAES_OAEP_SHA_256")
        wrapped = wrapping.wrap_for_export(public, "RSAES_OAEP_SHA_256", b"x")
    except Unsupported:
        return
    assert (longest, len(wrapped)) == (190, 256)
