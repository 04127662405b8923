"""Runs of the migration, and what became of each key in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from access.models import Account
from base.refusal import Refusal, Refused
from instances.models import Instance
from keys.models import Key
from migration import states
from migration.states import ItemState, RunState


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, account: str) -> RunQuerySet:
        return self.filter(account_id=account).select_related("instance").order_by("-created_at", "-id")

    def left_alone(self, now: datetime) -> RunQuerySet:
        """Runs that should be working, and that no living worker has."""
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.filter(free, state__in=states.WORKING).order_by("created_at", "id")


class Run(models.Model):
    """Keys chosen to move into one instance. `worker` holds the run until `lease_until`."""

    id = models.CharField(max_length=32, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=16, default=RunState.DRAFT)
    whole = models.BooleanField(default=False, help_text="the whole estate was chosen, not single keys")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=160)
    started_at = models.DateTimeField(null=True, blank=True)
    started_by = models.CharField(max_length=160, blank=True)
    accepted = models.TextField(default="[]", help_text="JSON list of the rules whose consequence was accepted")
    frozen_at = models.DateTimeField(null=True, blank=True, help_text="when the freeze of this stretch of work began")
    finished_at = models.DateTimeField(null=True, blank=True)
    stop_wanted = models.BooleanField(default=False)
    stopped_by = models.TextField(blank=True, help_text="JSON of the refusal that stopped it; empty where a person did")
    worker = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[*RunState]), name="run_state"),
            models.UniqueConstraint(fields=["account"], condition=Q(state__in=[*states.OPEN]), name="one_open_run"),
        ]

    def __str__(self) -> str:
        return self.id

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        rows = Run.objects.filter(pk=self.pk, revision=self.revision).update(revision=self.revision + 1, **changes)
        if not rows:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": self.pk}, reason="changed_meanwhile", who="user"))
        self.revision += 1
        for name, value in changes.items():
            setattr(self, name, value)


class Item(models.Model):
    """One key of a run. `claim` names the attempt that has it in hand; whoever writes must still hold it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, default=ItemState.PENDING)
    claim = models.CharField(max_length=32, blank=True)
    versions = models.PositiveIntegerField(default=0, help_text="copied versions")
    reason = models.TextField(blank=True, help_text="JSON of the refusal that kept it from moving, or from moving back")
    before = models.TextField(blank=True, help_text="JSON of what the move changed in the key's row, as it was and as it is")
    canaries = models.TextField(blank=True, help_text="JSON of what the old copy sealed or signed; the new one must open it")
    started_at = models.DateTimeField(null=True, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True, help_text="when the material in use opened the canaries")
    keep_until = models.DateTimeField(null=True, blank=True, help_text="until then the old copy is kept")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["run", "state", "number"], name="item_work")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[*ItemState]), name="item_state"),
            models.UniqueConstraint(fields=["run", "key"], name="item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.key_id}"

    @property
    def audit_name(self) -> str:
        return self.key_id
