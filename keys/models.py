"""Keys, their versions, the wrapped material, aliases and tags.

A foreign key has no index of its own where another one begins with it: whoever writes a row would pay for both."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q

from access import lists
from access.models import Account, Freeze
from base import clock, ids
from base.refusal import Refusal, Refused
from instances.models import Instance, WrappingKey
from instances.states import Status
from keys import moving, states
from keys.list_models import LIST_INDEXES, AccountUse, BulkItem, BulkRun, InstanceTally, KeyTally, KeyWord
from keys.rows import PlainRows
from keys.states import State

__all__ = ["AccountUse", "Alias", "BulkItem", "BulkRun", "ImportToken", "InstanceTally", "Key", "KeyMaterial", "KeyQuerySet",
           "KeyTag", "KeyTally", "KeyUse", "KeyVersion", "KeyWord", "SpareMaterial", "UseCursor"]


# Not a negation: what is null in the join belongs to keys outside instances.
_LIVING_HOME = Q(instance__isnull=True) | Q(instance__released_at__isnull=True)


def serving(now: datetime) -> Q:
    """Keys outside instances, or in one that serves."""
    return Q(instance__isnull=True) | Q(instance__status=Status.CONNECTED, instance__end_at__gt=now,
                                        instance__released_at__isnull=True)


def today() -> date:
    return clock.now().date()


def _frozen(now: datetime) -> Exists:
    """What the clock does to keys waits while their account is frozen."""
    return Exists(Freeze.objects.filter(account=OuterRef("account"), until__gt=now))


class KeyQuerySet(models.QuerySet["Key"]):
    def of(self, account: str) -> KeyQuerySet:
        return self.filter(account_id=account)

    def only_of(self, account: str) -> KeyQuerySet:
        """The same where another condition is to lead: SQLite, which has no statistics, would walk the account's keys instead."""
        return self.filter(lists.quiet("account_id", account))

    def living(self, now: datetime) -> KeyQuerySet:
        """Without the destroyed, and without those whose date or whose instance's release has come but whose sweep has not
        (`states.state_at`)."""
        due = Q(state=State.PENDING_DELETION, delete_at__lte=now)
        return self.in_living_homes().exclude(state=State.DESTROYED).exclude(due & ~self._held(now))

    def in_living_homes(self) -> KeyQuerySet:
        return self.filter(_LIVING_HOME)

    @staticmethod
    def _held(now: datetime) -> Q:
        """`states.state_at` as a condition, for rows whose delete date has come: the date lies in the time after the
        instance's end, or lay in an expiry that was renewed less than a day ago."""
        expired = Q(instance__end_at__lte=F("delete_at"))
        grace = Q(instance__lapsed_at__lte=F("delete_at"), instance__resumed_at__gt=now - states.GRACE_AFTER_RENEWAL)
        return Q(instance__isnull=False) & (expired | grace)

    def held_still(self, pk: str) -> Key:
        """The row as it is now, and no change of it or its instance commits before this transaction does.

        SQLite has the one writer already (IMMEDIATE). PostgreSQL takes a shared lock: uses of one key do not wait for each
        other, a disable waits for them, and a use that comes after it sees it.
        """
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM instances_instance WHERE id ="
                               " (SELECT instance_id FROM keys_key WHERE id = %s) FOR SHARE", [pk])
                cursor.execute("SELECT 1 FROM keys_key WHERE id = %s FOR SHARE", [pk])
        return self.select_related("instance").get(pk=pk)

    def due_for_destruction(self, now: datetime) -> KeyQuerySet:
        """Scheduled, the date has come, nothing holds it, and no earlier attempt has put it off."""
        due = Q(state=State.PENDING_DELETION, delete_at__lte=now) & ~self._held(now)
        rows = self.filter(due & self._tried(now) & _LIVING_HOME).exclude(_frozen(now))
        return rows.select_related("instance").order_by("delete_at", "id")

    @staticmethod
    def _tried(now: datetime) -> Q:
        """No earlier attempt has put it off until later."""
        return Q(next_try_at=None) | Q(next_try_at__lte=now)

    def left_in(self, instance: Instance) -> KeyQuerySet:
        """The keys of a released instance whose rows still stand as they were."""
        return self.filter(instance=instance).exclude(state=State.DESTROYED)

    def due_for_burial(self, instance: Instance, now: datetime) -> KeyQuerySet:
        return self.left_in(instance).filter(self._tried(now)).select_related("instance").order_by("created_at", "id")

    def due_for_rotation(self, now: datetime) -> KeyQuerySet:
        """Enabled in an instance that serves, the date has come, and no earlier attempt has put it off."""
        due = Q(state=State.ENABLED, automatic_rotation=True, next_rotation_at__lte=now)
        rows = self.filter(due & self._tried(now) & serving(now)).exclude(_frozen(now))
        return rows.select_related("instance").order_by("next_rotation_at", "id")

    def due_for_expiry(self, now: datetime) -> KeyQuerySet:
        """Imported material whose time has come, in whatever state and instance the key is: the owner set the date."""
        due = Q(material_expires_at__isnull=False, material_expires_at__lte=now)
        return (self.filter(due & self._tried(now) & _LIVING_HOME).exclude(state=State.DESTROYED).select_related("instance")
                .order_by("material_expires_at", "id"))


class Key(PlainRows, models.Model):
    """A customer, default or service key. A destroyed key stays as its own tombstone: ids and dates, no material."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer"
        DEFAULT = "default"
        SERVICE = "service"

    class Edition(models.TextChoices):
        V1 = "1.0"
        V3 = "3.0"

    id = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.CUSTOMER)
    edition = models.CharField(max_length=3, choices=Edition.choices, default=Edition.V3)
    state = models.CharField(max_length=16)
    spec = models.CharField(max_length=32)
    usage = models.CharField(max_length=32, default="ENCRYPT/DECRYPT")
    origin = models.CharField(max_length=16, default="Aliyun_KMS")
    protection_level = models.CharField(max_length=8, default="SOFTWARE")
    storage_mechanism = models.CharField(max_length=32, blank=True, help_text="of keys in hardware instances")
    description = models.TextField(blank=True, max_length=8192)
    creator = models.CharField(max_length=64, help_text="account uid, or the service code of a service key")
    created_at = models.DateTimeField()
    arrived_at = models.DateTimeField(null=True, blank=True, help_text="when it came into its instance, where that is not "
                                                                         "when it was made")
    last_rotation_at = models.DateTimeField()
    material_expires_at = models.DateTimeField(null=True, blank=True)
    delete_at = models.DateTimeField(null=True, blank=True)
    deletion_scheduled_at = models.DateTimeField(null=True, blank=True)
    deletion_scheduled_by = models.CharField(max_length=160, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    deletion_protection = models.BooleanField(default=False)
    deletion_protection_description = models.TextField(blank=True, max_length=8192)
    deletion_protection_by = models.CharField(max_length=160, blank=True)
    deletion_protection_at = models.DateTimeField(null=True, blank=True)
    automatic_rotation = models.BooleanField(default=False)
    rotation_interval_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    next_rotation_at = models.DateTimeField(null=True, blank=True)
    material_fingerprint = models.BinaryField(null=True, blank=True, help_text="keyed; binds the key to its first import")
    policy = models.TextField(blank=True, help_text="JSON text of the key policy; empty means the default policy")
    revision = models.PositiveIntegerField(default=0)
    disabled_at = models.DateTimeField(null=True, blank=True, help_text="when DisableKey last stopped it")
    idle_since = models.DateField(default=today,
                                  help_text="UTC day of the last use, or of the creation; the sweep of uses moves it")

    # Tags as `keys.lookup.know_tags` loaded them, for pages that ask about many keys; no column.
    known_tags: dict[str, str] | None = None
    # What `keys.gate` has found out about this object, for whoever keeps it unchanged through many calls; no column.
    known_reasons: dict[Any, tuple[Refusal, ...]] | None = None
    # Likewise the reasons of a freeze, as `keys.lookup.know_freeze` found them.
    known_freeze: tuple[Refusal, ...] | None = None

    objects = KeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            *LIST_INDEXES,
            models.Index(fields=["delete_at", "id"], name="key_due", condition=Q(state=State.PENDING_DELETION)),
            models.Index(fields=["next_rotation_at", "id"], name="key_rotation_due",
                         condition=Q(state=State.ENABLED, automatic_rotation=True)),
            models.Index(fields=["material_expires_at", "id"], name="key_material_due",
                         condition=Q(material_expires_at__isnull=False) & ~Q(state=State.DESTROYED)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[*states.STORED]), name="key_state"),
            models.CheckConstraint(name="key_pending_has_date",
                                   condition=~Q(state=State.PENDING_DELETION) | Q(delete_at__isnull=False)),
            models.CheckConstraint(name="key_date_means_pending",
                                   condition=Q(delete_at__isnull=True) | Q(state__in=[State.PENDING_DELETION, State.DESTROYED])),
            models.CheckConstraint(name="key_destroyed_has_date",
                                   condition=Q(state=State.DESTROYED, destroyed_at__isnull=False)
                                   | (~Q(state=State.DESTROYED) & Q(destroyed_at__isnull=True))),
            models.CheckConstraint(name="key_rotation_has_interval",
                                   condition=Q(automatic_rotation=False)
                                   | Q(rotation_interval_seconds__isnull=False, next_rotation_at__isnull=False)),
            models.CheckConstraint(name="key_service_has_no_instance", condition=~Q(kind="service") | Q(instance__isnull=True)),
            models.UniqueConstraint(name="one_default_cmk", fields=["account"],
                                    condition=Q(kind="default") & ~Q(state=State.DESTROYED)),
            models.UniqueConstraint(name="one_key_per_service", fields=["account", "creator"],
                                    condition=Q(kind="service") & ~Q(state=State.DESTROYED)),
        ]

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.idle_since = self.created_at.astimezone(UTC).date()
        super().save(*args, **kwargs)

    @property
    def arn(self) -> str:
        return ids.arn(settings.KMS_REGION, self.account_id, f"key/{self.pk}")

    @property
    def in_database(self) -> bool:
        """Of a hardware instance, wrapped by a key of its HSM; otherwise inside the HSM, if it is of one at all."""
        return self.storage_mechanism == states.HSM_ENCRYPTED_DATABASE

    def state_at(self, now: datetime) -> State:
        home = self.instance
        return states.state_at(
            self.state, now=now, delete_at=self.delete_at, material_expires_at=self.material_expires_at,
            instance_serves=home is None or home.serves(now), instance_end_at=home.end_at if home else None,
            lapsed_at=home.lapsed_at if home else None, resumed_at=home.resumed_at if home else None,
            instance_released=home is not None and home.released_at is not None)

    def own_state_at(self, now: datetime) -> State:
        """What the key would be if its instance served."""
        return states.state_at(self.state, now=now, delete_at=self.delete_at, material_expires_at=self.material_expires_at,
                               instance_serves=True, instance_end_at=None, lapsed_at=None, resumed_at=None)

    def destroyed_from(self) -> datetime | None:
        """When the scheduled deletion falls due (`states.destroyed_from`), or its instance was released; None while neither is
        so."""
        if self.instance is not None and self.instance.released_at is not None:
            return self.instance.released_at
        if self.delete_at is None or self.instance is None:
            return self.delete_at
        return states.destroyed_from(self.delete_at, self.instance.lapsed_at, self.instance.resumed_at)

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        moving.move([self], **changes)


class KeyVersion(models.Model):
    """One independently generated key. The id stands in every ciphertext, so it outlives the material."""

    id = models.CharField(max_length=36, primary_key=True)
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_primary = models.BooleanField(default=False)
    public_key = models.BinaryField(null=True, blank=True, help_text="SubjectPublicKeyInfo DER of a key pair")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["key", "-created_at", "-id"], name="version_list")]
        constraints = [models.UniqueConstraint(fields=["key"], condition=Q(is_primary=True), name="one_primary_version")]

    def __str__(self) -> str:
        return self.id


def hold(wrapping_key: int, version: str) -> None:
    """Keeps an instance key until the transaction ends: its rotation may have destroyed it since material of `version` was made
    under it. Raises Refused."""
    there = WrappingKey.objects.select_for_update(no_key=True).filter(pk=wrapping_key, destroyed_at=None)
    if not there.values_list("pk", flat=True).first():
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": version}, reason="changed_meanwhile", who="user"))


class KeyMaterial(models.Model):
    """The wrapped material of a version: `stored` is what the provider gave (`crypto.provider.Material`). The row is
    overwritten and removed when the key is destroyed; nothing else holds a copy."""

    version = models.OneToOneField(KeyVersion, on_delete=models.PROTECT, primary_key=True, related_name="+")
    wrapping_key = models.ForeignKey(WrappingKey, on_delete=models.PROTECT, related_name="+")
    stored = models.BinaryField()

    def __str__(self) -> str:
        return self.version_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Only under an instance key that is there, and stays until the transaction ends. Raises Refused."""
        with transaction.atomic():
            hold(self.wrapping_key_id, self.version_id)
            super().save(*args, **kwargs)


class SpareMaterial(models.Model):
    """A second copy of a version's material, in another store than the one in use: made before a key moves there, or kept
    after it has moved until nobody can want it back. It goes with the material in use (`keys.erasing`), or at `drop_at`;
    none means that it is held until whoever made it has said when."""

    version = models.ForeignKey(KeyVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    wrapping_key = models.ForeignKey(WrappingKey, on_delete=models.PROTECT, related_name="+")
    stored = models.BinaryField()
    drop_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "wrapping_key"], name="one_spare_in_each_store")]

    def __str__(self) -> str:
        return self.version_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As material in use. Raises Refused."""
        with transaction.atomic():
            hold(self.wrapping_key_id, self.version_id)
            super().save(*args, **kwargs)


class Alias(models.Model):
    """A second name of a key, with its prefix: ``alias/payments``. Unique per account (one region per installation)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=261)
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "aliases"
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="alias_once")]
        indexes = [models.Index(fields=["key", "name"], name="alias_of_key"),
                   # LIKE 'x%' on PostgreSQL, whose other indexes follow the language of the database.
                   models.Index(fields=["account", "name"], name="alias_begins",
                                opclasses=["varchar_ops", "varchar_pattern_ops"])]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return ids.arn(settings.KMS_REGION, self.account_id, self.name)


class KeyTag(models.Model):
    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="+", db_index=False)
    tag_key = models.CharField(max_length=128)
    tag_value = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["tag_key"]
        constraints = [models.UniqueConstraint(fields=["key", "tag_key"], name="tag_once")]
        indexes = [models.Index(fields=["tag_key", "tag_value", "key"], name="tag_of_keys")]

    def __str__(self) -> str:
        return f"{self.tag_key}={self.tag_value}"


class ImportToken(models.Model):
    """A wrapping key pair made for one key, and its token. The private half is sealed, and the row goes when both expire."""

    id = models.CharField(max_length=32, primary_key=True, help_text="public part of the token, hex")
    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="+")
    algorithm = models.CharField(max_length=64)
    sealed_private_key = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id


class KeyUse(models.Model):
    """How often one operation on one version ended in one way for one caller on one day. Gathered from the audit trail by a
    sweep, so that a use itself writes nothing more."""

    key_id = models.CharField(max_length=64)
    version_id = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    action = models.CharField(max_length=64)
    principal = models.CharField(max_length=160)
    outcome = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["-day", "key_id", "id"]
        constraints = [models.UniqueConstraint(
            name="use_once", fields=["key_id", "day", "action", "principal", "outcome", "version_id"])]

    def __str__(self) -> str:
        return f"{self.key_id} {self.day} {self.action} {self.count}"


class UseCursor(models.Model):
    """Up to which audit event `KeyUse` has been gathered, and up to which the next run may go."""

    gathered_to = models.PositiveBigIntegerField(default=0)
    seen_to = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.gathered_to)
