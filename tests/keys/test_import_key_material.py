"""Material of one's own: parameters, import, deletion, expiry, and the same material again."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from audit.models import Event
from base.refusal import Refused
from crypto.specs import SPECS
from keys import operations, sweeps, tokens
from keys.models import ImportToken, Key, KeyMaterial, KeyVersion
from keys.states import State
from tests import importing, make
from tests.importing import OAEP_1, OAEP_256, PAIR, PKCS1, RAW, bring, material_for, parcel, wrap
from tests.keys.calls import TEXT, outcome


@pytest.fixture
def external(alice, instance):
    """``external()``, ``external("RSA_2048")``: a key of Alice's that waits for material."""
    return lambda spec="", **more: operations.create_key(alice(), instance=instance, spec=spec, origin="EXTERNAL", **more)


def slug(call) -> str:
    with pytest.raises(Refused) as error:
        call()
    return error.value.first.slug


def parameters(caller, key, algorithm=OAEP_256, spec="RSA_2048"):
    return operations.get_parameters_for_import(caller, key, wrapping_key_spec=spec, wrapping_algorithm=algorithm)


def test_it_works(alice, external):
    key, caller = external(), alice()
    bring(caller, key)
    [version] = KeyVersion.objects.filter(key=key)
    assert (key.state, version.is_primary, key.last_rotation_at) == (State.ENABLED, True, caller.at)
    assert key.material_expires_at is None
    blob = operations.encrypt(alice(), key, plaintext=TEXT)
    assert blob.key_version_id == version.pk
    assert operations.decrypt(alice(), ciphertext_blob=blob.ciphertext_blob).plaintext == TEXT
    assert Event.objects.filter(action="ImportKeyMaterial", outcome="ok", object_id=key.pk).count() == 1


def test_the_parameters_are_a_pair_of_their_own_each_time(alice, external):
    key, caller = external(), alice()
    one, other = parameters(caller, key), parameters(caller, key)
    assert one.public_key != other.public_key
    assert one.import_token != other.import_token
    assert (len(one.public_key), one.public_key[:12]) == (392, "MIIBIjANBgkq")
    assert one.token_expires_at == caller.at.replace(microsecond=0) + timedelta(hours=24)
    assert one.import_token not in repr(one)
    # Key and token of one download belong together.
    assert slug(lambda: operations.import_key_material(
        caller, key, import_token=one.import_token, encrypted_key_material=wrap(other.public_key, OAEP_256, RAW))) \
        == "material_does_not_open"


@pytest.mark.parametrize("spec", sorted(name for name, spec in SPECS.items() if spec.software and spec.family not in
                                        ("ED25519", "ML-DSA", "ML-KEM")))
def test_every_spec_takes_what_fits_it(spec, alice, external):
    key, pair = external(spec), SPECS[spec].asymmetric
    bring(alice(), key, material_for(spec), PAIR if pair else OAEP_256)
    [version] = KeyVersion.objects.filter(key=key)
    assert (key.state, version.is_primary, bool(version.public_key)) == (State.ENABLED, not pair, pair)


@pytest.mark.parametrize(("spec", "private"), [("X_ED25519", ed25519.Ed25519PrivateKey.generate),
                                               ("X_ML_DSA_65", mldsa.MLDSA65PrivateKey.generate)])
def test_extensions_come_in_as_pkcs_8_as_well(spec, private, alice, external):
    key = external(spec)
    bring(alice(), key, importing.pkcs8(private()), PAIR)
    assert key.state == State.ENABLED


@pytest.mark.parametrize("algorithm", [OAEP_1, OAEP_256, PKCS1])
def test_the_default_key_takes_all_three_symmetric_wrappings(algorithm, alice):
    key = operations.create_key(alice(), origin="EXTERNAL")
    assert key.kind == Key.Kind.DEFAULT
    assert bring(alice(), key, RAW, algorithm).state == State.ENABLED


@pytest.mark.parametrize(("spec", "algorithm", "wrapping_spec", "said"), [
    ("", OAEP_1, "RSA_2048", "wrapping_does_not_fit"), ("", PAIR, "RSA_2048", "wrapping_does_not_fit"),
    ("EC_P256", OAEP_256, "RSA_2048", "wrapping_does_not_fit"), ("", "ROT13", "RSA_2048", "unknown_value"),
    ("", OAEP_256, "RSA_4096", "unknown_value"), ("", "SM2PKE", "EC_SM2", "spec_without_library"),
    ("EC_P256", "SM2PKE_SM4_ECB", "EC_SM2", "spec_without_library"), ("", OAEP_256, "EC_SM2", "spec_without_library")])
def test_a_wrapping_that_does_not_fit_is_refused(spec, algorithm, wrapping_spec, said, alice, external):
    assert slug(lambda: parameters(alice(), external(spec), algorithm, wrapping_spec)) == said
    assert not ImportToken.objects.exists()


def test_only_external_keys_take_part(alice, make_key):
    key = make_key()
    assert outcome(lambda: parameters(alice(), key)) == "Unsupported.Origin"
    assert outcome(lambda: operations.delete_key_material(alice(), key)) == "Unsupported.Origin"
    assert outcome(lambda: operations.import_key_material(alice(), key, import_token="", encrypted_key_material="AA==")) \
        == "Unsupported.Origin"


def test_key_pairs_of_the_1_0_edition_are_not_imported(alice, external):
    key = external("EC_P256")
    Key.objects.filter(pk=key.pk).update(edition="1.0", instance=None)
    key = Key.objects.get(pk=key.pk)
    assert slug(lambda: parameters(alice(), key, PAIR)) == "legacy_imports_no_key_pairs"


# --- tokens -------------------------------------------------------------------------------------------------------------
def test_a_token_lasts_24_hours_to_the_second_and_works_more_than_once(alice, external):
    key, start = external(), alice().at.replace(microsecond=0)
    packed = parcel(alice(at=start), key)
    operations.import_key_material(alice(at=start), key, **packed)
    operations.import_key_material(alice(at=start + timedelta(hours=24, seconds=-1)), key, **packed)
    late = alice(at=start + timedelta(hours=24))
    assert outcome(lambda: operations.import_key_material(late, key, **packed)) == "ExpiredImportToken"
    assert sweeps.forget_import_tokens(late.at - timedelta(seconds=1)) == 0
    assert sweeps.forget_import_tokens(late.at) == 1
    assert outcome(lambda: operations.import_key_material(late, key, **packed)) == "ExpiredImportToken", "also without its row"


def test_a_foreign_or_garbled_token_is_invalid(alice, external):
    key, other = external(), external()
    packed, foreign = parcel(alice(), key), parcel(alice(), other)["import_token"]
    raw = bytearray(base64.b64decode(packed["import_token"]))
    texts = ["", "%%%", "AAAA", foreign, packed["import_token"][:-4], packed["import_token"] + "AAAA"]
    for position in (0, 15, 16, 23, 24, 55):
        raw[position] ^= 1
        texts.append(base64.b64encode(raw).decode())
        raw[position] ^= 1
    for text in texts:
        packed["import_token"] = text
        assert outcome(lambda: operations.import_key_material(alice(), key, **packed)) == "InvalidImportToken", text
    assert key.state == State.PENDING_IMPORT


def test_a_token_that_is_younger_than_its_row_is_invalid(alice, external):
    """The row went with the key's destruction or by hand; what we cannot open is not valid, whatever it says."""
    key = external()
    packed = parcel(alice(), key)
    ImportToken.objects.all().delete()
    assert outcome(lambda: operations.import_key_material(alice(), key, **packed)) == "InvalidImportToken"


def test_the_wrapping_key_opens_for_its_key_and_token_only(alice, external):
    from crypto.errors import BadCiphertext

    parcel(alice(), external())
    row = ImportToken.objects.get()
    assert tokens.private_key(row)[:2] == b"\x30\x82"
    row.key = external()
    with pytest.raises(BadCiphertext):
        tokens.private_key(row)


# --- material -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("spec", "material", "said"), [
    ("", RAW[:31], "material_length"), ("", RAW + b"\0", "material_length"), ("Aliyun_SM4", RAW, "material_length"),
    ("EC_P256", RAW, "material_is_no_key_pair"), ("EC_P256", importing.pkcs8(ec.generate_private_key(ec.SECP256K1())),
                                                  "material_is_no_key_pair"),
    ("RSA_3072", importing.pkcs8(rsa.generate_private_key(65537, 2048)), "material_is_no_key_pair")])
def test_material_of_another_kind_is_refused(spec, material, said, alice, external):
    key = external(spec)
    assert slug(lambda: bring(alice(), key, material, PAIR if spec and SPECS[spec].asymmetric else OAEP_256)) == said
    key.refresh_from_db()
    assert (key.state, key.material_fingerprint) == (State.PENDING_IMPORT, None)
    assert not KeyVersion.objects.filter(key=key).exists()


@pytest.mark.parametrize(("text", "said"), [
    ("%", "not_base64"), ("", "material_does_not_open"), ("AAAA", "material_does_not_open"),
    (base64.b64encode(bytes(256)).decode(), "material_does_not_open")])
def test_what_is_not_wrapped_is_refused(text, said, alice, external):
    key = external()
    packed = parcel(alice(), key) | {"encrypted_key_material": text}
    assert slug(lambda: operations.import_key_material(alice(), key, **packed)) == said


@pytest.mark.parametrize("part", [0, 100, 255, 256, -1])
def test_a_changed_byte_of_a_wrapped_pair_is_noticed(part, alice, external):
    """Cutting the ECB part or turning a bit gives no other key: PKCS#8 is checked whole."""
    key = external("RSA_2048")
    packed = parcel(alice(), key, material_for("RSA_2048"), PAIR)
    raw = bytearray(base64.b64decode(packed["encrypted_key_material"]))
    raw[part] ^= 0x55
    packed["encrypted_key_material"] = base64.b64encode(raw).decode()
    assert outcome(lambda: operations.import_key_material(alice(), key, **packed)) == "InvalidKeyMaterial"


@pytest.mark.parametrize("spec", ["Aliyun_AES_256", "EC_P256"])
def test_a_key_is_bound_to_its_first_material_for_ever(spec, alice, external):
    key, algorithm = external(spec), PAIR if spec == "EC_P256" else OAEP_256
    material, other = material_for(spec), material_for(spec)
    bring(alice(), key, material, algorithm)
    for _ in range(2):
        assert slug(lambda: bring(alice(), key, other, algorithm)) == "material_differs"
        operations.delete_key_material(alice(), key)
        assert key.state == State.PENDING_IMPORT
    assert bring(alice(), key, material, algorithm).state == State.ENABLED


def test_the_fingerprint_tells_nobody_which_keys_have_the_same_material(alice, external):
    one, other = (bring(alice(), external()) for _ in range(2))
    assert one.material_fingerprint != other.material_fingerprint
    assert RAW not in bytes(one.material_fingerprint)
    blob = operations.encrypt(alice(), one, plaintext=TEXT).ciphertext_blob
    operations.delete_key_material(alice(), one)
    assert outcome(lambda: operations.decrypt(alice(), ciphertext_blob=blob)) == "Rejected.PendingImport", "keys are independent"


@pytest.mark.parametrize("state", [State.ENABLED, State.DISABLED])
def test_importing_again_sets_the_expiry_anew_and_leaves_the_state(state, alice, external):
    key, caller = bring(alice(), external()), alice()
    if state is State.DISABLED:
        operations.disable_key(caller, key)
    then = int(caller.at.timestamp()) + 3600
    assert bring(caller, key, key_material_expire_unix=then).state == state
    assert int(key.material_expires_at.timestamp()) == then
    assert bring(caller, key).material_expires_at is None
    assert KeyVersion.objects.filter(key=key).count() == KeyMaterial.objects.filter(version__key=key).count() == 1


@pytest.mark.parametrize(("offset", "said"), [(-1, "expiry_in_the_past"), (-10**9, "expiry_in_the_past"),
                                              (10**12, "out_of_range"), (-10**12, "out_of_range")])
def test_an_expiry_must_make_sense(offset, said, alice, external):
    key, caller = external(), alice()
    then = int(caller.at.timestamp()) + offset
    assert slug(lambda: bring(caller, key, key_material_expire_unix=then)) == said


# --- deletion and expiry ------------------------------------------------------------------------------------------------
def test_deleting_the_material_keeps_the_key_and_a_second_import_brings_old_ciphertext_back(alice, external):
    key = bring(alice(), external())
    operations.create_alias(alice(), key, alias_name="alias/kept")
    made = operations.encrypt(alice(), key, plaintext=TEXT)
    operations.delete_key_material(alice(), key)
    operations.delete_key_material(alice(), key)  # what is not there is deleted already
    assert not KeyMaterial.objects.exists()
    assert outcome(lambda: operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob)) == "Rejected.PendingImport"
    bring(alice(), key)
    assert KeyVersion.objects.get(key=key).pk == made.key_version_id
    assert operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob).plaintext == TEXT


def test_a_signature_of_a_returned_pair_is_made_by_the_same_version(alice, external):
    key, material = external("EC_P256"), material_for("EC_P256")
    bring(alice(), key, material, PAIR)
    version = KeyVersion.objects.get(key=key)
    operations.delete_key_material(alice(), key)
    bring(alice(), key, material, PAIR)
    assert KeyVersion.objects.get(key=key).pk == version.pk


def test_material_deleted_while_pending_deletion_keeps_the_date_and_a_cancel_gives_pending_import(alice, external):
    key = bring(alice(), external())
    operations.schedule_key_deletion(alice(), key, window_days=7)
    date = key.delete_at
    operations.delete_key_material(alice(), key)
    assert (key.state, key.delete_at) == (State.PENDING_DELETION, date)
    assert outcome(lambda: bring(alice(), key)) == "Rejected.StateModifiedFailed"
    operations.cancel_key_deletion(alice(), key)
    assert key.state == State.PENDING_IMPORT
    assert bring(alice(), key).state == State.ENABLED


@pytest.mark.parametrize("start", [State.ENABLED, State.DISABLED])
def test_material_expires_by_the_clock_before_and_after_the_sweep(start, alice, external):
    key, caller = external(), alice()
    due = caller.at.replace(microsecond=0) + timedelta(hours=2)
    bring(caller, key, key_material_expire_unix=int(due.timestamp()))
    blob = operations.encrypt(caller, key, plaintext=TEXT).ciphertext_blob
    if start is State.DISABLED:
        operations.disable_key(caller, key)
    late = alice(at=due)
    assert outcome(lambda: operations.decrypt(late, ciphertext_blob=blob)) == "Rejected.PendingImport"
    assert sweeps.expire_material(due - timedelta(seconds=1)) == 0
    assert sweeps.expire_material(due) == 1
    assert sweeps.expire_material(due) == 0
    key.refresh_from_db()
    assert (key.state, key.material_expires_at) == (State.PENDING_IMPORT, None)
    assert not KeyMaterial.objects.exists()
    assert Event.objects.filter(action="ExpireKeyMaterial", outcome="ok", object_id=key.pk).count() == 1
    assert bring(late, key).state == State.ENABLED
    assert operations.decrypt(late, ciphertext_blob=blob).plaintext == TEXT


def test_expired_material_can_be_imported_before_the_sweep_comes(alice, external):
    key, caller = external(), alice()
    due = caller.at.replace(microsecond=0) + timedelta(hours=2)
    bring(caller, key, key_material_expire_unix=int(due.timestamp()))
    operations.disable_key(caller, key)
    assert bring(alice(at=due), key).state == State.ENABLED, "it was PendingImport at that time"
    assert sweeps.expire_material(due + timedelta(days=1)) == 0


def test_material_expires_while_pending_deletion_too(alice, external):
    key, caller = external(), alice()
    due = caller.at.replace(microsecond=0) + timedelta(days=1)
    bring(caller, key, key_material_expire_unix=int(due.timestamp()))
    operations.schedule_key_deletion(caller, key, window_days=7)
    assert sweeps.expire_material(due) == 1
    key.refresh_from_db()
    assert key.state == State.PENDING_DELETION
    assert operations.cancel_key_deletion(alice(at=due), key).state == State.PENDING_IMPORT


def test_the_clock_does_not_expire_what_is_not_due(alice, external):
    from base.caller import Caller

    key = bring(alice(), external())
    assert slug(lambda: operations.expire_key_material(Caller.system(alice().at), key)) == "material_not_expired"


def test_the_tokens_of_a_destroyed_key_go_with_it(alice, external):
    from base.caller import Caller

    key = bring(alice(), external())
    operations.schedule_key_deletion(alice(), key, window_days=7)
    operations.destroy_key(Caller.system(key.delete_at), key)
    assert not ImportToken.objects.exists()


def test_bob_cannot(bob, alice, external):
    key = external()
    packed = parcel(alice(), key)
    assert outcome(lambda: operations.import_key_material(bob(), key, **packed)) == "Forbidden.NoPermission"
    assert outcome(lambda: operations.delete_key_material(bob(), key)) == "Forbidden.NoPermission"


def test_a_waiting_key_takes_a_unit_of_the_quota_and_its_import_no_further_one(alice):
    home = make.instance(alice, key_quota=1)
    key = operations.create_key(alice(), instance=home, origin="EXTERNAL")
    assert outcome(lambda: operations.create_key(alice(), instance=home)) == "Rejected.LimitExceeded"
    assert bring(alice(), key).state == State.ENABLED


def test_a_private_key_that_denies_its_public_half_is_refused(alice, external):
    """PKCS#8 of an EC key may carry the public point; a foreign one there must not get in."""
    der, other = (material_for("EC_P256") for _ in range(2))
    assert slug(lambda: bring(alice(), external("EC_P256"), der[:-64] + other[-64:], PAIR)) == "material_is_no_key_pair"


def test_a_pair_is_the_same_however_it_is_encoded(alice, external):
    """With and without the public point inside, which openssl may leave out."""
    key, der = external("EC_P256"), material_for("EC_P256")
    # SEQUENCE { 0, algorithm, OCTET STRING { SEQUENCE { 1, OCTET STRING d, [1] point } } } without [1].
    inner = b"\x30\x25\x02\x01\x01" + der[der.index(b"\x04\x20"):][:34]
    bare = b"\x30\x41" + der[3:27] + b"\x04\x27" + inner
    bring(alice(), key, der, PAIR)
    operations.delete_key_material(alice(), key)
    assert bring(alice(), key, bare, PAIR).state == State.ENABLED
