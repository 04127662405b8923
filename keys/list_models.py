"""Tables behind the pages over many keys: words to search by, changes of many keys at once, and uses of a whole account."""

from __future__ import annotations

from django.db import models


class KeyWord(models.Model):
    """A word of a key's description or aliases, for the search of its list (`keys.words`)."""

    key = models.ForeignKey("keys.Key", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.CharField(max_length=16)
    word = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "word"], name="word_once")]
        indexes = [models.Index(fields=["account", "word", "key"], name="word_begins",
                                opclasses=["varchar_ops", "varchar_pattern_ops", "varchar_ops"])]

    def __str__(self) -> str:
        return self.word


class BulkRun(models.Model):
    """One change of many keys, as one person confirmed it. Each item is one call of one operation; the run only counts."""

    id = models.CharField(max_length=32, primary_key=True)
    account = models.ForeignKey("access.Account", on_delete=models.CASCADE, related_name="+")
    principal = models.CharField(max_length=160)
    action = models.CharField(max_length=32)
    options = models.JSONField(default=dict, help_text="what the operation takes beside the key")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["account", "principal", "created_at"], name="bulk_of_person")]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


class BulkItem(models.Model):
    """A key of a run. outcome: empty while it waits, ``working`` while somebody is at it, then ok or the code of the refusal."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.ForeignKey("keys.Key", on_delete=models.CASCADE, related_name="+", db_index=False)
    position = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(help_text="of the key, as the preview showed it")
    outcome = models.CharField(max_length=64, blank=True)
    refusals = models.JSONField(default=list, help_text="code, slug, facts as text")

    class Meta:
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="bulk_item_once")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.outcome}"


class AccountUse(models.Model):
    """How often the keys of an account were used on one day, and how often that was refused; added up with `KeyUse`, for pages
    that look at the whole estate and cannot add up a million keys."""

    account = models.ForeignKey("access.Account", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    used = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="account_use_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"
