"""Accounts, users, AccessKeys, used nonces, the check values of root keys, and the keys of purposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models

from base.caller import Caller
from base.refusal import Refusal, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class Role(models.TextChoices):
    """Permission presets; `access.rules.PRESETS` says what each may do."""

    ADMINISTRATOR = "administrator"
    KEY_USER = "key-user"
    AUDITOR = "auditor"
    # A product of the vendor's, or what stands in for one: signs with AccessKeys, cannot log in.
    SERVICE = "service"

    @classmethod
    def of_people(cls) -> tuple[Role, ...]:
        """Those a person can have."""
        return tuple(role for role in cls if role != cls.SERVICE)


class Account(models.Model):
    """The owner of instances and keys. `demo_at` is set where `manage.py demo` filled it with example data."""

    uid = models.CharField(max_length=16, primary_key=True)
    name = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    demo_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.uid


class User(AbstractUser):
    """A person who logs in to the console, and the owner of AccessKeys."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", null=True)
    role = models.CharField(max_length=32, choices=Role.choices, default=Role.AUDITOR)
    language = models.CharField(max_length=10, blank=True)
    theme = models.CharField(max_length=5, blank=True, help_text="light, dark, or empty to follow the system")
    time_zone = models.CharField(max_length=64, blank=True, help_text="empty: the browser's")
    must_change_password = models.BooleanField(default=False, help_text="the password was given by somebody else")
    revision = models.PositiveIntegerField(default=0)

    def caller(self, door: str, at: datetime, *, request_id: str, address: str = "", access_key_id: str = "",
               documents: Iterable[tuple[str, str]] | None = None) -> Caller:
        """Costs one query, for the documents of the user, unless they are given."""
        if documents is None:
            documents = UserPolicy.objects.filter(user=self).values_list("name", "document")
        # One product works in many accounts: `ecs@<uid>` is its user in one of them.
        principal = f"service/{self.username.partition('@')[0]}" if self.role == Role.SERVICE else f"user/{self.username}"
        return Caller(self.account_id or "", principal, door, at, (self.role,), request_id,
                      access_key_id, address, tuple(documents), settings.KMS_REGION)

    @property
    def audit_name(self) -> str:
        return self.username

    def move(self, **changes: Any) -> None:
        """Compare-and-set: writes `changes` if nobody wrote since this row was read. Raises Refused."""
        rows = User.objects.filter(pk=self.pk, revision=self.revision).update(revision=self.revision + 1, **changes)
        if not rows:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": self.username}, reason="changed_meanwhile", who="user"))
        self.revision += 1
        for name, value in changes.items():
            setattr(self, name, value)


class UserPolicy(models.Model):
    """A RAM-style permission document of a user, beside the preset of the role. `access.policies` reads it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=128)
    document = models.TextField(help_text="JSON")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "user policies"
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="user_policy_once")]

    def __str__(self) -> str:
        return self.name


class RateWindow(models.Model):
    """Requests of one account in one rate class in one second; one row a class, overwritten each second."""

    account = models.CharField(max_length=16)
    rate_class = models.CharField(max_length=32)
    second = models.BigIntegerField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "rate_class"], name="rate_window_once")]

    def __str__(self) -> str:
        return f"{self.account} {self.rate_class}"


class AccessKey(models.Model):
    """A pair that signs API requests. The secret is needed in clear to check a signature, so it is sealed, not hashed."""

    class Status(models.TextChoices):
        ACTIVE = "Active"
        INACTIVE = "Inactive"

    id = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sealed_secret = models.BinaryField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to within a quarter of an hour")

    def __str__(self) -> str:
        return self.id


class UsedNonce(models.Model):
    """A signature nonce that may not come again (`access.nonces`).

    Of AccessKey and nonce only a digest is kept: the index is led by random values whatever it holds, and a third of its size is
    a third of the pages that have to be written.
    """

    digest = models.BinaryField(max_length=8, unique=True)
    forget_at = models.DateTimeField(help_text="real time; after it the timestamp cannot pass any more")

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class NonceGroup(models.Model):
    """Nonces that were claimed together, before they go to `UsedNonce`: 8 bytes each, in no order. Only on SQLite."""

    digests = models.BinaryField()
    forget_at = models.DateTimeField(help_text="real time, the latest of them")

    def __str__(self) -> str:
        return f"{len(self.digests) // 8} nonces"


class RootKeyCheck(models.Model):
    """What a right root key computes, for each generation there was. Never the key, and nothing from which it could be found.
    `retired_at`: nothing is sealed under it any more; only old backups of this database need it."""

    generation = models.PositiveIntegerField(primary_key=True)
    check_value = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"generation {self.generation}"


class PurposeKey(models.Model):
    """A key for one purpose (sealing AccessKey secrets, fingerprints of material), sealed by the root key. Its bytes outlive
    the root key they were derived from: a fingerprint must never change."""

    purpose = models.CharField(max_length=32, primary_key=True)
    sealed = models.BinaryField()
    root_generation = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.purpose


class Freeze(models.Model):
    """Management of an account stands still while something moves its keys; cryptography goes on. A lease: whoever froze
    extends it while it works, so a crash holds nobody up for longer than that. `access.freezes` writes and reads it."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")
    work = models.CharField(max_length=64, help_text="id of the run that froze")
    began_at = models.DateTimeField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id} by {self.work}"
