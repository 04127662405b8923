"""What the lane answers by itself, what it leaves to dispatch, and what a group does when something goes wrong."""

from __future__ import annotations

import base64
import json
import sqlite3
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from access import nonces
from access.models import AccessKey
from api import dispatch, request
from api.fast import group, lane
from api.fast.seen import Seen, SeenKey, Unseen
from api.signatures.encoding import canonical_queries
from audit.models import Event
from audit.turns import Turn
from base import clock
from keys import operations
from keys.states import State
from tests import doors
from tests.api.live.clients import call
from tests.doors import SDK_WARNINGS, fast_server
from tests.keys.calls import DIGEST, ECDSA, HMAC, OAEP, TEXT, version_of

pytestmark = [pytest.mark.django_db(transaction=True), *SDK_WARNINGS]


class Api:
    """As `tests.api.live.clients` wants it."""

    def __init__(self, host, who):
        self.host, (self.access_key_id, self.access_key_secret) = host, doors.used_access_key(who)


@pytest.fixture(scope="module")
def host():
    with fast_server() as address:
        yield address


@pytest.fixture
def api(host, alice):
    return Api(host, alice)


@pytest.fixture
def dispatched(monkeypatch):
    """Actions that went through dispatch."""
    found, real = [], dispatch.answer
    monkeypatch.setattr(dispatch, "answer", lambda asked, request_id: (
        found.append(asked.headers.get("x-acs-action")), real(asked, request_id))[1])
    return found


def hot_calls(make_key):
    """action -> parameters of a call that works."""
    plain, pair, cipher = make_key(), make_key(spec="EC_P256"), make_key(spec="RSA_2048", usage="ENCRYPT/DECRYPT")
    mac = make_key(spec="HMAC_SHA_256", usage="GENERATE_MAC/VERIFY_MAC")
    signing = {"KeyId": pair.pk, "KeyVersionId": version_of(pair), "Algorithm": ECDSA, "Digest": DIGEST}
    sealing = {"KeyId": cipher.pk, "KeyVersionId": version_of(cipher), "Algorithm": OAEP}
    return {
        "Encrypt": {"KeyId": plain.pk, "Plaintext": TEXT}, "GenerateDataKey": {"KeyId": plain.pk, "NumberOfBytes": "16"},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": plain.pk}, "AsymmetricSign": signing,
        "AsymmetricVerify": signing | {"Value": TEXT}, "AsymmetricEncrypt": sealing | {"Plaintext": TEXT},
        "GenerateMac": {"KeyId": mac.pk, "Algorithm": HMAC, "Message": TEXT},
        "VerifyMac": {"KeyId": mac.pk, "Algorithm": HMAC, "Message": TEXT, "Mac": TEXT},
    }


def test_hot_calls_never_reach_dispatch(api, make_key, dispatched):
    calls = hot_calls(make_key)
    blob = call(api, "Encrypt", calls["Encrypt"]).body["CiphertextBlob"]
    sealed = call(api, "AsymmetricEncrypt", calls["AsymmetricEncrypt"]).body["CiphertextBlob"]
    calls["Decrypt"] = {"CiphertextBlob": blob}
    calls["AsymmetricDecrypt"] = {name: value for name, value in calls["AsymmetricEncrypt"].items() if name != "Plaintext"}
    calls["AsymmetricDecrypt"]["CiphertextBlob"] = sealed
    assert set(calls) == lane.HOT
    for action, parameters in calls.items():
        for _ in range(3):  # the second and third by the plan of the first, where there is one
            assert call(api, action, parameters).status == 200, action
    assert dispatched == []
    events = Event.objects.filter(action__in=lane.HOT)
    assert events.count() == 3 * len(calls) + 2
    assert set(events.values_list("outcome", "principal", "door", "access_key_id")) == {
        ("ok", "user/alice", "api", api.access_key_id)}
    assert events.values("request_id").distinct().count() == events.count()


def test_a_plan_answers_like_the_whole_way(api, make_key):
    key = make_key()
    for context in ({}, {"EncryptionContext": '{"a":"b"}'}):
        for text in (TEXT, base64.b64encode(bytes(6144)).decode(), TEXT):
            blob = call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": text, **context}).body["CiphertextBlob"]
            assert call(api, "Decrypt", {"CiphertextBlob": blob, **context}).body["Plaintext"] == text
            assert call(api, "Decrypt", {"CiphertextBlob": blob, "EncryptionContext": '{"x":"y"}'}).code == "InvalidParameter"
            assert call(api, "Decrypt", {"CiphertextBlob": blob[:-8], **context}).code == "InvalidParameter"
        for bad in ("", "no base64", base64.b64encode(bytes(6145)).decode()):
            assert call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": bad, **context}).code == "InvalidParameter"
    assert call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT, "DryRun": "true"}).code == "DryRunOperationError"
    assert not Event.objects.filter(outcome="InternalFailure").exists()


def test_a_change_is_seen_by_the_next_request(api, alice, make_key, dispatched):
    key, other = make_key(), make_key()
    operations.create_alias(alice(), key, alias_name="alias/one")
    asked = {"KeyId": "alias/one", "Plaintext": TEXT}
    assert call(api, "Encrypt", asked).body["KeyId"] == key.pk
    operations.update_alias(alice(), other, alias_name="alias/one")
    assert call(api, "Encrypt", asked).body["KeyId"] == other.pk
    operations.disable_key(alice(), other)
    assert [call(api, "Encrypt", asked).code for _ in range(3)] == ["Rejected.Disabled"] * 3
    operations.enable_key(alice(), other)
    assert call(api, "Encrypt", asked).status == 200
    operations.tag_resource(alice(), other, tags=(("team", "core"),))
    assert call(api, "Encrypt", asked).status == 200
    # The old alias and the disabled key were met once each, by a request that was then done from the start.
    assert dispatched == ["Encrypt"] * 2


def test_a_rotation_is_seen(api, alice, make_key):
    key = make_key()
    first = call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).body
    operations.create_key_version(alice(), key)
    second = call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).body
    assert first["KeyVersionId"] != second["KeyVersionId"]
    for answer in (first, second):
        assert call(api, "Decrypt", {"CiphertextBlob": answer["CiphertextBlob"]}).body["Plaintext"] == TEXT


def test_strangers_and_wrong_signatures_hear_the_same_from_dispatch(api, charlie, make_key):
    key, stranger = make_key(), Api(api.host, charlie)
    blob = call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).body["CiphertextBlob"]
    assert call(stranger, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).code == "Forbidden.KeyNotFound"
    assert call(stranger, "Encrypt", {"KeyId": key.arn, "Plaintext": TEXT}).code == "Forbidden.KeyNotFound"
    assert call(stranger, "Decrypt", {"CiphertextBlob": blob}).code == "Forbidden.KeyNotFound"
    assert call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}, secret="wrong").code == "SignatureDoesNotMatch"
    AccessKey.objects.filter(pk=api.access_key_id).update(status="Inactive")
    assert call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).code == "InvalidAccessKeyId.Inactive"


def test_a_nonce_serves_once(api, make_key):
    asked = {"KeyId": make_key().pk, "Plaintext": TEXT}
    assert [call(api, "Encrypt", asked, nonce="one").code for _ in range(3)] == ["", *["SignatureNonceUsed"] * 2]
    assert sorted(Event.objects.filter(action="Encrypt").values_list("outcome", "principal")) == [
        ("SignatureNonceUsed", ""), ("SignatureNonceUsed", ""), ("ok", "user/alice")]


@pytest.fixture
def settle(alice, make_key):
    """A writer without its thread, and tickets as the lane makes them: ``settle(nonces)`` returns the tickets of one group."""
    seen, caller = Seen(), alice()
    key = make_key()
    seen.look(Unseen("key", key.pk))
    sight = seen.get("key", key.pk)
    writer = group.Writer(seen, lambda tickets: None)

    class Plain(group.Ticket):
        def nonce_used(self):
            return self.entry._replace(outcome="SignatureNonceUsed")

    def ticket(nonce, at=None):
        entry = lane.recording.entry(caller, "Encrypt", sight.key)
        who = group.replace(caller, at=at or caller.at)
        return Plain((nonces.digest("LTAI", nonce), clock.real_now()), entry, entry.request_id, frozenset({sight}),
                     [("Encrypt", who, sight.key)], "")

    def run(*names, at=None):
        tickets = [ticket(name, at) for name in names]
        writer._settle(tickets)
        return [one.outcome for one in tickets]

    run.writer, run.key, run.seen = writer, key, seen
    return run


def outcomes():
    return sorted(Event.objects.filter(action="Encrypt").values_list("outcome", flat=True))


def test_two_alike_in_one_group_are_one(settle):
    assert settle("a", "b", "a", "c", "b") == ["done", "done", "nonce used", "done", "nonce used"]
    assert settle("c", "d") == ["nonce used", "done"]
    assert outcomes() == ["SignatureNonceUsed"] * 3 + ["ok"] * 4


@pytest.mark.parametrize("step", ["facts", "claim", "store", "commit"])
def test_where_the_commit_fails_the_whole_group_fails(settle, step, monkeypatch):
    assert settle("first") == ["done"]
    tables = settle.writer._tables
    with monkeypatch.context() as patch:
        def fail(*_):
            raise sqlite3.OperationalError("disk full")
        patch.setattr(tables, step, fail)
        assert settle("a", "b") == ["unavailable", "unavailable"]
    assert outcomes() == ["ok"]
    assert settle("a", "b") == ["done", "done"], "nothing of the failed group stayed"


def test_a_broken_connection_is_opened_anew(settle):
    assert settle("a") == ["done"]
    connection.connection.close()
    assert settle("b") == ["done"]


def test_a_date_that_comes_between_decision_and_commit_counts(settle, monkeypatch, alice):
    key = settle.seen.get("key", settle.key.pk).key
    key.material_expires_at = clock.now() + timedelta(seconds=5)
    monkeypatch.setattr(group.clock, "now", lambda: key.material_expires_at - timedelta(seconds=1))
    assert settle("a") == ["done"]
    monkeypatch.setattr(group.clock, "now", lambda: key.material_expires_at)
    assert settle("b") == ["stale"]
    assert outcomes() == ["ok"]


def test_what_has_changed_is_forgotten_although_nobody_asks(settle, alice):
    assert any(isinstance(sight, SeenKey) for sight in settle.seen.all())
    settle.writer._check_all()
    assert settle.seen.all()
    operations.disable_key(alice(), settle.key)
    settle.writer._check_all()
    assert not settle.seen.all()


def test_what_is_kept_is_bounded(settle, make_key, monkeypatch):
    kept = settle.seen._kinds["key"]
    monkeypatch.setattr(kept, "_most", 2)
    for key in [make_key() for _ in range(3)]:
        assert settle.seen.look(Unseen("key", key.pk))
    assert len(kept.all()) == 2


def test_a_key_without_material_is_left_to_the_rules(api, make_key):
    key = make_key(State.PENDING_IMPORT)
    assert call(api, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT}).code == "Rejected.PendingImport"


PAIRS = st.dictionaries(st.text(max_size=5), st.text(max_size=12), max_size=5)


@given(PAIRS)
def test_a_canonical_query_reads_like_any_other(pairs):
    raw = canonical_queries(tuple(pairs.items()))[0].encode()
    if (quick := request.decode_canonical(raw)) is not None:
        assert quick == request.decode_form(raw) == tuple(sorted(pairs.items()))
        assert canonical_queries(quick)[0].encode() == raw


@given(st.text(alphabet="aZ0.~_-%2BbF+=&/", max_size=24))
def test_only_what_is_canonical_is_taken_for_it(text):
    raw = text.encode()
    quick = request.decode_canonical(raw)
    if quick is not None:
        assert quick == request.decode_form(raw)
        assert canonical_queries(quick)[0].encode() == raw


def test_turns_are_taken_in_order(tmp_path):
    path = tmp_path / "db"
    one, two = Turn(path), Turn(path)
    one.begin()
    one.end()
    two.begin()
    two.end()
    two.end()
    with Turn(path):
        pass
    assert json.dumps(sorted(entry.name for entry in tmp_path.iterdir())) == '["db.queue", "db.turn"]'
