"""Private keys from outside: whatever the bytes, the answer is the key or Unsupported, and it comes soon."""

from __future__ import annotations

import functools

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto import asymmetric, wrapping
from crypto.errors import BadCiphertext, Unsupported
from crypto.software import checked
from crypto.specs import SPECS

PAIRS = [spec for spec in SPECS.values() if spec.asymmetric]


@functools.cache
def sample(name: str) -> bytes:
    return asymmetric.generate(SPECS[name])


@functools.cache
def pair() -> tuple[bytes, bytes]:
    return wrapping.new_pair()


@pytest.mark.parametrize("spec", PAIRS, ids=lambda spec: spec.name)
def test_what_we_make_we_also_take(spec):
    private, public = checked(spec, sample(spec.name))
    assert (private, public) == (sample(spec.name), asymmetric.public_der(sample(spec.name)))


@pytest.mark.parametrize("spec", PAIRS, ids=lambda spec: spec.name)
def test_no_spec_takes_the_key_of_another(spec):
    for other in PAIRS:
        if other is not spec:
            with pytest.raises(Unsupported):
                checked(spec, sample(other.name))


def _only_known_errors(name: str, raw: bytes) -> None:
    try:
        private, _ = checked(SPECS[name], raw)
    except Unsupported:
        return
    assert checked(SPECS[name], private)[0] == private


@settings(max_examples=300)
@given(st.sampled_from([spec.name for spec in PAIRS]), st.binary(max_size=200))
@example("EC_P256", b"")
@example("EC_P256", b"\x30\x80")
@example("RSA_2048", b"\x30\x84\xff\xff\xff\xff")
def test_nonsense_is_refused(name, raw):
    _only_known_errors(name, raw)


@settings(max_examples=400)
@given(st.sampled_from([spec.name for spec in PAIRS if spec.name not in ("RSA_3072", "RSA_4096")]), st.data())
def test_a_damaged_key_is_taken_whole_or_refused(name, data):
    raw = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, min(len(raw), 80) - 1) | st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "repeat", "drop"])):
            case "flip":
                raw[position] ^= data.draw(st.integers(1, 255))
            case "cut":
                del raw[max(position, 1):]
            case "repeat":
                raw[position:position] = raw[position:position + 9]
            case "drop":
                del raw[position:position + 3]
        if not raw:
            break
    _only_known_errors(name, bytes(raw))


@settings(max_examples=150)
@given(st.sampled_from([*wrapping.SYMMETRIC, *wrapping.ASYMMETRIC]), st.binary(max_size=600))
def test_what_nobody_wrapped_does_not_open(algorithm, raw):
    try:
        wrapping.unwrap(pair()[0], algorithm, raw)
    except BadCiphertext:
        return
    assert algorithm == "RSAES_PKCS1_V1_5", "only there padding that does not fit comes back as random bytes"


@pytest.mark.parametrize("spec", PAIRS, ids=lambda spec: spec.name)
def test_a_key_far_too_long_is_not_even_looked_at(spec, monkeypatch):
    """Its primes would be tested: 4 seconds at 8,192 bits, and a request has room for ten times that length."""
    def load(*_, **__):
        raise AssertionError("it was looked at")

    monkeypatch.setattr(asymmetric.serialization, "load_der_private_key", load)
    with pytest.raises(Unsupported):
        checked(spec, bytes(20_000))


def test_encrypted_and_pem_forms_are_not_taken():
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                               serialization.BestAvailableEncryption(b"password"))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for raw in (sealed, pem):
        with pytest.raises(Unsupported):
            checked(SPECS["EC_P256"], raw)
