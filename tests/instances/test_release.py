"""The end of an instance: everything in it is dead from one instant on, and nothing ends that should live."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audit.models import Event
from base.caller import Caller
from base.refusal import Refused
from crypto.errors import MaterialGone
from instances import lookup as instance_lookup
from instances import opening
from instances import operations as instances
from instances.models import Instance, WrappingKey
from instances.states import State as InstanceState
from keys import erasing, lookup, operations, sweeps
from keys.models import Alias, Key, KeyMaterial, KeyVersion
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def after(home, *, days=0.0):
    """An instant after the last one at which the instance can be renewed."""
    return home.end_at + timedelta(days=15 + days)


def release(who, home, at=None, **more):
    call = operations.refund_instance if home.has_term else operations.release_kms_instance
    return outcome(lambda: call(who(at=at), home, **more))


def slugs_of(call):
    with pytest.raises(Refused) as refused:
        call()
    return [reason.slug for reason in refused.value.refusals]


@pytest.fixture
def flexible(alice):
    """A pay-as-you-go instance with two keys, an alias and a ciphertext."""
    home = make.instance(alice, name="flexible", charge_type="POSTPAY")
    home.keys = [make.key(alice, home=home) for _ in range(2)]
    operations.create_alias(alice(), home.keys[0], alias_name="alias/one")
    home.blob = make.sealed_by(alice(), home.keys[0])
    return home


def test_it_works(alice, flexible):
    at = alice().at + 5 * SECOND
    assert release(alice, flexible, at, force_delete_without_backup=True) == "ok"
    gone = Instance.objects.get(pk=flexible.pk)
    assert gone.state_at(at) is InstanceState.RELEASED
    assert (gone.released_at, gone.released_by, gone.is_default) == (at, "user/alice", False)
    assert outcome(lambda: operations.encrypt(alice(at=at), lookup.key_for(alice(at=at), "alias/one"), plaintext=TEXT)) \
        == "Forbidden.KeyNotFound"
    assert outcome(lambda: operations.decrypt(alice(at=at), ciphertext_blob=flexible.blob)) == "Forbidden.KeyNotFound"
    assert operations.list_keys(alice(at=at)).total == 0
    assert outcome(lambda: operations.create_key(alice(at=at), instance=gone)) == "Forbidden.DKMSInstanceStateInvalid"


def test_the_wrapping_key_is_overwritten_in_the_same_moment(alice, flexible, django_capture_on_commit_callbacks):
    wrapping = WrappingKey.objects.get(instance=flexible)
    opening.engine_for(wrapping)
    with django_capture_on_commit_callbacks(execute=True):
        release(alice, flexible, force_delete_without_backup=True)
    gone = WrappingKey.objects.get(pk=wrapping.pk)
    assert set(bytes(gone.sealed)) == {0}
    assert gone.destroyed_at is not None
    assert opening._engine.cache_info().currsize == 0
    with pytest.raises(MaterialGone):
        opening.engine_for(gone)
    assert KeyMaterial.objects.filter(wrapping_key=gone).count() == 2, "the rows are the sweep's"


def test_an_opened_key_is_forgotten_in_time(alice, instance, monkeypatch):
    """A process that another one's release did not reach."""
    opening.engine_for(WrappingKey.objects.get(instance=instance))
    later = opening.time.monotonic() + opening.KEPT_SECONDS
    monkeypatch.setattr(opening.time, "monotonic", lambda: later)
    opening.engine_for(opening.wrapping_key_for(make.operator(), alice.account, instance))
    assert opening._engine.cache_info().misses == 1


def test_a_use_that_began_before_the_release_finds_no_key(alice, flexible):
    """The key was read alive, its material after the release."""
    from keys.operations.using import material_of, opened, worked

    key = Key.objects.select_related("instance").get(pk=flexible.keys[0].pk)
    release(alice, flexible, force_delete_without_backup=True)
    assert outcome(lambda: worked(key, lambda: opened(material_of(key), key))) == "Forbidden.KeyNotFound"


def test_the_sweep_leaves_tombstones_and_tells_the_providers(alice, flexible, monkeypatch):
    told = []
    tell = erasing.release
    monkeypatch.setattr(erasing, "release", lambda held: (told.extend(held), tell(held)))
    at = alice().at
    release(alice, flexible, at, force_delete_without_backup=True)
    assert sweeps.clear_released(at + DAY) == 2
    assert len(told) == 2
    assert not KeyMaterial.objects.filter(version__key__instance=flexible).exists()
    assert not Alias.objects.exists()
    tombs = Key.objects.filter(instance=flexible)
    assert {(key.state, key.destroyed_at) for key in tombs} == {(State.DESTROYED, at)}
    assert KeyVersion.objects.filter(key__in=tombs).count() == 2
    assert Instance.objects.get(pk=flexible.pk).cleared_at == at + DAY
    assert Event.objects.filter(action="DestroyKey", outcome="ok").count() == 2
    assert [sweeps.clear_released(at + DAY), Event.objects.filter(action="ClearReleasedInstance").count()] == [0, 1]


def test_a_provider_that_does_not_answer_puts_only_its_key_off(alice, flexible, monkeypatch):
    from crypto.errors import Unavailable

    sick, tell = flexible.keys[0].pk, erasing.release

    def failing(held):
        if any(stored.identity.owner == sick for _, stored in held):
            raise Unavailable("token")
        tell(held)

    monkeypatch.setattr(erasing, "release", failing)
    at = alice().at
    release(alice, flexible, at, force_delete_without_backup=True)
    assert sweeps.clear_released(at) == 1
    assert Instance.objects.get(pk=flexible.pk).cleared_at is None
    assert KeyMaterial.objects.get().version.key_id == sick, "nothing forgets what a provider still holds"
    monkeypatch.setattr(erasing, "release", tell)
    assert [sweeps.clear_released(at), sweeps.clear_released(at + timedelta(minutes=5))] == [0, 1]
    assert Instance.objects.get(pk=flexible.pk).cleared_at is not None


@pytest.mark.parametrize(("began", "code"), [(None, "Forbidden.NoBackup"), (-1, "Forbidden.NoBackup"), (0, "Forbidden.NoBackup"),
                                             (1, "ok")])
def test_by_hand_it_needs_a_backup_that_holds_every_key(alice, flexible, began, code):
    newest = KeyVersion.objects.order_by("-created_at").first().created_at
    if began is not None:
        instances.note_backup(make.operator(), flexible, began_at=newest + began * SECOND)
    assert release(alice, flexible) == code
    assert (Instance.objects.get(pk=flexible.pk).released_at is not None) == (code == "ok")


def test_an_older_backup_never_replaces_a_newer(alice, instance):
    now = alice().at
    for began in (now, now - DAY):
        instances.note_backup(make.operator(), instance, began_at=began)
    instance.refresh_from_db()
    assert instance.last_backup_at == now


def test_every_reason_is_told_at_once(bob, alice, flexible):
    instances.set_deletion_protection(alice(), flexible, enabled=True, description="Year end")
    assert slugs_of(lambda: operations.release_kms_instance(bob(), flexible)) == [
        "Forbidden.NoPermission", "deletion_protection_instance", "no_backup"]
    event = Event.objects.get(action="ReleaseKmsInstance", account=alice.account.pk)
    assert json.loads(event.detail)["reasons"][-1] == "no_backup"


def test_force_does_not_lift_protection(alice, flexible):
    instances.set_deletion_protection(alice(), flexible, enabled=True)
    assert release(alice, flexible, force_delete_without_backup=True) == "Rejected.DeletionProtection"


def test_a_subscription_is_unsubscribed_and_pay_as_you_go_released(alice, instance, flexible):
    refused = slugs_of(lambda: operations.release_kms_instance(alice(), instance, force_delete_without_backup=True))
    assert refused == ["subscription_is_unsubscribed"]
    assert slugs_of(lambda: operations.refund_instance(alice(), flexible, force_delete_without_backup=True)) == [
        "pay_as_you_go_is_released"]
    assert outcome(lambda: operations.refund_instance(alice(), instance)) == "ok", "nothing was in it"


def test_a_second_release_is_refused(alice, flexible):
    release(alice, flexible, force_delete_without_backup=True)
    assert release(alice, flexible, force_delete_without_backup=True) == "Forbidden.DKMSInstanceStateInvalid"


class TestTheClock:
    def test_it_waits_for_fifteen_days_and_releases_what_a_backup_holds(self, alice, instance, make_key):
        key = make_key()
        instances.note_backup(make.operator(), instance, began_at=instance.end_at)
        assert [sweeps.release_due(after(instance) - SECOND), sweeps.release_due(after(instance))] == [0, 1]
        gone = Instance.objects.get(pk=instance.pk)
        assert (gone.released_at, gone.released_by) == (after(instance), "system/clock")
        assert Key.objects.select_related("instance").get(pk=key.pk).state_at(after(instance)) is State.DESTROYED
        event = Event.objects.get(action="ReleaseExpiredInstance", outcome="ok")
        assert (event.account, json.loads(event.detail)["keys"]) == (alice.account.pk, 1)

    def test_it_waits_for_a_backup_that_began_after_the_end_and_says_so_once_a_day(self, instance, make_key):
        make_key()
        instances.note_backup(make.operator(), instance, began_at=instance.end_at - SECOND)
        at = after(instance)
        assert [sweeps.release_due(at + hours * timedelta(hours=1)) for hours in (0, 1, 23, 24, 30)] == [0] * 5
        said = Event.objects.filter(action="ReleaseDelayed", outcome="ok")
        assert [json.loads(event.detail)["reasons"] for event in said] == [["no_backup_since_the_end"]] * 2
        instances.note_backup(make.operator(), Instance.objects.get(), began_at=at + DAY)
        assert sweeps.release_due(at + 2 * DAY) == 1

    def test_it_releases_what_is_empty_without_a_backup(self, alice, instance, make_key):
        make_key(State.DESTROYED)
        bare = make.instance(alice, name="bare", enabled=False)
        assert sweeps.release_due(after(instance)) == 2
        assert Instance.objects.get(pk=bare.pk).released_at

    def test_protection_holds_it_back(self, alice, instance):
        instances.set_deletion_protection(alice(at=instance.end_at), instance, enabled=True)
        assert sweeps.release_due(after(instance, days=400)) == 0
        assert json.loads(Event.objects.get(action="ReleaseDelayed").detail)["reasons"] == ["deletion_protection_instance"]

    def test_auto_renewal_holds_it_back(self, alice, instance):
        instances.set_renewal(alice(), instance, months=1)
        assert sweeps.release_due(after(instance, days=9)) == 0

    def test_pay_as_you_go_never_falls_due(self, alice, flexible):
        assert sweeps.release_due(alice().at + 3650 * DAY) == 0

    def test_a_delayed_release_can_still_be_renewed(self, alice, instance, make_key):
        key, at = make_key(), after(instance, days=3)
        assert sweeps.release_due(at) == 0
        home = Instance.objects.get(pk=instance.pk)
        instances.renew_instance(alice(at=at), home, months=1)
        assert outcome(lambda: operations.encrypt(alice(at=at), lookup.key_for(alice(at=at), key.pk), plaintext=TEXT)) == "ok"
        assert sweeps.release_due(at) == 0

    def test_nobody_but_the_date_brings_it(self, alice, instance):
        caller = Caller.system(instance.end_at)
        assert outcome(lambda: operations.release_expired_instance(caller, instance)) == "Forbidden.DKMSInstanceStateInvalid"
        assert outcome(lambda: operations.delay_release(caller, instance)) == "Rejected.StateModifiedFailed"
        assert outcome(lambda: operations.clear_released_instance(caller, instance)) == "Rejected.StateModifiedFailed"

    def test_a_scheduled_deletion_in_a_released_instance_is_the_releases(self, instance, make_key):
        key = make_key(State.PENDING_DELETION)
        instances.note_backup(make.operator(), instance, began_at=instance.end_at)
        at = after(instance)
        Key.objects.filter(pk=key.pk).update(delete_at=at + DAY)
        sweeps.release_due(at)
        assert [sweeps.destroy_due(at + 2 * DAY), sweeps.clear_released(at + 2 * DAY)] == [0, 1]
        assert Key.objects.get(pk=key.pk).destroyed_at == at


def test_it_is_shown_for_ninety_days_and_then_is_not_there(alice, instance):
    operations.refund_instance(alice(), instance)
    shown, gone = alice(at=instance.released_at + 90 * DAY - SECOND), alice(at=instance.released_at + 90 * DAY)
    assert instance_lookup.instance_for(shown, instance.pk) == instance
    assert outcome(lambda: instance_lookup.instance_for(gone, instance.pk)) == "Forbidden.DKMSInstanceNotFound"
    assert operations.list_keys(shown).total == 0
    assert instances.list_kms_instances(shown).total == 0


def test_the_tombstone_knows_who_released_it(alice, flexible):
    release(alice, flexible, force_delete_without_backup=True)
    with pytest.raises(Refused) as refused:
        lookup.key_for(alice(), flexible.keys[1].pk)
    reason = refused.value.first
    assert (reason.slug, reason.facts["destroyed_at"]) == ("key_destroyed", flexible.released_at)
