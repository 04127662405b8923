"""Any walk through a key's life, by any door and any clock: a model says what must hold after every step.

Never a usable key past its date; never a lost key that was cancelled in time; at most one destruction of each key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from access.models import Role
from audit.models import Event
from base import clock
from instances import operations as instances
from instances import sweeps as instance_sweeps
from keys import lookup, operations, sweeps
from keys.models import Key, KeyMaterial
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome


@dataclass
class Model:
    """What we expect of one key. gone_from: when its deletion falls due; None while nothing is scheduled."""

    blob: str
    enabled: bool = True
    gone_from: datetime | None = None


class Life(RuleBasedStateMachine):
    keys = Bundle("keys")

    @initialize(target=keys, days=st.sampled_from([7, 29, 40]))
    def begin(self, days):
        """One key already waits, for a date before, at or after the end of the instance's term of a month."""
        self.alice = make.person(make.account(), "alice", Role.ADMINISTRATOR)
        self.now = clock.now()
        self.instance = make.instance(self.alice, months=1)
        self.models: dict[str, Model] = {}
        name = self.create()
        self.schedule(name, days)
        return name

    # --- what the model knows ---------------------------------------------------------------------------------------
    def expired(self, at: datetime | None = None) -> bool:
        return self.instance.end_at <= (at or self.now)

    def gone(self, model: Model) -> bool:
        if model.gone_from is None or model.gone_from > self.now:
            return False
        return not (self.expired() and self.instance.end_at <= model.gone_from)

    def caller(self):
        return self.alice(at=self.now)

    def fetch(self, name: str) -> Key:
        return lookup.key_for(self.caller(), name)

    def expect(self, name: str, allowed: bool, code: str, call) -> bool:
        """Runs `call` and compares: Unavailable and KeyNotFound come first, then `allowed` or `code`."""
        model = self.models[name]
        wanted = "Forbidden.KeyNotFound" if self.gone(model) else "Rejected.Unavailable" if self.expired() else \
            "ok" if allowed else code
        assert outcome(call) == wanted
        return wanted == "ok"

    # --- steps ------------------------------------------------------------------------------------------------------
    @rule(target=keys)
    def create_another(self):
        return multiple() if self.expired() or len(self.models) > 3 else self.create()

    def create(self) -> str:
        key = operations.create_key(self.caller(), instance=self.instance)
        self.models[key.pk] = Model(operations.encrypt(self.caller(), key, plaintext=TEXT).ciphertext_blob)
        return key.pk

    @rule(name=keys)
    def disable(self, name):
        if self.expect(name, self.models[name].gone_from is None, "Rejected.StateModifiedFailed",
                       lambda: operations.disable_key(self.caller(), self.fetch(name))):
            self.models[name].enabled = False

    @rule(name=keys)
    def enable(self, name):
        if self.expect(name, self.models[name].gone_from is None, "Rejected.StateModifiedFailed",
                       lambda: operations.enable_key(self.caller(), self.fetch(name))):
            self.models[name].enabled = True

    @rule(name=keys, days=st.sampled_from([6, 7, 7, 15, 40, 367]))
    def schedule_one(self, name, days):
        self.schedule(name, days)

    def schedule(self, name: str, days: int) -> None:
        model = self.models[name]
        if days not in range(7, 367):
            assert outcome(lambda: operations.schedule_key_deletion(self.caller(), self.fetch(name), window_days=days)) != "ok"
        elif self.expect(name, model.gone_from is None, "Rejected.StateModifiedFailed",
                         lambda: operations.schedule_key_deletion(self.caller(), self.fetch(name), window_days=days)):
            model.gone_from = self.now + timedelta(days=days)

    @rule(name=keys)
    def cancel(self, name):
        model = self.models[name]
        if self.expect(name, model.gone_from is not None, "Rejected.StateModifiedFailed",
                       lambda: operations.cancel_key_deletion(self.caller(), self.fetch(name))):
            model.gone_from, model.enabled = None, True

    @rule(hours=st.sampled_from([1, 23, 5 * 24]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    # Chance alone seldom meets the instants that matter, so the clock also jumps to them.
    @rule(name=keys, seconds=st.sampled_from([-1, 0, 1]))
    def time_comes_for_a_key(self, name, seconds):
        gone_from = self.models[name].gone_from
        if gone_from is not None:
            self.now = max(self.now, gone_from + timedelta(seconds=seconds))

    @rule(days=st.sampled_from([-1, 0, 1, 10]))
    def time_comes_for_the_instance(self, days):
        self.now = max(self.now, self.instance.end_at + timedelta(days=days))

    @rule()
    def sweep(self):
        due = sum(self.gone(model) for name, model in self.models.items()
                  if Key.objects.get(pk=name).state != State.DESTROYED)
        assert sweeps.destroy_due(self.now) == due
        instance_sweeps.mark_expired(self.now)

    # Only once it has ended: a term that is renewed early for ever would never expire under a key.
    @precondition(lambda self: self.expired())
    @rule()
    def renew(self):
        self.instance.refresh_from_db()
        lapsed, ended = self.instance.end_at, self.expired()
        dead = {name for name, model in self.models.items() if self.gone(model)}
        instances.renew_instance(self.caller(), self.instance, months=1)
        for name, model in self.models.items():
            if ended and name not in dead and model.gone_from and lapsed <= model.gone_from < self.now + timedelta(days=1):
                model.gone_from = self.now + timedelta(days=1)

    # --- what must hold ---------------------------------------------------------------------------------------------
    @invariant()
    def a_key_opens_its_ciphertext_exactly_while_it_should(self):
        for model in getattr(self, "models", {}).values():
            wanted = "Forbidden.KeyNotFound" if self.gone(model) else "Rejected.Unavailable" if self.expired() else \
                "Rejected.PendingDeletion" if model.gone_from else "ok" if model.enabled else "Rejected.Disabled"
            assert outcome(lambda blob=model.blob: operations.decrypt(self.caller(), ciphertext_blob=blob)) == wanted

    @invariant()
    def nothing_is_lost_that_should_live_and_nothing_dies_twice(self):
        for name, model in getattr(self, "models", {}).items():
            destroyed = Event.objects.filter(action="DestroyKey", object_id=name, outcome="ok").count()
            assert destroyed == (Key.objects.get(pk=name).state == State.DESTROYED)
            assert KeyMaterial.objects.filter(version__key=name).exists() != bool(destroyed)
            assert not destroyed or self.gone(model)


class RolledBack(Life):
    """Each walk in a transaction of its own that is rolled back: hypothesis runs many inside one test."""

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)


@pytest.mark.django_db
def test_any_walk():
    run_state_machine_as_test(RolledBack, settings=settings(
        max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck)))
