"""Backups, restores and drills. The content stands in files (`backups.files`); these rows say what there is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from access.models import Account
from backups.states import KEPT_AFTER_RELEASE, Kind, Outcome, State
from base import ids
from base.refusal import Refusal, Refused
from instances.models import Instance


class BackupQuerySet(models.QuerySet["Backup"]):
    def of(self, account: str) -> BackupQuerySet:
        return self.filter(account_id=account).order_by("-began_at", "-id")

    def usable(self) -> BackupQuerySet:
        """Complete, and their file is here."""
        return self.filter(state=State.SUCCEEDED, destroyed_at=None)

    def newest_of_each(self) -> BackupQuerySet:
        """The newest usable one of each instance that stands in this database."""
        newer = Backup.objects.usable().filter(instance=models.OuterRef("instance"), began_at__gt=models.OuterRef("began_at"))
        return self.usable().filter(instance__isnull=False).exclude(models.Exists(newer)).select_related("instance")

    def provable(self) -> BackupQuerySet:
        """Not those of a hardware instance that was released: its keys are in no HSM that this console knows."""
        return self.exclude(source_type="hardware", instance__released_at__isnull=False)


class Backup(models.Model):
    """One backup of one instance, or the record that there was one: the row outlives its file.

    `instance` is null where the source does not stand in this database; `source`, `source_name` and `source_account` say
    what it was. began_at: the content is of this instant or younger. digest: SHA-256 of the file.
    """

    id = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    name = models.CharField(max_length=128, blank=True, help_text="given at upload")
    source = models.CharField(max_length=64)
    source_name = models.CharField(max_length=128)
    source_type = models.CharField(max_length=16, default=Instance.Type.SOFTWARE)
    source_account = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, default=State.WAITING)
    asked_by = models.CharField(max_length=160)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    key_count = models.PositiveIntegerField(default=0)
    version_count = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of the file")
    digest = models.CharField(max_length=64, blank=True)
    format_version = models.PositiveSmallIntegerField(default=1)
    error = models.CharField(max_length=64, blank=True)
    drill_wanted = models.BooleanField(default=False, help_text="somebody asked for a drill before the clock does one")
    destroyed_at = models.DateTimeField(null=True, blank=True, help_text="the file is destroyed, this row is its record")
    destroyed_by = models.CharField(max_length=160, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects = BackupQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at", "-id"]
        indexes = [models.Index(fields=["account", "-began_at", "-id"], name="backup_list"),
                   models.Index(fields=["instance", "kind", "-began_at"], name="backup_of_instance")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[*State]), name="backup_state"),
            models.CheckConstraint(condition=Q(kind__in=[*Kind]), name="backup_kind"),
            models.CheckConstraint(name="backup_ended", condition=~Q(state=State.SUCCEEDED)
                                   | Q(ended_at__isnull=False, digest__gt="")),
            models.UniqueConstraint(name="one_backup_under_way", fields=["instance"],
                                    condition=Q(state__in=[State.WAITING, State.RUNNING])),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return ids.arn(settings.KMS_REGION, self.account_id, f"backup/{self.pk}")

    @property
    def usable(self) -> bool:
        return self.state == State.SUCCEEDED and self.destroyed_at is None

    @property
    def from_elsewhere(self) -> bool:
        return self.kind == Kind.UPLOADED

    @property
    def kept_until(self) -> datetime | None:
        """When it is destroyed for good; None while its instance lives, and for what was uploaded."""
        if self.instance is None or self.from_elsewhere or self.instance.released_at is None:
            return None
        return self.instance.released_at + KEPT_AFTER_RELEASE

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        _move(self, changes)


class Download(models.Model):
    """The file key of a backup, sealed under a download key that was shown once and is kept nowhere."""

    id = models.CharField(max_length=32, primary_key=True)
    backup = models.ForeignKey(Backup, on_delete=models.PROTECT, related_name="+")
    recipient = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id


class Restore(models.Model):
    """One restore into one instance: what was asked for, and how far it is. keys: JSON list of ids; empty means all.
    again: keys that were destroyed on purpose after the backup come back as well."""

    id = models.CharField(max_length=64, primary_key=True)
    backup = models.ForeignKey(Backup, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+")
    keys = models.JSONField(default=list)
    again = models.BooleanField(default=False)
    state = models.CharField(max_length=16, default=State.WAITING)
    asked_by = models.CharField(max_length=160)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    restored = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=64, blank=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [models.CheckConstraint(condition=Q(state__in=[*State]), name="restore_state")]

    def __str__(self) -> str:
        return self.id

    def move(self, **changes: Any) -> None:
        _move(self, changes)


class RestoredKey(models.Model):
    """What became of one key. A line of RESTORED is written in the transaction that restored the key, so that a restore
    which died is taken up where it was. reasons: slugs; notes: what came back otherwise than it was."""

    restore = models.ForeignKey(Restore, on_delete=models.CASCADE, related_name="+")
    key_id = models.CharField(max_length=64)
    spec = models.CharField(max_length=32)
    versions = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=16)
    reasons = models.JSONField(default=list)
    notes = models.JSONField(default=list)

    class Meta:
        ordering = ["key_id"]
        constraints = [models.UniqueConstraint(fields=["restore", "key_id"], name="restored_once"),
                       models.CheckConstraint(condition=Q(outcome__in=[*Outcome]), name="restored_outcome")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.outcome}"


class Drill(models.Model):
    """One proof that a backup can be restored, or that it cannot. opened: versions whose canary opened; failed: ids of
    versions that did not, the first ones."""

    backup = models.ForeignKey(Backup, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    at = models.DateTimeField()
    milliseconds = models.PositiveBigIntegerField(default=0)
    passed = models.BooleanField()
    keys = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failed = models.JSONField(default=list)
    error = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["backup", "-at"], name="drill_of_backup"),
                   models.Index(fields=["instance", "-at"], name="drill_of_instance")]

    def __str__(self) -> str:
        return f"{self.backup_id} {'passed' if self.passed else 'failed'}"


def _move(row: Any, changes: dict[str, Any]) -> None:
    rows = type(row).objects.filter(pk=row.pk, revision=row.revision).update(revision=row.revision + 1, **changes)
    if not rows:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": row.pk}, reason="changed_meanwhile", who="user"))
    row.revision += 1
    for name, value in changes.items():
        setattr(row, name, value)
