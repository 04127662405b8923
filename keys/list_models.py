"""Tables and indexes behind the pages over many keys: words to search by, changes of many keys at once, uses of a whole account,
and how much there is where that is much."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from keys.states import State

# What divides the keys into the tabs of their list.
_TAB = ("account", "kind", "edition")
LIST_INDEXES = (
    models.Index(fields=["account", "-created_at", "-id"], name="key_list"),
    models.Index(fields=["instance", "-created_at", "-id"], name="key_of_instance"),
    # The console's lists: one tab, at most one filter, in the order shown (docs/design.md, "Long lists").
    models.Index(fields=[*_TAB, "-created_at", "-id"], name="key_tab"),
    *(models.Index(fields=[*_TAB, one, "-created_at", "-id"], name=f"key_tab_{one}")
      for one in ("state", "spec", "origin", "creator", "instance")),
    models.Index(fields=[*_TAB, "idle_since", "id"], name="key_tab_idle"),
    # What an instance's page counts. Few rows of many, so that nobody else's writes pay for them.
    models.Index(fields=["instance", "delete_at", "id"], name="key_pending_of_instance",
                 condition=Q(state=State.PENDING_DELETION)),
    models.Index(fields=["instance", "id"], name="key_protected", condition=Q(deletion_protection=True)),
    models.Index(fields=["instance", "id"], name="key_with_policy", condition=Q(policy__gt="")),
)


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


class InstanceTally(models.Model):
    """How much is in a large instance, as `keys.tallies` last counted it. Small ones have none: they are counted when asked."""

    instance = models.OneToOneField("instances.Instance", on_delete=models.CASCADE, primary_key=True, related_name="+")
    units = models.PositiveBigIntegerField(help_text="of the quota: key versions, and keys that wait for their first")
    keys = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.instance_id} {self.units}"


class KeyTally(models.Model):
    """How many keys there are of a sort, as `keys.tallies` last counted them; none where they are few enough to be counted when
    asked."""

    sort = models.CharField(max_length=32, primary_key=True)
    keys = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "key tallies"

    def __str__(self) -> str:
        return f"{self.sort} {self.keys}"
