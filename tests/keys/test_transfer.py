"""ReEncrypt, ExportDataKey and GenerateAndExportDataKey as functions."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from access.rules import why_not_permitted
from audit.models import Event
from base.refusal import Refused
from keys import operations
from keys.key_policies import default_document
from keys.models import Key
from keys.states import State
from tests import make
from tests.keys.calls import EXPORT, OAEP, TEXT, outcome, version_of

SOURCE = ("SourceKeyId", "SourceKeyVersionId", "SourceEncryptionAlgorithm")


def b64(raw):
    return base64.b64encode(raw).decode()


def der(key):
    return b64(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


@pytest.fixture(scope="module")
def receiver():
    return rsa.generate_private_key(65537, 2048)


def blob_of(who, key, text=TEXT, context=None):
    return operations.encrypt(who(), key, plaintext=text, encryption_context=context).ciphertext_blob


def refused(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def test_it_works(alice, make_key):
    source, destination = make_key(), make_key()
    blob = blob_of(alice, source, context={"a": "b"})
    made = operations.re_encrypt(alice(), destination, ciphertext_blob=blob, source_encryption_context={"a": "b"},
                                 destination_encryption_context={"c": "d"})
    assert (made.key_id, made.key_version_id) == (source.pk, version_of(source))
    opened = operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob, encryption_context={"c": "d"})
    assert (opened.plaintext, opened.key_id) == (TEXT, destination.pk)


def test_the_same_key_can_be_source_and_destination(alice, make_key):
    key = make_key()
    made = operations.re_encrypt(alice(), key, ciphertext_blob=blob_of(alice, key), destination_encryption_context={"new": "1"})
    assert operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob, encryption_context={"new": "1"}).plaintext == TEXT


def asymmetric_blob(who, key, text=TEXT):
    made = operations.asymmetric_encrypt(who(), key, key_version_id=version_of(key), algorithm=OAEP, plaintext=text)
    return made.ciphertext_blob


def from_pair(who, source, destination, blob, **more):
    named = {"source_key": source, "source_key_version_id": version_of(source), "source_encryption_algorithm": OAEP, **more}
    return operations.re_encrypt(who(), destination, ciphertext_blob=blob, **named)


def test_public_key_ciphertext_becomes_symmetric(alice, make_key):
    source, destination = make_key(spec="RSA_2048", usage="ENCRYPT/DECRYPT"), make_key()
    made = from_pair(alice, source, destination, asymmetric_blob(alice, source))
    assert (made.key_id, made.key_version_id) == (source.pk, version_of(source))
    assert operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob).plaintext == TEXT


def test_of_an_asymmetric_source_all_three_are_needed(alice, make_key):
    source, destination = make_key(spec="RSA_2048", usage="ENCRYPT/DECRYPT"), make_key()
    blob = asymmetric_blob(alice, source)
    for argument, names in (({"source_key_version_id": ""}, {SOURCE[1]}), ({"source_encryption_algorithm": ""}, {SOURCE[2]}),
                            ({"source_key": None}, {SOURCE[0]}),
                            ({"source_key_version_id": "", "source_encryption_algorithm": ""}, {SOURCE[1], SOURCE[2]})):
        error = refused(lambda argument=argument: from_pair(alice, source, destination, blob, **argument))
        assert {reason.facts["name"] for reason in error.refusals if reason.code == "MissingParameter"} == names


@pytest.mark.parametrize(("argument", "code"), [
    ({"source_encryption_algorithm": "RSA"}, "InvalidParameter"),
    ({"source_encryption_algorithm": "SM2PKE"}, "UnsupportedOperation"),
    ({"source_encryption_algorithm": "X_ML_KEM_AES_256_GCM"}, "Rejected.UnsupportedOperation"),
    ({"source_encryption_algorithm": "RSAES_OAEP_SHA_1"}, "InvalidParameter"),
    ({"source_key_version_id": "nonsense"}, "Forbidden.KeyVersionNotFound")])
def test_a_wrong_source_is_refused(alice, make_key, argument, code):
    source = make_key(spec="RSA_2048", usage="ENCRYPT/DECRYPT")
    error = refused(lambda: from_pair(alice, source, make_key(), asymmetric_blob(alice, source), **argument))
    assert error.first.code == code
    if argument.get("source_encryption_algorithm") == "RSA":
        assert error.first.facts["name"] == "SourceEncryptionAlgorithm"


def test_kinds_must_fit_on_both_sides(alice, make_key):
    pair, symmetric = make_key(spec="RSA_2048", usage="ENCRYPT/DECRYPT"), make_key()
    blob = blob_of(alice, symmetric)
    assert outcome(lambda: operations.re_encrypt(alice(), pair, ciphertext_blob=blob)) == "UnsupportedOperation"
    assert outcome(lambda: from_pair(alice, symmetric, symmetric, blob)) == "Rejected.UnsupportedOperation"


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), lambda raw: raw[:60], lambda raw: raw[:-1]])
def test_every_way_to_spoil_the_blob_looks_alike(alice, make_key, spoil):
    bad = b64(spoil(base64.b64decode(blob_of(alice, make_key()))))
    calls = [lambda: operations.re_encrypt(alice(), make_key(), ciphertext_blob=bad),
             lambda: operations.export_data_key(alice(), ciphertext_blob=bad, **EXPORT)]
    for call in calls:
        reason = refused(call).first
        assert (reason.code, reason.facts, reason.slug) == ("InvalidParameter", {"name": "CiphertextBlob"}, "bad_ciphertext")


def test_a_wrong_context_looks_like_a_bad_tag(alice, make_key):
    blob = blob_of(alice, make_key(), context={"a": "b"})
    for call in (lambda: operations.re_encrypt(alice(), make_key(), ciphertext_blob=blob),
                 lambda: operations.export_data_key(alice(), ciphertext_blob=blob, encryption_context={"a": "c"}, **EXPORT)):
        assert refused(call).first.slug == "bad_ciphertext"


def test_one_event_names_both_keys(alice, carol, make_key):
    source, destination = make_key(), make_key()
    blob = blob_of(alice, source)
    for who, code in ((alice, "ok"), (carol, "Forbidden.NoPermission")):
        before = Event.objects.count()
        assert outcome(lambda who=who: operations.re_encrypt(who(), destination, ciphertext_blob=blob)) == code
        [event] = Event.objects.order_by("id")[before:]
        assert (event.action, event.outcome, event.object_id) == ("ReEncrypt", code, source.pk)
        assert json.loads(event.detail)["destination"] == destination.pk
        if code == "ok":
            detail = json.loads(event.detail)
            assert (detail["version"], detail["destination_version"]) == (version_of(source), version_of(destination))


def test_a_refusal_before_the_source_is_known_is_about_the_destination(alice, make_key):
    destination = make_key()
    outcome(lambda: operations.re_encrypt(alice(), destination, ciphertext_blob="nonsense"))
    event = Event.objects.latest("id")
    assert (event.action, event.object_id, event.outcome) == ("ReEncrypt", destination.pk, "InvalidParameter")


def test_permission_is_asked_for_each_side_by_its_own_name(alice, make_key, monkeypatch):
    from keys import lookup

    asked = []
    real = lookup.facts

    def facts(caller, key, action=""):
        asked.append((action, key.pk))
        return real(caller, key, action)

    source, destination = make_key(), make_key()
    blob = blob_of(alice, source)
    monkeypatch.setattr(lookup, "facts", facts)
    operations.re_encrypt(alice(), destination, ciphertext_blob=blob)
    assert asked == [("ReEncryptFrom", source.pk), ("ReEncryptTo", destination.pk)]


def test_the_presets_know_both_names(alice, bob, carol):
    for who, allowed in ((alice, True), (bob, True), (carol, False)):
        for action in ("ReEncryptFrom", "ReEncryptTo", "ExportDataKey", "GenerateAndExportDataKey"):
            assert (not why_not_permitted(who(), action)) is allowed


def test_all_reasons_of_both_keys_come_at_once(alice, carol, make_key):
    source, destination = make_key(), make_key(State.PENDING_DELETION)
    blob = blob_of(alice, source)
    operations.disable_key(alice(), source)
    error = refused(lambda: operations.re_encrypt(alice(), destination, ciphertext_blob=blob))
    assert [reason.code for reason in error.refusals] == ["Rejected.Disabled", "Rejected.PendingDeletion"]
    error = refused(lambda: operations.re_encrypt(carol(), make_key(spec="EC_P256"), ciphertext_blob=blob))
    assert [reason.code for reason in error.refusals] == [
        "Forbidden.NoPermission", "Forbidden.NoPermission", "UnsupportedOperation", "Rejected.Disabled"]


def test_charlie_learns_nothing_of_the_source(alice, charlie, make_key):
    blob = blob_of(alice, make_key())
    own = make.key(charlie, home=make.instance(charlie))
    for call in (lambda: operations.re_encrypt(charlie(), own, ciphertext_blob=blob),
                 lambda: operations.export_data_key(charlie(), ciphertext_blob=blob, **EXPORT)):
        assert refused(call).first.slug == "Forbidden.KeyNotFound"


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_disable_answered_between_reading_and_recording_wins(alice, make_key, monkeypatch, side):
    from crypto.engine import Engine

    keys = {"source": make_key(), "destination": make_key()}
    blob, real = blob_of(alice, keys["source"]), Engine.encrypt

    def slow(self, *args):
        operations.disable_key(alice(), Key.objects.select_related("instance").get(pk=keys[side].pk))
        return real(self, *args)

    monkeypatch.setattr(Engine, "encrypt", slow)
    assert outcome(lambda: operations.re_encrypt(alice(), keys["destination"], ciphertext_blob=blob)) == "Rejected.Disabled"


def test_another_account_needs_its_own_permission_for_each_half(alice, charlie, make_key):
    """The source is shared for ReEncryptFrom only: its ciphertext moves to Charlie's key, and not the other way."""
    from keys import lookup

    shared, own = make_key(), make.key(charlie, home=make.instance(charlie))
    document = json.loads(default_document(shared.account_id))
    document["Statement"].append({"Sid": "share", "Effect": "Allow", "Resource": ["*"], "Action": ["kms:ReEncryptFrom"],
                                  "Principal": {"RAM": [f"acs:ram::{charlie.account.pk}:user/charlie"]}})
    operations.set_key_policy(alice(), shared, policy=json.dumps(document))
    blob = blob_of(alice, shared)
    moved = operations.re_encrypt(charlie(), own, ciphertext_blob=blob)
    assert (moved.key_id, operations.decrypt(charlie(), ciphertext_blob=moved.ciphertext_blob).plaintext) == (shared.pk, TEXT)
    foreign = lookup.key_for(charlie(), shared.arn)
    back = refused(lambda: operations.re_encrypt(charlie(), foreign, ciphertext_blob=moved.ciphertext_blob))
    assert back.first.code == "Forbidden.KeyNotFound"
    assert outcome(lambda: operations.export_data_key(charlie(), ciphertext_blob=blob, **EXPORT)) == "Forbidden.KeyNotFound"


def test_dry_runs_use_nothing(alice, make_key):
    key = make_key()
    blob = blob_of(alice, key)
    for call in (lambda: operations.re_encrypt(alice(), key, ciphertext_blob=blob, dry_run=True),
                 lambda: operations.export_data_key(alice(), ciphertext_blob=blob, dry_run=True, **EXPORT),
                 lambda: operations.generate_and_export_data_key(alice(), key, dry_run=True, **EXPORT)):
        assert outcome(call) == "DryRunOperationError"


@pytest.mark.parametrize(("algorithm", "digest", "most"), [("RSAES_OAEP_SHA_256", hashes.SHA256(), 190),
                                                           ("RSAES_OAEP_SHA_1", hashes.SHA1(), 214)])  # noqa: S303
def test_an_exported_data_key_opens_at_the_receiver_and_here(alice, make_key, receiver, algorithm, digest, most):
    key = make_key()
    given = {"public_key_blob": der(receiver), "wrapping_algorithm": algorithm, "wrapping_key_spec": "RSA_2048"}
    scheme = padding.OAEP(padding.MGF1(digest), digest, None)
    made = operations.generate_and_export_data_key(alice(), key, number_of_bytes=most, encryption_context={"a": "b"}, **given)
    plain = receiver.decrypt(base64.b64decode(made.exported_data_key), scheme)
    here = operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob, encryption_context={"a": "b"})
    assert (here.plaintext, len(plain), here.key_version_id) == (b64(plain), most, made.key_version_id)
    again = operations.export_data_key(alice(), ciphertext_blob=made.ciphertext_blob, encryption_context={"a": "b"}, **given)
    assert receiver.decrypt(base64.b64decode(again.exported_data_key), scheme) == plain
    assert (again.key_id, again.key_version_id) == (key.pk, version_of(key))
    with pytest.raises(Refused) as caught:
        operations.generate_and_export_data_key(alice(), key, number_of_bytes=most + 1, **given)
    assert (caught.value.first.facts["name"], caught.value.first.facts["limit"]) == ("NumberOfBytes", most)
    long = operations.generate_data_key(alice(), key, number_of_bytes=most + 1).ciphertext_blob
    assert refused(lambda: operations.export_data_key(alice(), ciphertext_blob=long, **given)).first.slug == \
        "data_key_too_long_to_export"


BAD_KEYS = {"no base64": "no base64!", "empty": "", "no DER": b64(b"nonsense"), "cut": EXPORT["public_key_blob"][:200],
            "RSA 3072": der(rsa.generate_private_key(65537, 3072)), "a curve": der(ec.generate_private_key(ec.SECP256R1())),
            "an unknown curve": b64(bytes.fromhex("301a301306072a8648ce3d020106082a811ccf5501822d030300020101")),
            "PEM": b64(b"-----BEGIN PUBLIC KEY-----")}


@pytest.mark.parametrize("given", [
    *({"public_key_blob": key} for key in BAD_KEYS.values()), {"wrapping_algorithm": "RSAES_PKCS1_V1_5"},
    {"wrapping_algorithm": ""}, {"wrapping_key_spec": "RSA_4096"}, {"wrapping_key_spec": ""}])
def test_bad_wrapping_parameters_are_named(alice, make_key, given):
    key = make_key()
    [name] = ["".join(part.capitalize() for part in argument.split("_")) for argument in given]
    for call in (lambda: operations.generate_and_export_data_key(alice(), key, **EXPORT | given),
                 lambda: operations.export_data_key(alice(), ciphertext_blob=blob_of(alice, key), **EXPORT | given)):
        error = refused(call)
        assert (error.first.code, error.first.facts["name"]) == ("InvalidParameter", name)


@pytest.mark.parametrize("given", [{"wrapping_key_spec": "EC_SM2"}, {"wrapping_algorithm": "SM2PKE"}])
def test_sm2_is_refused_clearly(alice, make_key, given):
    error = refused(lambda: operations.generate_and_export_data_key(alice(), make_key(), **EXPORT | given))
    assert (error.first.code, error.first.slug) == ("UnsupportedOperation", "sm2_without_library")


@pytest.mark.parametrize(("parameters", "length"), [({}, 32), ({"key_spec": "AES_128"}, 16), ({"number_of_bytes": 7}, 7)])
def test_the_length_is_that_of_a_data_key(alice, make_key, receiver, parameters, length):
    given = EXPORT | {"public_key_blob": der(receiver)}
    made = operations.generate_and_export_data_key(alice(), make_key(), **given, **parameters)
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert len(receiver.decrypt(base64.b64decode(made.exported_data_key), scheme)) == length


def test_events_hold_no_data_key(alice, make_key):
    made = operations.generate_and_export_data_key(alice(), make_key(), **EXPORT)
    everything = repr(list(Event.objects.values()))
    assert made.exported_data_key not in everything
    assert made.ciphertext_blob not in everything
