"""Facts about the uses of a key: whole at any time, gathered or not, and never counted twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Event
from base.refusal import Refused
from keys import lookup, operations, usage_sweep
from keys.models import KeyUse, UseCursor
from keys.states import State
from keys.usage import usage_of
from keys.usage_sweep import gather_uses
from tests import make
from tests.keys.calls import TEXT, outcome


def gather(who) -> int:
    """Two runs: the second adds what the first saw."""
    return gather_uses(who().at) + gather_uses(who().at)


def encrypt(who, key, **more) -> str:
    return outcome(lambda: operations.encrypt(who(**more), lookup.key_for(who(**more), key.pk), plaintext=TEXT))


def test_it_works(alice, bob, make_key):
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    encrypt(alice, key)
    operations.decrypt(bob(), ciphertext_blob=blob)
    operations.disable_key(alice(), key)
    encrypt(bob, key)
    found = usage_of(key)
    assert [(one.action, one.principal, one.count) for one in sorted(found.used, key=lambda one: one.action)] == [
        ("Decrypt", "user/bob", 1), ("Encrypt", "user/alice", 2)]
    assert [(one.action, one.principal, one.outcome) for one in found.refused] == [("Encrypt", "user/bob", "Rejected.Disabled")]
    assert found.last_used is not None
    assert found.last_refused is not None
    [(day, counts)] = found.days.items()
    assert (day, counts.used, counts.refused) == (alice().at.date(), 3, 1)


def test_gathering_changes_nothing_that_is_told(alice, bob, make_key):
    key = make_key()
    encrypt(alice, key)
    operations.generate_data_key(bob(), key)
    before = usage_of(key)
    for _ in range(4):
        gather_uses(alice().at)
        assert usage_of(key) == before
    assert KeyUse.objects.filter(key_id=key.pk).count() == 2
    encrypt(alice, key)
    assert sum(one.count for one in usage_of(key).callers) == 3


def test_a_run_goes_only_as_far_as_an_earlier_one_saw(alice, make_key):
    key = make_key()
    encrypt(alice, key)
    assert gather_uses(alice().at) == 0
    encrypt(alice, key)
    assert gather_uses(alice().at) == 1
    assert gather_uses(alice().at) == 1
    assert gather_uses(alice().at) == 0
    assert KeyUse.objects.get(key_id=key.pk).count == 2


def test_an_event_that_appears_late_is_counted(alice, make_key):
    """What PostgreSQL does to a slow transaction: its event has a smaller id than one that is visible already."""
    key = make_key()
    encrypt(alice, key)
    late = Event.objects.latest("pk")
    Event.objects.filter(pk=late.pk).delete()
    operations.describe_key(alice(), key)
    gather_uses(alice().at)
    late.save(force_insert=True)
    gather_uses(alice().at)
    assert KeyUse.objects.get(key_id=key.pk).count == 1


def test_refusals_count_while_disabled_and_pending_also_by_alias(alice, bob, make_key):
    key = make_key(State.PENDING_DELETION)
    other = make_key()
    operations.create_alias(alice(), other, alias_name="alias/pay")
    operations.disable_key(alice(), other)
    encrypt(bob, key)
    from api.dispatch import perform

    with pytest.raises(Refused):
        perform(bob(), "Encrypt", "2016-01-20", {"KeyId": "alias/pay", "Plaintext": TEXT})
    assert [one.outcome for one in usage_of(key).refused] == ["Rejected.PendingDeletion"]
    assert [one.outcome for one in usage_of(other).refused] == ["Rejected.Disabled"]


def test_a_refusal_that_knows_only_the_alias_counts_for_its_key(alice, make_key):
    """A call that fails before its key is looked up is recorded under the name the caller gave."""
    from audit import recording
    from base.refusal import Refusal

    key = make_key()
    operations.create_alias(alice(), key, alias_name="alias/pay")
    for name in ("alias/pay", key.arn, key.pk, f"{key.arn.rpartition(':')[0]}:alias/pay"):
        recording.refusal(alice(), "Encrypt", ("key", name), Refused(Refusal("MissingParameter", {"name": "Plaintext"})))
    assert [one.count for one in usage_of(key).refused] == [4]
    gather(alice)
    assert KeyUse.objects.get(key_id=key.pk).count == 4


def test_ciphertexts_and_data_keys_are_counted_by_version(alice, make_key):
    key = make_key()
    version = operations.encrypt(alice(), key, plaintext=TEXT).key_version_id
    blob = operations.generate_data_key(alice(), key).ciphertext_blob
    operations.generate_data_key_without_plaintext(alice(), key)
    operations.decrypt(alice(), ciphertext_blob=blob)
    for _ in range(3):
        issued = usage_of(key).versions
        assert set(issued) == {version}
        assert (issued[version].ciphertexts, issued[version].data_keys) == (3, 2)
        gather(alice)


def test_both_keys_of_a_re_encryption_are_used(alice, make_key):
    old, new = make_key(), make_key()
    blob = operations.encrypt(alice(), old, plaintext=TEXT).ciphertext_blob
    operations.re_encrypt(alice(), new, ciphertext_blob=blob)
    operations.disable_key(alice(), new)
    assert outcome(lambda: operations.re_encrypt(alice(), new, ciphertext_blob=blob)) == "Rejected.Disabled"
    for _ in range(2):
        assert {(one.action, one.outcome) for one in usage_of(old).callers} == {
            ("Encrypt", "ok"), ("ReEncryptFrom", "ok"), ("ReEncryptFrom", "Rejected.Disabled")}
        assert {(one.action, one.outcome) for one in usage_of(new).callers} == {
            ("ReEncryptTo", "ok"), ("ReEncryptTo", "Rejected.Disabled")}
        assert [issued.ciphertexts for issued in usage_of(new).versions.values()] == [1]
        gather(alice)


def test_a_re_encryption_without_a_source_is_a_use_of_its_destination(alice, make_key):
    from api.dispatch import perform
    from audit import recording
    from base.refusal import Refusal

    key = make_key()
    with pytest.raises(Refused):
        perform(alice(), "ReEncrypt", "2016-01-20", {"DestinationKeyId": key.pk, "CiphertextBlob": "AAAA"})
    missing = Refused(Refusal("MissingParameter", {"name": "CiphertextBlob"}))
    recording.refusal(alice(), "ReEncrypt", ("key", key.pk), missing)
    assert {(one.action, one.outcome, one.count) for one in usage_of(key).callers} == {
        ("ReEncryptTo", "InvalidParameter", 1), ("ReEncryptTo", "MissingParameter", 1)}


def test_within_one_key_a_re_encryption_uses_it_twice(alice, make_key):
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    operations.re_encrypt(alice(), key, ciphertext_blob=blob)
    for _ in range(2):
        assert {(one.action, one.count) for one in usage_of(key).callers} == {
            ("Encrypt", 1), ("ReEncryptFrom", 1), ("ReEncryptTo", 1)}
        assert [issued.ciphertexts for issued in usage_of(key).versions.values()] == [2]
        gather(alice)


def test_days_are_apart(alice, make_key):
    key, now = make_key(), alice().at
    encrypt(alice, key, at=now + timedelta(days=1))
    encrypt(alice, key, at=now + timedelta(days=2))
    gather(alice)
    encrypt(alice, key, at=now + timedelta(days=2))
    assert [(str(day), counts.used) for day, counts in usage_of(key).days.items()] == [
        (str((now + timedelta(days=2)).date()), 2), (str((now + timedelta(days=1)).date()), 1)]


def test_what_is_no_use_does_not_count(alice, charlie, make_key):
    """Reads, dry runs, another account's guess, and requests whose signature was wrong."""
    from audit import recording
    from base.caller import Caller
    from base.refusal import Refusal

    key = make_key()
    operations.describe_key(alice(), key)
    assert outcome(lambda: operations.encrypt(alice(), key, plaintext=TEXT, dry_run=True)) == "DryRunOperationError"
    recording.refusal(charlie(), "Encrypt", ("key", key.pk), Refused(Refusal("Forbidden.KeyNotFound")))
    stranger = Caller(alice().account, "", "api", alice().at)
    recording.refusal(stranger, "Encrypt", ("key", key.pk), Refused(Refusal("SignatureDoesNotMatch")))
    gather(alice)
    assert usage_of(key).callers == ()
    assert not KeyUse.objects.exists()


def test_a_sweep_that_lost_the_race_adds_nothing(alice, make_key, monkeypatch):
    key = make_key()
    encrypt(alice, key)
    gather_uses(alice().at)
    real = usage_sweep.totals

    def slowly(rows):
        monkeypatch.setattr(usage_sweep, "totals", real)
        assert gather_uses(alice().at) == 1
        return real(rows)

    monkeypatch.setattr(usage_sweep, "totals", slowly)
    assert gather_uses(alice().at) == 0
    assert KeyUse.objects.get(key_id=key.pk).count == 1


def test_a_long_trail_is_gathered_in_stretches(alice, make_key, monkeypatch):
    monkeypatch.setattr(usage_sweep, "STRETCH", 3)
    key = make_key()
    for _ in range(10):
        encrypt(alice, key)
    assert gather(alice) == 10
    assert UseCursor.objects.get().gathered_to == Event.objects.latest("pk").pk
    assert KeyUse.objects.get(key_id=key.pk).count == 10


def test_it_costs_a_fixed_number_of_queries(alice, make_key, django_assert_max_num_queries):
    key = make_key()
    for number in range(20):
        operations.create_alias(alice(), key, alias_name=f"alias/n{number}")
        encrypt(alice, key)
    with django_assert_max_num_queries(7):
        usage_of(key)
    gather(alice)
    with django_assert_max_num_queries(7):
        usage_of(key)


def test_a_key_without_uses(alice):
    found = usage_of(make.key(alice, home=make.instance(alice)))
    assert (found.callers, found.days, found.versions, found.last_used, found.last_refused) == ((), {}, {}, None, None)
