"""One append-only table. Rows are never changed; nothing here points at another table, so nothing can be lost with it."""

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
