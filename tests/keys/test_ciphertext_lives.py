"""A ciphertext once made always opens, after any mix of rotations, imports, disables and deletions, unless an event in the trail
says why not. What it should say is worked out from the trail alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from access.models import Role
from audit.models import Event
from base import clock
from keys import lookup, operations, sweeps
from keys.models import Key, KeyVersion
from tests import make
from tests.importing import bring, material_for
from tests.keys.calls import TEXT, outcome


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def told_by_the_trail(key: str, now: datetime) -> str:
    """The code a use of `key` must get at `now`, from nothing but the events that succeeded."""
    enabled = material = True
    expires_at = gone_from = None
    for event in Event.objects.filter(object_id=key, outcome="ok").order_by("id"):
        facts = json.loads(event.detail)
        if event.action == "CreateKey":
            material = facts["origin"] != "EXTERNAL"
        elif event.action in ("EnableKey", "DisableKey"):
            enabled = event.action == "EnableKey"
        elif event.action == "ScheduleKeyDeletion":
            gone_from = _moment(facts["delete_at"])
        elif event.action == "CancelKeyDeletion":
            gone_from, enabled = None, True
        elif event.action in ("DeleteKeyMaterial", "ExpireKeyMaterial"):
            material, expires_at = False, None
        elif event.action == "ImportKeyMaterial":
            if not material or (expires_at and expires_at <= event.at):
                enabled = True
            material, expires_at = True, _moment(facts["material_expires_at"] or "")
    if gone_from:
        return "Forbidden.KeyNotFound" if gone_from <= now else "Rejected.PendingDeletion"
    if not material or (expires_at and expires_at <= now):
        return "Rejected.PendingImport"
    return "ok" if enabled else "Rejected.Disabled"


class Ciphertexts(RuleBasedStateMachine):
    keys = Bundle("keys")

    @initialize()
    def begin(self):
        self.alice = make.person(make.account(), "alice", Role.ADMINISTRATOR)
        self.now = clock.now()
        self.instance = make.instance(self.alice, months=36, key_quota=30)
        self.blobs: dict[str, set[str]] = {}
        self.material: dict[str, bytes] = {}
        self.bound: set[str] = set()

    def caller(self):
        return self.alice(at=self.now)

    def try_(self, call) -> str:
        return outcome(call)

    def fetch(self, name: str) -> Key:
        return lookup.key_for(self.caller(), name)

    # --- steps ------------------------------------------------------------------------------------------------------
    @rule(target=keys, spec=st.sampled_from(["Aliyun_AES_256", "Aliyun_SM4"]), days=st.sampled_from([0, 7, 30]))
    def create(self, spec, days):
        key = operations.create_key(self.caller(), instance=self.instance, spec=spec, enable_automatic_rotation=days > 0,
                                    rotation_interval=f"{days}d")
        self.blobs[key.pk] = set()
        self.encrypt(key.pk)
        return key.pk

    @rule(target=keys, spec=st.sampled_from(["Aliyun_AES_256", "Aliyun_SM4"]))
    def create_for_import(self, spec):
        key = operations.create_key(self.caller(), instance=self.instance, spec=spec, origin="EXTERNAL")
        self.blobs[key.pk], self.material[key.pk] = set(), material_for(spec)
        self.import_it(key.pk, 0, False)
        self.encrypt(key.pk)
        return key.pk

    @rule(name=keys)
    def encrypt(self, name):
        if self.try_(lambda: self.fetch(name)) == "ok" and len(self.blobs[name]) < 6:
            code = self.try_(lambda: self.blobs[name].add(
                operations.encrypt(self.caller(), self.fetch(name), plaintext=TEXT).ciphertext_blob))
            assert code == told_by_the_trail(name, self.now)

    @rule(name=keys)
    def new_version(self, name):
        self.try_(lambda: operations.create_key_version(self.caller(), self.fetch(name)))

    @rule(name=keys, days=st.sampled_from([0, 7, 200]))
    def new_policy(self, name, days):
        self.try_(lambda: operations.update_rotation_policy(self.caller(), self.fetch(name), enable_automatic_rotation=days > 0,
                                                            rotation_interval=f"{days}d"))

    @rule(name=keys)
    def disable(self, name):
        self.try_(lambda: operations.disable_key(self.caller(), self.fetch(name)))

    @rule(name=keys)
    def enable(self, name):
        self.try_(lambda: operations.enable_key(self.caller(), self.fetch(name)))

    @rule(name=keys)
    def schedule(self, name):
        self.try_(lambda: operations.schedule_key_deletion(self.caller(), self.fetch(name), window_days=7))

    @rule(name=keys)
    def cancel(self, name):
        self.try_(lambda: operations.cancel_key_deletion(self.caller(), self.fetch(name)))

    @rule(name=keys)
    def delete_material(self, name):
        self.try_(lambda: operations.delete_key_material(self.caller(), self.fetch(name)))

    @rule(name=keys, hours=st.sampled_from([0, 0, 1, 50]), foreign=st.booleans())
    def import_it(self, name, hours, foreign):
        """The same material, or someone else's, which a bound key never takes."""
        if name not in self.material:
            return
        until = int((self.now + timedelta(hours=hours)).timestamp()) if hours else 0
        foreign = foreign and name in self.bound
        material = bytes(len(self.material[name])) if foreign else self.material[name]
        code = self.try_(lambda: bring(self.caller(), self.fetch(name), material, key_material_expire_unix=until))
        assert code in (("ok", "Rejected.StateModifiedFailed", "Forbidden.KeyNotFound") if not foreign else
                        ("InvalidKeyMaterial", "Rejected.StateModifiedFailed", "Forbidden.KeyNotFound"))
        if code == "ok":
            self.bound.add(name)

    @rule(hours=st.sampled_from([1, 23, 8 * 24]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    # Chance alone seldom meets the instants that matter, so the clock also jumps to them.
    @rule(name=keys, ticks=st.booleans())
    def time_comes_for_a_key(self, name, ticks):
        key = Key.objects.get(pk=name)
        dates = (key.next_rotation_at, key.material_expires_at, key.delete_at)
        self.now = min((date for date in dates if date and date > self.now), default=self.now)
        if ticks:
            self.tick()

    @rule()
    def tick(self):
        for sweep in (sweeps.destroy_due, sweeps.expire_material, sweeps.rotate_due, sweeps.forget_import_tokens):
            sweep(self.now)
            assert sweep(self.now) == 0, "a second tick finds nothing"

    # --- what must hold ---------------------------------------------------------------------------------------------
    @invariant()
    def every_ciphertext_opens_unless_an_event_says_why_not(self):
        for name, blobs in getattr(self, "blobs", {}).items():
            code = told_by_the_trail(name, self.now)
            for blob in blobs:
                assert self.try_(lambda blob=blob: operations.decrypt(self.caller(), ciphertext_blob=blob)) == code

    @invariant()
    def versions_are_what_the_rules_say(self):
        for name in getattr(self, "blobs", {}):
            versions = KeyVersion.objects.filter(key=name)
            assert versions.filter(is_primary=True).count() <= 1
            assert name not in self.material or versions.count() <= 1
        made = KeyVersion.objects.filter(key__destroyed_at=None).count()
        assert made <= 30


class RolledBack(Ciphertexts):
    """Each walk in a transaction of its own that is rolled back: hypothesis runs many inside one test."""

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def try_(self, call) -> str:
        # What a refusal undoes must not undo the walk.
        with transaction.atomic():
            return outcome(call)

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)


@pytest.mark.django_db
def test_any_walk():
    run_state_machine_as_test(RolledBack, settings=settings(
        max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck)))
