"""Encrypt, Decrypt and data keys as functions."""

from __future__ import annotations

import base64

import pytest

from audit.models import Event
from base.refusal import Refused
from crypto.errors import Unavailable
from keys import operations
from keys.models import Key, KeyMaterial
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome


def test_it_works(alice, make_key):
    made = operations.encrypt(alice(), make_key(), plaintext=TEXT, encryption_context={"a": "b"})
    opened = operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob, encryption_context={"a": "b"})
    assert (opened.plaintext, opened.key_id, opened.key_version_id) == (TEXT, made.key_id, made.key_version_id)


@pytest.mark.parametrize(("length", "code"), [(1, "ok"), (6144, "ok"), (6145, "InvalidParameter"), (0, "InvalidParameter")])
def test_plaintext_is_1_to_6144_bytes(alice, make_key, length, code):
    text = base64.b64encode(b"x" * length).decode()
    assert outcome(lambda: operations.encrypt(alice(), make_key(), plaintext=text)) == code


@pytest.mark.parametrize("text", ["no base64!", "YQ", "YQ=", "é", "YQ==\n"])
def test_plaintext_must_be_base64(alice, make_key, text):
    assert outcome(lambda: operations.encrypt(alice(), make_key(), plaintext=text)) == "InvalidParameter"


@pytest.mark.parametrize("context", [{}, {"a": "c"}, {"a": "b", "c": "d"}, {"b": "a"}])
def test_another_context_does_not_open_it(alice, make_key, context):
    blob = operations.encrypt(alice(), make_key(), plaintext=TEXT, encryption_context={"a": "b"}).ciphertext_blob
    assert outcome(lambda: operations.decrypt(alice(), ciphertext_blob=blob, encryption_context=context)) == "InvalidParameter"


def test_every_way_to_spoil_a_blob_looks_alike(alice, make_key):
    blob = operations.encrypt(alice(), make_key(), plaintext=TEXT).ciphertext_blob
    raw = base64.b64decode(blob)
    spoiled = [raw[:-1], raw[:60], raw[:-1] + bytes([raw[-1] ^ 1]), raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]]
    answers = []
    for bad in spoiled:
        with pytest.raises(Refused) as error:
            operations.decrypt(alice(), ciphertext_blob=base64.b64encode(bad).decode())
        answers.append(error.value.refusals)
    assert all(answer == answers[0] for answer in answers)


def test_a_blob_of_another_version_id_is_not_found(alice, make_key):
    raw = base64.b64decode(operations.encrypt(alice(), make_key(), plaintext=TEXT).ciphertext_blob)
    other = base64.b64encode(b"0" * 36 + raw[36:]).decode()
    assert outcome(lambda: operations.decrypt(alice(), ciphertext_blob=other)) == "Forbidden.KeyNotFound"


def test_charlie_cannot_open_it_and_learns_nothing(alice, charlie, make_key):
    blob = operations.encrypt(alice(), make_key(), plaintext=TEXT).ciphertext_blob
    with pytest.raises(Refused) as error:
        operations.decrypt(charlie(), ciphertext_blob=blob)
    assert error.value.first.slug == "Forbidden.KeyNotFound"


def test_bob_may_use_and_carol_may_not(bob, carol, make_key):
    key = make_key()
    assert outcome(lambda: operations.encrypt(bob(), key, plaintext=TEXT)) == "ok"
    assert outcome(lambda: operations.encrypt(carol(), key, plaintext=TEXT)) == "Forbidden.NoPermission"


@pytest.mark.parametrize(("spec", "count", "length"), [("", None, 32), ("AES_256", None, 32), ("AES_128", None, 16),
                                                       ("AES_128", 1, 1), ("", 1024, 1024)])
def test_data_keys(alice, make_key, spec, count, length):
    made = operations.generate_data_key(alice(), make_key(), key_spec=spec, number_of_bytes=count)
    assert len(base64.b64decode(made.plaintext)) == length
    assert operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob).plaintext == made.plaintext


@pytest.mark.parametrize(("spec", "count"), [("AES_192", None), ("", 0), ("", 1025)])
def test_other_data_keys_are_refused(alice, make_key, spec, count):
    call = operations.generate_data_key
    assert outcome(lambda: call(alice(), make_key(), key_spec=spec, number_of_bytes=count)) == "InvalidParameter"


def test_without_plaintext_there_is_none(alice, make_key):
    made = operations.generate_data_key_without_plaintext(alice(), make_key())
    assert made.plaintext == ""
    assert len(base64.b64decode(operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob).plaintext)) == 32


def test_a_dry_run_uses_nothing_and_says_what_would_happen(alice, make_key):
    assert outcome(lambda: operations.encrypt(alice(), make_key(), plaintext=TEXT, dry_run=True)) == "DryRunOperationError"
    disabled = make_key(State.DISABLED)
    assert outcome(lambda: operations.encrypt(alice(), disabled, plaintext=TEXT, dry_run=True)) == "Rejected.Disabled"


def test_a_disable_answered_between_reading_and_recording_wins(alice, make_key, monkeypatch):
    """The worker has read Enabled, the provider is at work, and somebody disables: the result never leaves."""
    key = make_key()
    from crypto.engine import Engine

    real = Engine.encrypt

    def slow(self, material, text, context):
        operations.disable_key(alice(), Key.objects.select_related("instance").get(pk=key.pk))
        return real(self, material, text, context)

    monkeypatch.setattr(Engine, "encrypt", slow)
    assert outcome(lambda: operations.encrypt(alice(), key, plaintext=TEXT)) == "Rejected.Disabled"


def test_a_change_that_forbids_nothing_does_not_disturb(alice, make_key, monkeypatch):
    key = make_key()
    from crypto.engine import Engine

    real = Engine.encrypt

    def slow(self, material, text, context):
        fresh = Key.objects.select_related("instance").get(pk=key.pk)
        operations.update_key_description(alice(), fresh, description="busy")
        return real(self, material, text, context)

    monkeypatch.setattr(Engine, "encrypt", slow)
    assert outcome(lambda: operations.encrypt(alice(), key, plaintext=TEXT)) == "ok"


def test_a_lost_provider_is_said_to_be_unavailable(alice, make_key, monkeypatch):
    from crypto.software import SoftwareProvider

    def lost(self, *_):
        raise Unavailable

    monkeypatch.setattr(SoftwareProvider, "encrypt", lost)
    assert outcome(lambda: operations.encrypt(alice(), make_key(), plaintext=TEXT)) == "ServiceUnavailableTemporary"


def test_material_moved_to_another_key_does_not_open(alice, make_key):
    """Somebody with write access to the database swaps two rows: nothing decrypts, and the break is an event."""
    one, two = make_key(), make_key()
    rows = [KeyMaterial.objects.get(version__key=key) for key in (one, two)]
    KeyMaterial.objects.filter(pk=rows[0].pk).update(stored=rows[1].stored)
    from crypto.errors import MaterialGone

    with pytest.raises(MaterialGone):
        operations.encrypt(alice(), one, plaintext=TEXT)
    assert Event.objects.latest("id").outcome == "InternalFailure"


def test_the_default_key_serves_services_only(alice):
    key = operations.create_key(alice())
    assert key.kind == Key.Kind.DEFAULT
    assert outcome(lambda: operations.encrypt(alice(), key, plaintext=TEXT)) == "UnsupportedOperation"
    assert outcome(lambda: operations.create_key(alice())) == "Rejected.LimitExceeded"


def test_events_hold_no_plaintext_and_no_ciphertext(alice, make_key):
    secret = base64.b64encode(b"the colour of the safe is green").decode()
    made = operations.encrypt(alice(), make_key(), plaintext=secret, encryption_context={"hint": "green-room"})
    outcome(lambda: operations.decrypt(alice(), ciphertext_blob=made.ciphertext_blob))
    data = operations.generate_data_key(alice(), make.key(alice))
    everything = repr(list(Event.objects.values()))
    for word in (secret, "green", made.ciphertext_blob, data.plaintext, data.ciphertext_blob):
        assert word not in everything
    assert data.plaintext not in repr(data)
