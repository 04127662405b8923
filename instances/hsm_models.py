"""HSM clusters, their members, and what is, should be or should no longer be inside them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import models
from django.db.models import Q

from access.models import Account
from base.refusal import Refusal, Refused


class ObjectState(StrEnum):
    """WANTED: noted before it is made. KEPT: a row of the database rests on it. DOOMED: to be destroyed on every member."""

    WANTED = "wanted"
    KEPT = "kept"
    DOOMED = "doomed"


class MemberState(StrEnum):
    UNKNOWN = "unknown"
    ANSWERS = "answers"
    AWAY = "away"


class ClusterState(StrEnum):
    """What the states of its members make of a cluster."""

    CONNECTED = "Connected"
    DEGRADED = "Degraded"
    DISCONNECTED = "Disconnected"
    UNKNOWN = "Unknown"


class HsmCluster(models.Model):
    """Tokens that hold the same keys. `pin_source` says where the PIN is, never what it is. `checks` are the results of the
    latest check (`crypto.hsm.checks.Check`), `specs` what every member serves."""

    id = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    replication = models.CharField(max_length=8)
    pin_source = models.CharField(max_length=300)
    instance = models.OneToOneField("instances.Instance", on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    specs = models.JSONField(default=list)
    checks = models.JSONField(default=list)
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="hsm_cluster_name")]
        indexes = [models.Index(fields=["next_check_at"], name="hsm_check_due")]

    def __str__(self) -> str:
        return self.name

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        rows = HsmCluster.objects.filter(pk=self.pk, revision=self.revision).update(revision=self.revision + 1, **changes)
        if not rows:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": self.pk}, reason="changed_meanwhile", who="user"))
        self.revision += 1
        for name, value in changes.items():
            setattr(self, name, value)


class HsmMember(models.Model):
    """A token: by its serial, which tells it from every other; the label is for people. trouble: of `crypto.hsm.troubles`, since
    `failing_since`; sessions: as the process of the latest check had them open."""

    cluster = models.ForeignKey(HsmCluster, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()
    module = models.CharField(max_length=500)
    module_sha256 = models.CharField(max_length=64, blank=True)
    serial = models.CharField(max_length=64)
    label = models.CharField(max_length=64)
    state = models.CharField(max_length=8, default=MemberState.UNKNOWN)
    trouble = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=128, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    sessions = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["cluster", "position"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "serial"], name="hsm_member_once"),
            models.CheckConstraint(condition=Q(state__in=[*MemberState]), name="hsm_member_state"),
        ]

    def __str__(self) -> str:
        return self.label


class HsmObjectQuerySet(models.QuerySet["HsmObject"]):
    def left_over(self, before: datetime) -> HsmObjectQuerySet:
        """Noted before that time, and nothing came to rest on them."""
        return self.filter(state=ObjectState.WANTED, since__lte=before).order_by("pk")

    def due_for_destruction(self, now: datetime) -> HsmObjectQuerySet:
        again = Q(next_try_at=None) | Q(next_try_at__lte=now)
        return self.filter(again, state=ObjectState.DOOMED).select_related("cluster").order_by("pk")


class HsmObject(models.Model):
    """One object of a cluster, on every member. name: its CKA_ID; version_id: of the key version it belongs to, empty for the
    storage key of an instance."""

    cluster = models.ForeignKey(HsmCluster, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    version_id = models.CharField(max_length=36, blank=True)
    state = models.CharField(max_length=8, default=ObjectState.WANTED)
    since = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True, blank=True)

    objects = HsmObjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "name"], name="hsm_object_once"),
            models.CheckConstraint(condition=Q(state__in=[*ObjectState]), name="hsm_object_state"),
        ]
        indexes = [
            models.Index(fields=["version_id"], name="hsm_object_of_version"),
            models.Index(fields=["state", "since"], name="hsm_object_due", condition=~Q(state=ObjectState.KEPT)),
        ]

    def __str__(self) -> str:
        return self.name
