"""Instances and the keys that wrap everything in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q

from access.models import Account
from base.refusal import Refusal, Refused
from instances import states
from instances.hsm_models import HsmCluster, HsmMember, HsmObject  # noqa: F401 - Django looks for models here

RENEW_AHEAD = timedelta(hours=1)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def of(self, account: str) -> InstanceQuerySet:
        return self.filter(account_id=account).order_by("-created_at", "-id")

    def due_for_marking(self, now: datetime) -> InstanceQuerySet:
        """Instances whose end has come and that nobody has marked yet."""
        return self.filter(end_at__lte=now, released_at=None, expiry_marked_at=None).order_by("end_at", "id")

    def due_for_reminder(self, now: datetime) -> InstanceQuerySet:
        """Those that may need one; `states.reminder` knows the days. Nobody is reminded of what renews itself."""
        first, last = max(states.REMINDER_DAYS) + 1, states.RENEWAL_DAYS + 1
        return self.filter(released_at=None, auto_renewal_months=0, end_at__lte=now + first * states.ONE_DAY,
                           end_at__gt=now - last * states.ONE_DAY).order_by("end_at", "id")

    def due_for_renewal(self, now: datetime) -> InstanceQuerySet:
        """Those that renew themselves, so shortly before the end that no call ever meets it."""
        return self.filter(released_at=None, auto_renewal_months__gt=0, end_at__lte=now + RENEW_AHEAD).order_by("end_at", "id")

    def due_for_release(self, now: datetime) -> InstanceQuerySet:
        """Expired for longer than they could be renewed, give or take a day of the billing zone; `states.renew_by` knows."""
        return self.filter(released_at=None, auto_renewal_months=0,
                           end_at__lte=now - (states.RENEWAL_DAYS - 1) * states.ONE_DAY).order_by("end_at", "id")

    def due_for_clearing(self) -> InstanceQuerySet:
        """Released, with keys whose rows still hold material."""
        return self.filter(released_at__isnull=False, cleared_at=None).order_by("released_at", "id")


class Instance(models.Model):
    class Type(models.TextChoices):
        SOFTWARE = "software"
        HARDWARE = "hardware"

    class ChargeType(models.TextChoices):
        """PREPAY has a term; POSTPAY, pay-as-you-go, runs until it is released (`states.NEVER`)."""

        PREPAY = "PREPAY"
        POSTPAY = "POSTPAY"

    id = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=128)
    type = models.CharField(max_length=16, choices=Type.choices, default=Type.SOFTWARE)
    status = models.CharField(max_length=16, default=states.Status.UNINITIALIZED)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField()
    end_at = models.DateTimeField()
    lapsed_at = models.DateTimeField(null=True, blank=True, help_text="the end of term of the latest expiry that was renewed")
    resumed_at = models.DateTimeField(null=True, blank=True, help_text="when that expiry was renewed")
    expiry_marked_at = models.DateTimeField(null=True, blank=True, help_text="the sweep has noticed the expiry")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=160, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="after the release: the last key in it is a tombstone")
    reminded_at = models.DateTimeField(null=True, blank=True, help_text="the instant of the latest reminder of an end")
    release_delayed_at = models.DateTimeField(null=True, blank=True, help_text="when it was last said why it is not released")
    grace_policy = models.CharField(max_length=8, default=states.GracePolicy.STOP,
                                    help_text="what still works between expiry and release")
    auto_renewal_months = models.PositiveSmallIntegerField(default=0, help_text="0: no auto-renewal")
    last_backup_at = models.DateTimeField(null=True, blank=True,
                                          help_text="when the newest complete backup began; written by the floor of backups")
    charge_type = models.CharField(max_length=8, choices=ChargeType.choices, default=ChargeType.PREPAY)
    spec = models.PositiveIntegerField(default=1000, help_text="symmetric calls per second of the plan")
    key_quota = models.PositiveIntegerField(default=1000, help_text="counts key versions")
    secret_quota = models.PositiveIntegerField(default=0)
    vpc_quota = models.PositiveIntegerField(default=1, help_text="bound VPCs and other accounts in key policies")
    vpc_id = models.CharField(max_length=64, blank=True, help_text="of enabling; a label, there are no networks here")
    zone_ids = models.JSONField(default=list, blank=True)
    vswitch_ids = models.JSONField(default=list, blank=True)
    bound_vpcs = models.JSONField(default=list, blank=True, help_text="objects as UpdateKmsInstanceBindVpc takes them")
    image_version = models.CharField(max_length=16, default="3.9.1")
    deletion_protection = models.BooleanField(default=False)
    deletion_protection_description = models.TextField(blank=True)
    deletion_protection_by = models.CharField(max_length=160, blank=True)
    deletion_protection_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="instance_list"),
            models.Index(fields=["end_at"], name="instance_due", condition=Q(released_at=None, expiry_marked_at=None)),
            models.Index(fields=["end_at"], name="instance_living", condition=Q(released_at=None)),
            models.Index(fields=["released_at"], name="instance_to_clear",
                         condition=Q(released_at__isnull=False, cleared_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(name="one_default_instance", fields=["account"],
                                    condition=Q(is_default=True, released_at=None)),
            models.CheckConstraint(condition=Q(status__in=[*states.Status]), name="instance_status"),
            models.CheckConstraint(condition=Q(grace_policy__in=[*states.GracePolicy]), name="instance_grace_policy"),
            models.CheckConstraint(condition=Q(end_at__gt=models.F("started_at")), name="instance_term"),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    def state_at(self, now: datetime) -> states.State:
        return states.state_at(self.status, self.end_at, self.released_at, now)

    @property
    def has_term(self) -> bool:
        return self.charge_type == self.ChargeType.PREPAY

    def serves(self, now: datetime) -> bool:
        return self.state_at(now) is states.State.CONNECTED

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        rows = Instance.objects.filter(pk=self.pk, revision=self.revision).update(revision=self.revision + 1, **changes)
        if not rows:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": self.pk}, reason="changed_meanwhile", who="user"))
        self.revision += 1
        for name, value in changes.items():
            setattr(self, name, value)


class InstanceTag(models.Model):
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="+")
    tag_key = models.CharField(max_length=128)
    tag_value = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["tag_key"]
        constraints = [models.UniqueConstraint(fields=["instance", "tag_key"], name="instance_tag_once")]

    def __str__(self) -> str:
        return f"{self.tag_key}={self.tag_value}"


class WrappingKeyQuerySet(models.QuerySet["WrappingKey"]):
    def holding_bytes(self) -> WrappingKeyQuerySet:
        """Those that are not destroyed and hold something sealed."""
        return self.filter(destroyed_at=None).exclude(sealed=b"").order_by("pk")

    def of(self, account: str, instance: str | None) -> WrappingKeyQuerySet:
        """Of one instance, or of the account's shared store; the newest first."""
        return self.filter(account=account, instance=instance).order_by("-generation")

    def superseded(self) -> WrappingKeyQuerySet:
        """Software keys that a rotation has given a successor: what they wrap moves there, then they are destroyed."""
        newer = WrappingKey.objects.filter(generation__gt=OuterRef("generation"), account=OuterRef("account"))
        return self.holding_bytes().filter(
            Exists(newer.filter(instance=OuterRef("instance"))) | Q(instance=None) & Exists(newer.filter(instance=None)),
            provider="software")


class WrappingKey(models.Model):
    """An instance key, sealed by the root key: the middle of root key -> instance key -> key material.

    `instance` is null for the account's shared store (default keys and 1.0 keys live in no instance). `provider` names
    where material is used, in the words of `crypto.registry`. `root_generation` names the root key that sealed it. A destroyed
    one keeps its row, because material still points at it until it is swept; its bytes are overwritten.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    generation = models.PositiveIntegerField(default=1)
    provider = models.CharField(max_length=16, default="software")
    sealed = models.BinaryField()
    root_generation = models.PositiveIntegerField(default=1)
    check_value = models.CharField(max_length=64, blank=True, help_text="what only this key computes")
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True, blank=True)

    objects = WrappingKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "generation"], name="wrapping_key_of_instance"),
            models.UniqueConstraint(fields=["account", "generation"], condition=Q(instance=None), name="wrapping_key_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id or self.account_id}/{self.generation}"
