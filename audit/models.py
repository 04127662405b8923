"""One append-only table, whose rows are never changed and point at no other table, so that nothing can be lost with it; and
what of it is on its way to people outside."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """One operation, allowed or refused.

    The primary key is the order of writing; a later chain seals rows in that order over `recording.canonical`. The only
    indexes are the key and (account, id): both append-only, because an index led by a random value halves the writer.
    """

    at = models.DateTimeField(help_text="the product's clock")
    request_id = models.CharField(max_length=64)
    account = models.CharField(max_length=16, blank=True)
    principal = models.CharField(max_length=160)
    access_key_id = models.CharField(max_length=64, blank=True)
    door = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    object_kind = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=64, help_text="ok, or the code of the refusal")
    detail = models.TextField(default="{}", help_text="JSON of facts; never plaintext, material or secrets")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["account", "id"], name="audit_account_id")]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome} {self.object_id}"


class OutboxCursor(models.Model):
    """Up to which event deliveries have been queued, and up to which the next run may go (`audit.following`)."""

    queued_to = models.PositiveBigIntegerField()
    seen_to = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return str(self.queued_to)


class Delivery(models.Model):
    """One event on its way through one channel. `error`: why the latest try failed, in our words."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["next_try_at", "id"], name="delivery_due", condition=models.Q(next_try_at__isnull=False))]
        constraints = [
            models.UniqueConstraint(fields=["event", "channel"], name="delivery_once"),
            models.CheckConstraint(name="delivery_has_one_end",
                                   condition=models.Q(delivered_at=None) | models.Q(given_up_at=None)),
            models.CheckConstraint(name="delivery_waits_or_ended", condition=models.Q(
                next_try_at__isnull=False, delivered_at=None, given_up_at=None) | models.Q(next_try_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.channel}"
