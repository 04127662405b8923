"""Processes at once over one instance, on whatever database the run uses: each thing happens once, losers lose politely."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Event
from instances import operations as instances
from instances import sweeps as instance_sweeps
from instances.models import Instance, WrappingKey
from keys import lookup, operations, sweeps
from keys.models import Key, KeyMaterial
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "Rejected.StateModifiedFailed"
RELEASED = "Forbidden.DKMSInstanceStateInvalid"


def read(home):
    return Instance.objects.get(pk=home.pk)


def ok(action, home):
    return Event.objects.filter(action=action, object_id=home.pk, outcome="ok").count()


@pytest.mark.parametrize(("action", "call"), [
    ("RenewInstance", lambda c, home: instances.renew_instance(c, home, months=1)),
    ("ModifyInstance", lambda c, home: instances.upgrade_instance(c, home, key_quota=2000)),
    ("SetGracePolicy", lambda c, home: instances.set_grace_policy(c, home, policy="drain")),
    ("UpdateKmsInstance", lambda c, home: instances.rename_instance(c, home, name="new")),
    ("UpdateKmsInstanceBindVpc", lambda c, home: instances.bind_vpcs(c, home, vpcs=[{"VpcId": "vpc-1", "VSwitchId": "vsw-1"}])),
    ("TagKmsInstance", lambda c, home: instances.tag_instance(c, home, pairs=[("team", "red")])),
    ("RefundInstance", lambda c, home: operations.refund_instance(c, home)),
])
def test_of_two_changes_from_one_reading_one_stands(alice, action, call):
    home = read(make.instance(alice))
    done = sorted(race(lambda _: outcome(lambda: call(alice(), home))))
    assert done in ([LOST, "ok"], [RELEASED, "ok"])
    assert ok(action, home) == 1


def test_two_enable_it_once(alice):
    home = read(make.instance(alice, enabled=False))
    assert sorted(race(lambda _: outcome(lambda: instances.enable_instance(alice(), home)))) == [LOST, "ok"]
    assert WrappingKey.objects.filter(instance=home).count() == 1


def test_a_renewal_and_the_release_by_the_clock_have_one_winner(alice):
    for number in range(6):
        home = make.instance(alice, name=f"race-{number}")
        key = make.key(alice, home=home)
        instances.note_backup(make.operator(), home, began_at=home.end_at)
        at = home.end_at + timedelta(days=15)

        def go(who, home=home, at=at):
            if who:
                return sweeps.release_due(at)
            return outcome(lambda: instances.renew_instance(alice(at=at), read(home), months=1))

        renewed, released = race(go)
        now = read(home)
        assert (renewed == "ok", released, bool(now.released_at)) in ((True, 0, False), (False, 1, True))
        late = alice(at=at)
        works = outcome(lambda key=key, late=late: operations.encrypt(late, lookup.key_for(late, key.pk), plaintext=TEXT))
        assert (works == "ok") == (renewed == "ok")
        assert (WrappingKey.objects.get(instance=home).destroyed_at is None) == (renewed == "ok")


def test_two_sweeps_release_and_erase_once(alice):
    homes = [make.instance(alice, name=f"old-{number}") for number in range(3)]
    for home in homes:
        for _ in range(3):
            make.key(alice, home=home)
        instances.note_backup(make.operator(), home, began_at=home.end_at)
    at = homes[0].end_at + timedelta(days=16)
    assert sum(race(lambda _: sweeps.release_due(at))) == 3
    assert sum(race(lambda _: sweeps.clear_released(at))) == 9
    assert [ok("ReleaseExpiredInstance", home) for home in homes] == [1, 1, 1]
    assert [ok("ClearReleasedInstance", home) for home in homes] == [1, 1, 1]
    assert Event.objects.filter(action="DestroyKey", outcome="ok").count() == 9
    assert not KeyMaterial.objects.exists()


def test_two_clocks_remind_once_and_renew_once(alice):
    home = make.instance(alice)
    soon = home.end_at - timedelta(days=7)
    assert sum(race(lambda _: instance_sweeps.remind(soon))) == 1
    instances.set_renewal(alice(), read(home), months=1)
    assert sum(race(lambda _: instance_sweeps.renew_due(home.end_at - timedelta(minutes=30)))) == 1
    assert [ok("RemindExpiry", home), ok("RenewInstance", home)] == [1, 1]


def test_no_key_gets_into_an_instance_that_is_being_released(alice):
    """Whoever commits first decides: a key that was made in time keeps an unforced release from happening, and after the
    release none is made. Never a living key in a released instance."""
    for number in range(6):
        home = make.instance(alice, name=f"late-{number}", charge_type="POSTPAY")

        def go(who, home=home):
            if who:
                return outcome(lambda: operations.create_key(alice(), instance=home))
            return outcome(lambda: operations.release_kms_instance(alice(), home))

        released, created = race(go)
        assert (released, created) in (("ok", RELEASED), ("Forbidden.NoBackup", "ok"))
        assert Key.objects.filter(instance=home).exclude(state=State.DESTROYED).count() == (created == "ok")


def test_two_defaults_are_one(alice):
    make.instance(alice)
    others = [read(make.instance(alice, name=f"other-{number}")) for number in range(2)]
    done = race(lambda number: outcome(lambda: instances.set_default_instance(alice(), others[number])))
    assert "ok" in done
    assert set(done) <= {"ok", LOST}
    assert Instance.objects.get(is_default=True) in others
