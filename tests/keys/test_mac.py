"""GenerateMac and VerifyMac as functions."""

from __future__ import annotations

import base64
import hmac

import pytest

from audit.models import Event
from base.refusal import Refused
from keys import operations
from keys.states import State
from tests.keys.calls import HMAC, TEXT, outcome

LENGTHS = {"HMAC_SM3": 32, "HMAC_SHA_224": 28, "HMAC_SHA_256": 32, "HMAC_SHA_384": 48, "HMAC_SHA_512": 64}


def made(who, key, algorithm=HMAC, message=TEXT, **more):
    return operations.generate_mac(who(), key, algorithm=algorithm, message=message, **more)


def verified(who, key, mac, algorithm=HMAC, message=TEXT, **more):
    return operations.verify_mac(who(), key, algorithm=algorithm, message=message, mac=mac, **more)


@pytest.mark.parametrize(("spec", "length"), LENGTHS.items())
def test_it_works(alice, make_key, spec, length):
    key = make_key(spec=spec)
    mac = made(alice, key, spec)
    assert (mac.algorithm, mac.key_id, len(base64.b64decode(mac.mac))) == (spec, key.pk, length)
    checked = verified(alice, key, mac.mac, spec)
    assert (checked.value, checked.algorithm, checked.key_id) == (True, spec, key.pk)


def test_a_wrong_mac_is_an_answer(alice, make_key):
    key = make_key(spec=HMAC)
    raw = base64.b64decode(made(alice, key).mac)
    for bad in (raw[:-1] + bytes([raw[-1] ^ 1]), raw[:-1], raw[:16], raw + b"\0", b""):
        assert verified(alice, key, base64.b64encode(bad).decode()).value is False
    assert verified(alice, key, base64.b64encode(raw).decode(), message=base64.b64encode(b"other").decode()).value is False
    assert verified(alice, make_key(spec=HMAC), base64.b64encode(raw).decode()).value is False


def test_macs_are_compared_in_constant_time(alice, make_key, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return False

    key = make_key(spec=HMAC)
    mac = made(alice, key).mac
    with monkeypatch.context() as patch:
        patch.setattr(hmac, "compare_digest", compare)
        verified(alice, key, mac)
    assert base64.b64decode(mac) in [part for pair in compared for part in pair if isinstance(part, bytes)]


@pytest.mark.parametrize(("length", "code"), [(0, "InvalidParameter"), (1, "ok"), (6144, "ok"), (6145, "InvalidParameter")])
def test_the_message_is_1_to_6144_bytes(alice, make_key, length, code):
    text = base64.b64encode(bytes(length)).decode()
    assert outcome(lambda: made(alice, make_key(spec=HMAC), message=text)) == code


@pytest.mark.parametrize(("parameters", "name"), [({"message": "no base64!"}, "Message"), ({"mac": "no base64!"}, "Mac"),
                                                  ({"algorithm": "HMAC_MD5"}, "Algorithm"), ({"algorithm": ""}, "Algorithm")])
def test_bad_parameters_are_named(alice, make_key, parameters, name):
    with pytest.raises(Refused) as caught:
        verified(alice, make_key(spec=HMAC), **{"mac": TEXT, **parameters})
    assert (caught.value.first.code, caught.value.first.facts["name"]) == ("InvalidParameter", name)


@pytest.mark.parametrize(("spec", "algorithm", "slug"), [
    (HMAC, "HMAC_SHA_512", "algorithm_does_not_fit"), ("Aliyun_AES_256", HMAC, "needs_mac_key"),
    ("EC_P256", HMAC, "needs_mac_key")])
def test_key_and_algorithm_must_fit(alice, make_key, spec, algorithm, slug):
    with pytest.raises(Refused) as caught:
        made(alice, make_key(spec=spec), algorithm)
    assert (caught.value.first.code, caught.value.first.slug) == ("Rejected.UnsupportedOperation", slug)


def test_a_mac_key_makes_macs_only(alice, make_key):
    assert outcome(lambda: operations.encrypt(alice(), make_key(spec=HMAC), plaintext=TEXT)) == "UnsupportedOperation"
    assert outcome(lambda: operations.generate_data_key(alice(), make_key(spec=HMAC))) == "UnsupportedOperation"


def test_bob_may_use_and_carol_may_not(bob, carol, make_key):
    key = make_key(spec=HMAC)
    assert verified(bob, key, made(bob, key).mac).value
    assert outcome(lambda: made(carol, key)) == "Forbidden.NoPermission"
    assert outcome(lambda: verified(carol, key, TEXT)) == "Forbidden.NoPermission"


def test_a_dry_run_uses_nothing(alice, make_key):
    key = make_key(spec=HMAC)
    assert outcome(lambda: made(alice, key, dry_run=True)) == "DryRunOperationError"
    assert outcome(lambda: verified(alice, key, TEXT, dry_run=True)) == "DryRunOperationError"
    assert outcome(lambda: made(alice, make_key(State.DISABLED, spec=HMAC), dry_run=True)) == "Rejected.Disabled"


def test_events_hold_neither_message_nor_mac(alice, make_key):
    mac = made(alice, make_key(spec=HMAC)).mac
    event = Event.objects.latest("id")
    assert (event.action, event.outcome) == ("GenerateMac", "ok")
    assert not any(text in repr(list(Event.objects.values())) for text in (mac, TEXT))
