"""The end of a term: what reminds of it, what renews by itself, and what drains."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Event
from base import clock
from instances import operations as instances
from instances import sweeps
from instances.models import Instance
from instances.states import NEVER, REMINDER_DAYS, RENEWAL_DAYS, reminder, renew_by
from keys import lookup, operations
from keys.operations.reading import view
from keys.states import DRAINED, GATE, State
from tests import make
from tests.keys.calls import CALLS, TEXT, outcome

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
ZONE = ZoneInfo("Asia/Shanghai")


def said(action="RemindExpiry"):
    return [json.loads(event.detail) for event in Event.objects.filter(action=action, outcome="ok").order_by("id")]


class TestReminders:
    def test_each_comes_once_and_says_how_many_days_are_left(self, alice, instance):
        at = instance.end_at - 40 * DAY
        while at < instance.end_at + 20 * DAY:
            sweeps.remind(at)
            at += 6 * HOUR
        assert [event["days_left"] for event in said()] == [*REMINDER_DAYS, *range(RENEWAL_DAYS - 1, 0, -1)]
        assert [event["expired"] for event in said()] == [False] * 5 + [True] * 14
        assert set(Event.objects.filter(action="RemindExpiry").values_list("account", flat=True)) == {alice.account.pk}

    def test_after_a_stop_of_the_clock_one_stands_for_all(self, instance):
        assert [sweeps.remind(instance.end_at - 2 * DAY), sweeps.remind(instance.end_at - 2 * DAY)] == [1, 0]
        assert said()[0]["days_left"] == 2
        assert sweeps.remind(instance.end_at + 5 * DAY + HOUR) == 1
        assert said()[1]["days_left"] == 10

    def test_a_renewal_begins_them_anew(self, alice, instance):
        sweeps.remind(instance.end_at - 7 * DAY)
        instance.refresh_from_db()
        instances.renew_instance(alice(at=instance.end_at - 6 * DAY), instance, months=12)
        assert [sweeps.remind(instance.end_at - 31 * DAY), sweeps.remind(instance.end_at - 30 * DAY)] == [0, 1]

    def test_none_for_what_renews_itself_has_no_term_or_is_gone(self, alice, instance):
        make.instance(alice, name="flexible", charge_type="POSTPAY")
        gone = make.instance(alice, name="gone")
        operations.refund_instance(alice(), gone)
        instances.set_renewal(alice(), instance, months=1)
        assert sweeps.remind(instance.end_at - 7 * DAY) == 0

    @given(st.integers(0, 60 * 24), st.integers(-40 * 24, 20 * 24))
    def test_never_one_of_the_future_nor_of_before_the_start(self, age, hours):
        end = datetime(2026, 3, 1, 16, tzinfo=UTC)
        start, now = end - age * HOUR - SECOND, end + hours * HOUR
        found = reminder(start, end, now, ZONE)
        if found is not None:
            assert start < found.at <= now < renew_by(end, ZONE)
            assert found.expired == (now >= end)
            assert 0 < found.days_left <= max(REMINDER_DAYS)


class TestRenewingItself:
    def test_no_call_meets_the_end(self, alice, instance, make_key):
        instances.set_renewal(alice(), instance, months=3)
        end = instance.end_at
        assert [sweeps.renew_due(end - HOUR - SECOND), sweeps.renew_due(end - HOUR), sweeps.renew_due(end)] == [0, 1, 0]
        now = Instance.objects.get()
        assert now.lapsed_at is None
        assert timedelta(days=89) < now.end_at - end < timedelta(days=93)
        assert now.serves(end)
        event = Event.objects.get(action="RenewInstance")
        assert (event.door, event.account, json.loads(event.detail)["automatic"]) == ("clock", alice.account.pk, True)

    def test_a_clock_that_slept_through_the_end_renews_from_then_on(self, alice, instance):
        instances.set_renewal(alice(), instance, months=1)
        late = instance.end_at + 30 * DAY
        assert sweeps.renew_due(late) == 1
        now = Instance.objects.get()
        assert now.serves(late)
        assert (now.lapsed_at, now.resumed_at) == (instance.end_at, late)

    def test_zero_switches_it_off(self, alice, instance):
        for months in (6, 0):
            instances.set_renewal(alice(), instance, months=months)
        assert sweeps.renew_due(instance.end_at) == 0
        assert outcome(lambda: instances.set_renewal(alice(), instance, months=4)) == "InvalidParameter"
        assert outcome(lambda: instances.renew_automatically(make.operator(instance.end_at), instance)) \
            == "Rejected.StateModifiedFailed"


def drained(alice, operation, *, state=State.ENABLED, policy="drain", hours=1.0):
    """What `operation` answers so many hours after the end of an instance with this policy."""
    home = make.instance(alice, name="draining", grace_policy=policy, at=clock.now() - timedelta(days=400))
    key, at = make.in_state(alice, state, home, lambda: make.key(alice, home=make.instance(alice, name="other")), operation)
    caller = alice(at=home.end_at + hours * HOUR)
    return outcome(lambda: CALLS[operation](caller, lookup.key_for(caller, key.pk), at))


@pytest.fixture
def draining(alice):
    """An instance whose owner wants it to drain, with a key, its ciphertext and a disabled one."""
    home = make.instance(alice, name="draining", grace_policy="drain")
    home.keys = [make.key(alice, home=home) for _ in range(2)]
    home.blobs = [make.sealed_by(alice(), key) for key in home.keys]
    return home


class TestDraining:
    def test_what_was_encrypted_opens_for_fifteen_days_and_no_longer(self, alice, draining):
        for at, code in ((draining.end_at, "ok"), (draining.end_at + 15 * DAY - SECOND, "ok"),
                         (draining.end_at + 15 * DAY, "Rejected.Unavailable")):
            assert outcome(lambda at=at: operations.decrypt(alice(at=at), ciphertext_blob=draining.blobs[0])) == code

    def test_only_keys_that_are_enabled_themselves(self, alice, draining):
        disabled, pending = draining.keys
        operations.disable_key(alice(), disabled)
        operations.schedule_key_deletion(alice(at=draining.end_at - DAY), pending, window_days=30)
        for blob in draining.blobs:
            assert outcome(lambda blob=blob: operations.decrypt(alice(at=draining.end_at), ciphertext_blob=blob)) \
                == "Rejected.Unavailable"

    def test_the_state_that_shows_is_unavailable(self, alice, draining):
        caller = alice(at=draining.end_at)
        assert view(caller, lookup.key_for(caller, draining.keys[0].pk)).state is State.UNAVAILABLE

    def test_expired_material_does_not_drain(self, alice, draining):
        key = draining.keys[0]
        type(key).objects.filter(pk=key.pk).update(material_expires_at=draining.end_at)
        assert outcome(lambda: operations.decrypt(alice(at=draining.end_at), ciphertext_blob=draining.blobs[0])) \
            == "Rejected.Unavailable"

    def test_the_owner_may_choose_it_after_the_end(self, alice, instance, make_key):
        blob = make.sealed_by(alice(), make_key())
        caller = alice(at=instance.end_at + DAY)
        assert outcome(lambda: operations.decrypt(caller, ciphertext_blob=blob)) == "Rejected.Unavailable"
        instances.set_grace_policy(caller, instance, policy="drain")
        assert outcome(lambda: operations.decrypt(caller, ciphertext_blob=blob)) == "ok"
        assert outcome(lambda: instances.set_grace_policy(caller, instance, policy="melt")) == "InvalidParameter"

    def test_re_encryption_out_of_it_is_refused_because_it_encrypts(self, alice, draining):
        target = make.key(alice, home=make.instance(alice, name="alive"), at=draining.end_at - DAY)
        assert outcome(lambda: operations.re_encrypt(alice(at=draining.end_at), target, ciphertext_blob=draining.blobs[0])) \
            == "Rejected.Unavailable"

    def test_a_use_that_was_under_way_when_the_policy_changed_is_decided_again(self, alice, draining, monkeypatch):
        from keys.operations import using

        caller, work = alice(at=draining.end_at), using.worked

        def slow(key, call):
            result = work(key, call)
            instances.set_grace_policy(alice(at=draining.end_at), Instance.objects.get(pk=draining.pk), policy="stop")
            return result

        monkeypatch.setattr(using, "worked", slow)
        assert outcome(lambda: operations.decrypt(caller, ciphertext_blob=draining.blobs[0])) == "Rejected.Unavailable"


OF_NO_KEY = {"ListKeys", "ListAliases", "ImportKeyMaterial", "GetParametersForImport", "DeleteKeyMaterial"}


@pytest.mark.parametrize("operation", sorted(set(GATE) - OF_NO_KEY))
def test_of_all_operations_exactly_these_drain(alice, operation):
    """Those that read work anyway; VerifyMac and the like open or check; nothing else."""
    reads = GATE[operation][State.UNAVAILABLE] == "ok"
    assert (drained(alice, operation) == "ok") == (operation in DRAINED or reads)


def test_pay_as_you_go_has_no_end_to_choose_for(alice):
    home = make.instance(alice, charge_type="POSTPAY")
    assert home.end_at == NEVER
    for call in (lambda: instances.renew_instance(alice(), home, months=1),
                 lambda: instances.set_renewal(alice(), home, months=1),
                 lambda: instances.set_grace_policy(alice(), home, policy="drain")):
        assert outcome(call) == "Rejected.UnsupportedOperation"
    assert operations.encrypt(alice(at=clock.now() + 3650 * DAY), make.key(alice, home=home), plaintext=TEXT)
