"""Key pairs as functions: AsymmetricEncrypt, AsymmetricDecrypt, AsymmetricSign, AsymmetricVerify, GetPublicKey."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import partial

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from audit.models import Event
from base.refusal import Refused
from crypto.errors import Unavailable, Unsupported
from crypto.specs import SPECS
from keys import operations
from keys.models import Key, KeyMaterial
from keys.states import State
from tests import make
from tests.keys.calls import DIGEST, ECDSA, OAEP, TEXT, outcome, version_of

ENCRYPTING = {"RSA_2048": ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"), "RSA_3072": ("RSAES_OAEP_SHA_256",),
              "X_ML_KEM_768": ("X_ML_KEM_AES_256_GCM",), "X_ML_KEM_1024": ("X_ML_KEM_AES_256_GCM",)}
SIGNING = {"RSA_2048": ("RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"), "RSA_3072": ("RSA_PSS_SHA_256",), "EC_P256": (ECDSA,),
           "EC_P256K": (ECDSA,), "X_EC_P384": ("X_ECDSA_SHA_384",), "X_ED25519": ("X_ED25519",),
           "X_ML_DSA_44": ("X_ML_DSA",), "X_ML_DSA_65": ("X_ML_DSA",), "X_ML_DSA_87": ("X_ML_DSA",)}
ENCRYPT = {"usage": "ENCRYPT/DECRYPT"}


def pairs(table):
    return [(spec, algorithm) for spec, algorithms in table.items() for algorithm in algorithms]


def b64(raw):
    return base64.b64encode(raw).decode()


def signed(who, key, algorithm=ECDSA, digest=DIGEST, **more):
    return operations.asymmetric_sign(who(), key, key_version_id=version_of(key), algorithm=algorithm, digest=digest, **more)


def verified(who, key, value, algorithm=ECDSA, digest=DIGEST, **more):
    return operations.asymmetric_verify(who(), key, key_version_id=version_of(key), algorithm=algorithm, digest=digest,
                                        value=value, **more)


def sealed(who, key, algorithm=OAEP, text=TEXT, **more):
    return operations.asymmetric_encrypt(who(), key, key_version_id=version_of(key), algorithm=algorithm, plaintext=text,
                                         **more)


def opened(who, key, blob, algorithm=OAEP, **more):
    return operations.asymmetric_decrypt(who(), key, key_version_id=version_of(key), algorithm=algorithm,
                                         ciphertext_blob=blob, **more)


def refusal(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.first


@pytest.mark.parametrize(("spec", "algorithm"), pairs(ENCRYPTING))
def test_it_works(alice, make_key, spec, algorithm):
    key = make_key(spec=spec, usage="ENCRYPT/DECRYPT")
    made = sealed(alice, key, algorithm)
    back = opened(alice, key, made.ciphertext_blob, algorithm)
    assert (back.plaintext, back.key_id, back.key_version_id) == (TEXT, key.pk, version_of(key))
    assert (made.key_id, made.key_version_id) == (key.pk, version_of(key))


@pytest.mark.parametrize(("spec", "algorithm"), pairs(SIGNING))
def test_a_signature_verifies_and_a_changed_one_does_not(alice, make_key, spec, algorithm):
    key, digest = make_key(spec=spec), b64(os.urandom(48 if algorithm == "X_ECDSA_SHA_384" else 32))
    value = signed(alice, key, algorithm, digest).value
    assert verified(alice, key, value, algorithm, digest).value is True
    raw = base64.b64decode(value)
    for bad in (raw[:-1] + bytes([raw[-1] ^ 1]), raw[:-1], raw + b"\0", b"", b"\0", bytes(len(raw))):
        assert verified(alice, key, b64(bad), algorithm, digest).value is False, len(bad)
    other = b64(bytes([base64.b64decode(digest)[0] ^ 1]) + base64.b64decode(digest)[1:])
    assert verified(alice, key, value, algorithm, other).value is False


def test_others_can_check_what_we_sign(alice, make_key):
    """With the public key as GetPublicKey gives it, and the vendor's encodings: DER for ECDSA, salt 32 for PSS."""
    digest = hashlib.sha256(b"a message").digest()
    for spec, algorithm in (("EC_P256", ECDSA), ("EC_P256K", ECDSA), ("RSA_2048", "RSA_PSS_SHA_256"),
                            ("RSA_2048", "RSA_PKCS1_SHA_256")):
        key = make_key(spec=spec)
        pem = operations.get_public_key(alice(), key, key_version_id=version_of(key)).public_key
        assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
        public = serialization.load_pem_public_key(pem.encode())
        value = base64.b64decode(signed(alice, key, algorithm, b64(digest)).value)
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(value, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        else:
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if "PSS" in algorithm else padding.PKCS1v15()
            public.verify(value, digest, scheme, Prehashed(hashes.SHA256()))


def test_others_can_encrypt_to_us(alice, make_key):
    key = make_key(spec="RSA_2048", **ENCRYPT)
    public = serialization.load_pem_public_key(
        operations.get_public_key(alice(), key, key_version_id=version_of(key)).public_key.encode())
    for algorithm, digest in (("RSAES_OAEP_SHA_256", hashes.SHA256()), ("RSAES_OAEP_SHA_1", hashes.SHA1())):  # noqa: S303
        blob = public.encrypt(b"hello", padding.OAEP(padding.MGF1(digest), digest, None))
        assert opened(alice, key, b64(blob), algorithm).plaintext == TEXT


@pytest.mark.parametrize("spec", [spec.name for spec in SPECS.values() if spec.asymmetric and spec.name != "RSA_4096"])
def test_every_key_pair_shows_its_public_key(alice, make_key, spec):
    key = make_key(spec=spec)
    pem = operations.get_public_key(alice(), key, key_version_id=version_of(key)).public_key
    assert pem.endswith("-----END PUBLIC KEY-----\n")


@pytest.mark.parametrize(("spec", "algorithm", "most", "length"), [
    ("RSA_2048", "RSAES_OAEP_SHA_256", 190, 256), ("RSA_2048", "RSAES_OAEP_SHA_1", 214, 256),
    ("RSA_3072", "RSAES_OAEP_SHA_256", 318, 384), ("RSA_3072", "RSAES_OAEP_SHA_1", 342, 384)])
def test_the_plaintext_has_the_vendors_limits(alice, make_key, spec, algorithm, most, length):
    key = make_key(spec=spec, **ENCRYPT)
    assert len(base64.b64decode(sealed(alice, key, algorithm, b64(bytes(most))).ciphertext_blob)) == length
    refused = refusal(lambda: sealed(alice, key, algorithm, b64(bytes(most + 1))))
    assert (refused.code, refused.facts["name"], refused.facts["limit"]) == ("InvalidParameter", "Plaintext", most)
    assert refusal(lambda: sealed(alice, key, algorithm, "")).facts["name"] == "Plaintext"


@pytest.mark.parametrize("digest", [b64(bytes(31)), b64(bytes(33)), b64(bytes(48)), b64(b""), "no base64!", DIGEST + "\n"])
def test_the_digest_must_fit_the_algorithm(alice, make_key, digest):
    key = make_key(spec="EC_P256")
    for call in (lambda: signed(alice, key, digest=digest), lambda: verified(alice, key, TEXT, digest=digest)):
        assert (refusal(call).code, refusal(call).facts["name"]) == ("InvalidParameter", "Digest")


def test_the_signature_must_be_base64(alice, make_key):
    assert refusal(lambda: verified(alice, make_key(spec="EC_P256"), "no base64!")).facts["name"] == "Value"


@pytest.mark.parametrize(("algorithm", "code", "slug"), [
    ("ECDSA_SHA_512", "InvalidParameter", "unknown_value"), ("", "InvalidParameter", "unknown_value"),
    ("ecdsa_sha_256", "InvalidParameter", "unknown_value"), (OAEP, "InvalidParameter", "unknown_value"),
    ("SM2DSA", "UnsupportedOperation", "sm2_without_library"),
    ("RSA_PSS_SHA_256", "Rejected.UnsupportedOperation", "algorithm_does_not_fit"),
    ("X_ECDSA_SHA_384", "InvalidParameter", "digest_length")])
def test_the_algorithm_must_be_known_and_fit(alice, make_key, algorithm, code, slug):
    refused = refusal(lambda: signed(alice, make_key(spec="EC_P256"), algorithm))
    assert (refused.code, refused.slug) == (code, slug)
    assert slug != "unknown_value" or refused.facts["name"] == "Algorithm"


def test_a_curve_has_an_algorithm_of_its_own(alice, make_key):
    assert refusal(lambda: signed(alice, make_key(spec="X_EC_P384"))).slug == "algorithm_does_not_fit"
    assert refusal(lambda: sealed(alice, make_key(spec="X_ML_KEM_768"))).slug == "algorithm_does_not_fit"


@pytest.mark.parametrize("algorithm", ["SM2PKE"])
def test_sm2_is_refused_clearly(alice, make_key, algorithm):
    refused = refusal(lambda: sealed(alice, make_key(spec="RSA_2048", **ENCRYPT), algorithm))
    assert (refused.code, refused.slug) == ("UnsupportedOperation", "sm2_without_library")


def test_the_usage_must_fit(alice, make_key):
    signing, encrypting, symmetric = make_key(spec="RSA_2048"), make_key(spec="RSA_2048", **ENCRYPT), make_key()
    for call in (lambda: sealed(alice, signing), lambda: signed(alice, encrypting, "RSA_PSS_SHA_256"),
                 lambda: sealed(alice, symmetric), lambda: signed(alice, symmetric),
                 lambda: operations.get_public_key(alice(), symmetric, key_version_id=version_of(symmetric))):
        assert refusal(call).code == "Rejected.UnsupportedOperation"
    assert refusal(lambda: operations.encrypt(alice(), encrypting, plaintext=TEXT)).code == "UnsupportedOperation"
    assert refusal(lambda: operations.generate_data_key(alice(), signing)).slug == "needs_symmetric_key"


def test_all_reasons_come_in_the_order_of_the_reference(carol, alice, make_key):
    """Permission, then kind, then state; of the kind, a misfit of the key hides that of the algorithm."""
    key = make_key(State.DISABLED, spec="EC_P256")
    with pytest.raises(Refused) as caught:
        signed(carol, key, "RSA_PSS_SHA_256")
    assert [reason.code for reason in caught.value.refusals] == ["Forbidden.NoPermission", "Rejected.UnsupportedOperation",
                                                                 "Rejected.Disabled"]


def test_the_version_must_be_one_of_this_key(alice, make_key):
    key, other = make_key(spec="EC_P256"), make_key(spec="EC_P256")
    encrypting = make_key(spec="RSA_2048", **ENCRYPT)
    for version in (version_of(other), "", "x" * 5000, f"{key.pk}-0000000000"):
        named = {"key_version_id": version}
        for call in (partial(operations.asymmetric_sign, alice(), key, algorithm=ECDSA, digest=DIGEST, **named),
                     partial(operations.get_public_key, alice(), key, **named),
                     partial(operations.asymmetric_encrypt, alice(), encrypting, algorithm=OAEP, plaintext=TEXT, **named)):
            assert outcome(call) == "Forbidden.KeyVersionNotFound"


def test_every_way_to_spoil_a_ciphertext_looks_alike(alice, make_key):
    key = make_key(spec="RSA_2048", **ENCRYPT)
    raw = base64.b64decode(sealed(alice, key).ciphertext_blob)
    spoiled = [*map(b64, (raw[:-1], raw + b"\0", bytes(256), b"\xff" * 256, raw[:-1] + bytes([raw[-1] ^ 1]))), "", "no base64!"]
    refusals = [refusal(lambda bad=bad: opened(alice, key, bad)) for bad in spoiled]
    refusals.append(refusal(lambda: opened(alice, key, b64(raw), "RSAES_OAEP_SHA_1")))
    assert {(one.code, one.facts["name"], one.slug) for one in refusals} == {
        ("InvalidParameter", "CiphertextBlob", "bad_ciphertext")}
    kem = make_key(spec="X_ML_KEM_768")
    raw = base64.b64decode(sealed(alice, kem, "X_ML_KEM_AES_256_GCM").ciphertext_blob)
    for bad in (raw[:-1], raw[:1088], raw[:1000], b"", raw[:1095], bytes(len(raw))):
        assert refusal(lambda bad=bad: opened(alice, kem, b64(bad), "X_ML_KEM_AES_256_GCM")) == refusals[0]


def test_bob_may_use_carol_may_not_and_charlie_sees_nothing(bob, carol, charlie, alice, make_key):
    from keys import lookup

    key = make_key(spec="EC_P256")
    assert verified(bob, key, signed(bob, key).value).value
    assert outcome(lambda: signed(carol, key)) == "Forbidden.NoPermission"
    assert outcome(lambda: lookup.key_for(charlie(), key.pk)) == "Forbidden.KeyNotFound"


@pytest.mark.parametrize("state", [State.ENABLED, State.DISABLED])
def test_a_dry_run_uses_nothing(alice, make_key, state):
    key, code = make_key(state, spec="EC_P256"), "DryRunOperationError" if state == State.ENABLED else "Rejected.Disabled"
    assert outcome(lambda: signed(alice, key, dry_run=True)) == code
    assert outcome(lambda: verified(alice, key, TEXT, dry_run=True)) == code
    other = make_key(state, spec="RSA_2048", **ENCRYPT)
    assert outcome(lambda: sealed(alice, other, dry_run=True)) == code
    assert outcome(lambda: opened(alice, other, TEXT, dry_run=True)) == code
    read = lambda: operations.get_public_key(alice(), key, key_version_id=version_of(key), dry_run=True)  # noqa: E731
    assert outcome(read) == "DryRunOperationError"


def test_each_use_is_one_event_that_names_the_version_and_no_bytes(alice, make_key):
    key = make_key(spec="RSA_2048", **ENCRYPT)
    before = Event.objects.count()
    blob = sealed(alice, key).ciphertext_blob
    opened(alice, key, blob)
    outcome(lambda: opened(alice, key, TEXT))
    events = Event.objects.order_by("id")[before:]
    assert [(event.action, event.outcome, event.object_id) for event in events] == [
        ("AsymmetricEncrypt", "ok", key.pk), ("AsymmetricDecrypt", "ok", key.pk),
        ("AsymmetricDecrypt", "InvalidParameter", key.pk)]
    assert version_of(key) in events[0].detail
    assert not any(text in repr(list(Event.objects.values())) for text in (blob, TEXT))


def test_a_disable_answered_between_reading_and_recording_wins(alice, make_key, monkeypatch):
    key = make_key(spec="EC_P256")
    from crypto.engine import Engine

    real = Engine.sign

    def slow(self, *args):
        operations.disable_key(alice(), Key.objects.select_related("instance").get(pk=key.pk))
        return real(self, *args)

    monkeypatch.setattr(Engine, "sign", slow)
    assert outcome(lambda: signed(alice, key)) == "Rejected.Disabled"


@pytest.mark.parametrize(("error", "code"), [(Unavailable, "ServiceUnavailableTemporary"), (Unsupported, "UnsupportedOperation")])
def test_errors_of_the_provider_have_one_form_each(alice, make_key, monkeypatch, error, code):
    from crypto.software import SoftwareProvider

    def broken(self, *_):
        raise error("lost")

    monkeypatch.setattr(SoftwareProvider, "sign", broken)
    assert outcome(lambda: signed(alice, make_key(spec="EC_P256"))) == code


def test_material_deleted_while_the_call_was_under_way_is_no_accident(alice, make_key):
    """The row was read as Enabled; by the time the material is fetched, somebody has removed it."""
    key = make_key(spec="EC_P256")
    KeyMaterial.objects.filter(version__key=key).delete()
    assert outcome(lambda: signed(alice, key)) == "Rejected.PendingImport"


def test_the_public_key_can_be_read_while_the_key_rests(alice, make_key):
    for state in (State.DISABLED, State.PENDING_DELETION):
        key = make_key(state, spec="EC_P256")
        assert outcome(lambda key=key: operations.get_public_key(alice(), key, key_version_id=version_of(key))) == "ok"
    key = make.key(alice, State.UNAVAILABLE, spec="EC_P256")
    assert outcome(lambda: operations.get_public_key(alice(), key, key_version_id=version_of(key))) == "ok"


def test_a_key_that_never_had_material_waits_for_it(alice, make_key):
    key = make_key(State.PENDING_IMPORT, spec="EC_P256")
    assert outcome(lambda: signed(alice, key)) == "Rejected.PendingImport"
    assert outcome(lambda: operations.get_public_key(alice(), key, key_version_id=version_of(key))) == "Rejected.PendingImport"
