"""Whatever the spec, the plaintext and the context: what was encrypted opens, what was signed verifies, and only so."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.algorithms import ENCRYPTIONS, SIGNINGS, encryption_for, mac_for, signing_for
from crypto.specs import ENCRYPT_DECRYPT, SIGN_VERIFY, SPECS
from keys import operations
from tests.keys.calls import outcome, version_of

CONTEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
# Making an RSA key of 4,096 bits takes a second, and it differs from the others in nothing but that.
OFFERED = [spec for spec in SPECS.values() if spec.software and spec.bits != 4096]
PROPERTY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
BYTES = st.binary(min_size=1, max_size=64)


def b64(raw):
    return base64.b64encode(raw).decode()


def names(specs):
    return st.sampled_from([spec.name for spec in specs])


@pytest.fixture
def ring(make_key):
    """One key of each (spec, usage), made when it is first asked for."""
    made = {}

    def key(spec, usage=""):
        if (spec, usage) not in made:
            made[spec, usage] = make_key(spec=spec, usage=usage)
        return made[spec, usage]

    return key


@PROPERTY
@given(spec=names(spec for spec in OFFERED if spec.symmetric), plaintext=BYTES, context=CONTEXTS, other=CONTEXTS)
def test_ciphertext_opens_under_its_context_and_under_no_other(alice, ring, spec, plaintext, context, other):
    blob = operations.encrypt(alice(), ring(spec), plaintext=b64(plaintext), encryption_context=context).ciphertext_blob
    opened = operations.decrypt(alice(), ciphertext_blob=blob, encryption_context=dict(reversed(context.items())))
    assert opened.plaintext == b64(plaintext)
    code = outcome(lambda: operations.decrypt(alice(), ciphertext_blob=blob, encryption_context=other))
    assert code == ("ok" if other == context else "InvalidParameter")


@PROPERTY
@given(source=names(spec for spec in OFFERED if spec.symmetric), destination=names(spec for spec in OFFERED if spec.symmetric),
       plaintext=BYTES, before=CONTEXTS, after=CONTEXTS)
def test_re_encrypted_ciphertext_is_the_same_plaintext(alice, ring, source, destination, plaintext, before, after):
    one, two = ring(source), ring(destination)
    blob = operations.encrypt(alice(), one, plaintext=b64(plaintext), encryption_context=before).ciphertext_blob
    moved = operations.re_encrypt(alice(), two, ciphertext_blob=blob, source_encryption_context=before,
                                  destination_encryption_context=after)
    assert moved.key_id == one.pk
    opened = operations.decrypt(alice(), ciphertext_blob=moved.ciphertext_blob, encryption_context=after)
    assert (opened.plaintext, opened.key_id) == (b64(plaintext), two.pk)
    assert operations.decrypt(alice(), ciphertext_blob=blob, encryption_context=before).plaintext == b64(plaintext)


@PROPERTY
@given(spec=names(spec for spec in OFFERED if spec.asymmetric and ENCRYPT_DECRYPT in spec.usages),
       algorithm=st.sampled_from(sorted(ENCRYPTIONS)), plaintext=BYTES, flip=st.integers(0, 255))
def test_a_key_pair_opens_what_it_sealed_and_nothing_changed(alice, ring, spec, algorithm, plaintext, flip):
    key = ring(spec, ENCRYPT_DECRYPT)
    named = {"key_version_id": version_of(key), "algorithm": algorithm}
    if encryption_for(SPECS[spec], algorithm) is None:
        call = lambda: operations.asymmetric_encrypt(alice(), key, plaintext=b64(plaintext), **named)  # noqa: E731
        assert outcome(call) == "Rejected.UnsupportedOperation"
        return
    blob = operations.asymmetric_encrypt(alice(), key, plaintext=b64(plaintext), **named).ciphertext_blob
    assert operations.asymmetric_decrypt(alice(), key, ciphertext_blob=blob, **named).plaintext == b64(plaintext)
    raw = bytearray(base64.b64decode(blob))
    raw[flip] ^= 1
    assert outcome(lambda: operations.asymmetric_decrypt(alice(), key, ciphertext_blob=b64(raw), **named)) == "InvalidParameter"


@PROPERTY
@given(spec=names(spec for spec in OFFERED if SIGN_VERIFY in spec.usages), algorithm=st.sampled_from(sorted(SIGNINGS)),
       data=st.data())
def test_a_signature_verifies_for_its_digest_only(alice, ring, spec, algorithm, data):
    key, lengths = ring(spec, SIGN_VERIFY), SIGNINGS[algorithm].digests
    size = data.draw(st.sampled_from(lengths))
    digest, other = data.draw(st.binary(min_size=size, max_size=size)), data.draw(st.binary(min_size=size, max_size=size))
    named = {"key_version_id": version_of(key), "algorithm": algorithm}
    if signing_for(SPECS[spec], algorithm) is None:
        call = lambda: operations.asymmetric_sign(alice(), key, digest=b64(digest), **named)  # noqa: E731
        assert outcome(call) == "Rejected.UnsupportedOperation"
        return
    value = operations.asymmetric_sign(alice(), key, digest=b64(digest), **named).value
    for given_digest in (digest, other):
        answer = operations.asymmetric_verify(alice(), key, digest=b64(given_digest), value=value, **named)
        assert answer.value is (given_digest == digest)


@PROPERTY
@given(spec=names(spec for spec in OFFERED if spec.family == "HMAC"), algorithm=st.sampled_from(["HMAC_SM3", "HMAC_SHA_256"]),
       message=BYTES, other=BYTES)
def test_a_mac_verifies_for_its_message_only(alice, ring, spec, algorithm, message, other):
    key = ring(spec)
    if mac_for(SPECS[spec], algorithm) is None:
        call = lambda: operations.generate_mac(alice(), key, algorithm=algorithm, message=b64(message))  # noqa: E731
        assert outcome(call) == "Rejected.UnsupportedOperation"
        return
    mac = operations.generate_mac(alice(), key, algorithm=algorithm, message=b64(message)).mac
    for given_message in (message, other):
        answer = operations.verify_mac(alice(), key, algorithm=algorithm, message=b64(given_message), mac=mac)
        assert answer.value is (given_message == message)


@PROPERTY
@given(spec=names(spec for spec in OFFERED if SIGN_VERIFY in spec.usages), signature=st.binary(max_size=300))
def test_any_bytes_are_a_wrong_signature_and_never_an_accident(alice, ring, spec, signature):
    key = ring(spec, SIGN_VERIFY)
    [algorithm, *_] = [name for name in SIGNINGS if signing_for(SPECS[spec], name)]
    digest = b64(bytes(SIGNINGS[algorithm].digests[0]))
    answer = operations.asymmetric_verify(alice(), key, key_version_id=version_of(key), algorithm=algorithm, digest=digest,
                                          value=b64(signature))
    assert answer.value is False


@PROPERTY
@given(spec=names(spec for spec in OFFERED if spec.asymmetric and ENCRYPT_DECRYPT in spec.usages),
       sealed=st.binary(max_size=1200))
def test_any_bytes_are_a_bad_ciphertext_and_never_an_accident(alice, ring, spec, sealed):
    key = ring(spec, ENCRYPT_DECRYPT)
    [algorithm, *_] = [name for name in ENCRYPTIONS if encryption_for(SPECS[spec], name)]
    call = lambda: operations.asymmetric_decrypt(alice(), key, key_version_id=version_of(key), algorithm=algorithm,  # noqa: E731
                                                 ciphertext_blob=b64(sealed))
    assert outcome(call) == "InvalidParameter"
