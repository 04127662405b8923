"""From an outside string to a run, and from rows to the facts that the rules look at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances.models import Instance
from instances.states import Status
from keys import quota
from keys.models import Key, KeyUse, KeyVersion
from keys.rotating import DAY
from keys.states import State
from migration import rules, states
from migration.models import Item, Run
from migration.states import ItemState

CHUNK = 500
LATELY = timedelta(days=30)
LATE_CALLS = {"ReEncryptFrom": "ReEncrypt", "ReEncryptTo": "ReEncrypt", "ExportDataKey": "ExportDataKey",
              "GenerateAndExportDataKey": "GenerateAndExportDataKey"}
EXAMPLES = 3


def run_for(caller: Caller, run_id: str) -> Run:
    """The caller's run. The same refusal for "absent" and "not yours"."""
    run = Run.objects.of(caller.account).filter(pk=run_id).first()
    if run is None:
        raise Refused(Refusal("Forbidden.ResourceNotFound", {"run": run_id[:64]}, reason="migration_not_found", who="user"))
    return run


def item_for(run: Run, key_id: str) -> Item:
    item = Item.objects.filter(run=run, key_id=key_id).first()
    if item is None:
        raise Refused(Refusal("Forbidden.KeyNotFound", {"key": key_id[:64]}, who="user"))
    return item


def legacy_keys(account: str, now: datetime) -> QuerySet[Key]:
    """What the migration is for: 1.0 keys of people, oldest first."""
    return (Key.objects.of(account).living(now).filter(edition=Key.Edition.V1, kind=Key.Kind.CUSTOMER)
            .select_related("instance").order_by("created_at", "id"))


def open_run(account: str) -> Run | None:
    return Run.objects.of(account).filter(state__in=states.OPEN).first()


def counts(run: Run) -> dict[str, int]:
    """Items by state."""
    return dict(Item.objects.filter(run=run).order_by().values_list("state").annotate(n=Count("pk")))


def left(run: Run) -> QuerySet[Item]:
    """What has not moved, and is still to be tried: by a start also what failed before."""
    again = () if run.state in states.WORKING else (ItemState.FAILED, ItemState.REFUSED)
    return Item.objects.filter(run=run, state__in=(ItemState.PENDING, *states.IN_HAND, *again))


def run_facts(caller: Caller, run: Run) -> rules.RunFacts:
    """Facts of the part that is still to move. A constant number of queries."""
    home, todo = Instance.objects.get(pk=run.instance_id), left(run)
    versions = KeyVersion.objects.filter(key__in=todo.values("key"), key__state__in=(State.ENABLED, State.DISABLED)).count()
    other = open_run(run.account_id)
    busiest = (KeyUse.objects.filter(key_id__in=todo.values("key"), day__gt=(caller.at - LATELY).date()).order_by()
               .values("day").annotate(n=Sum("count")).order_by("-n").values_list("n", flat=True).first())
    return rules.RunFacts(
        instance_lookup.facts(caller, home), caller.at, settings.KMS_REGION, settings.KMS_REGION, home.type, home.image_version,
        upgrading=home.status == Status.CONNECTING, free_keys=max(0, home.key_quota - quota.used(home)), needed_keys=versions,
        free_secrets=home.secret_quota, keys=todo.count(), whole=run.whole,
        open_run=other.pk if other is not None and other.pk != run.pk else "", auto_renewal=bool(home.auto_renewal_months),
        calls_per_second=(busiest or 0) // DAY, plan=home.spec, owned=home.account_id == run.account_id,
        backed_up=home.last_backup_at is not None, freeze_minutes=settings.KMS_MIGRATION_FREEZE_MINUTES,
        keep_days=settings.KMS_MIGRATION_KEEP_DAYS)


def key_facts(now: datetime, keys: Sequence[Key], target: Instance | None) -> list[rules.KeyFacts]:
    """In the order of `keys`, which must come with their instances. Two queries however many they are."""
    ids = [key.pk for key in keys]
    versions = dict(KeyVersion.objects.filter(key__in=ids).order_by().values_list("key").annotate(n=Count("pk")))
    late: dict[str, set[str]] = {}
    uses = KeyUse.objects.filter(key_id__in=ids, action__in=LATE_CALLS, day__gt=(now - LATELY).date())
    for key_id, action in uses.order_by().values_list("key_id", "action").distinct():
        late.setdefault(key_id, set()).add(LATE_CALLS[action])
    home = target.pk if target is not None else ""
    return [rules.KeyFacts(
        key.pk, key.state_at(now), key.edition, key.kind, key.origin, key.spec, key.protection_level, versions.get(key.pk, 0),
        -(-(key.rotation_interval_seconds or 0) // DAY) if key.automatic_rotation else 0,
        target.type if target is not None else Instance.Type.SOFTWARE, in_target=bool(home) and key.instance_id == home,
        late_calls=tuple(sorted(late.get(key.pk, ()))), delete_at=key.delete_at) for key in keys]


def of_keys(now: datetime, keys: Sequence[Key], target: Instance | None) -> Iterator[tuple[Key, tuple[rules.Finding, ...]]]:
    for key, facts in zip(keys, key_facts(now, keys, target), strict=True):
        yield key, rules.of_key(facts, vendor=settings.KMS_MIGRATION_VENDOR_RULES)


@dataclass(slots=True)
class Summary:
    """What the rules say about many keys. of: (rule, kind, slug) -> how many keys; first: the finding of the first of them;
    examples: a few ids."""

    total: int = 0
    ready: int = 0
    of: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str, str], rules.Finding] = field(default_factory=dict)
    examples: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    @property
    def consents(self) -> frozenset[str]:
        return frozenset(rule for rule, kind, _ in self.of if kind == rules.Kind.CONSENT)

    def add(self, key: Key, findings: tuple[rules.Finding, ...]) -> None:
        self.total += 1
        self.ready += not rules.errors(findings)
        for one in findings:
            which = (one.rule, one.kind, one.refusal.slug)
            self.of[which] += 1
            self.first.setdefault(which, one)
            if len(known := self.examples.setdefault(which, [])) < EXAMPLES:
                known.append(key.pk)


def chunks(rows: QuerySet[Key]) -> Iterator[list[Key]]:
    """All rows, never more than CHUNK of them in memory."""
    found = rows.iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        yield chunk


def summary(now: datetime, keys: QuerySet[Key], target: Instance | None) -> Summary:
    found = Summary()
    for chunk in chunks(keys):
        for key, findings in of_keys(now, chunk, target):
            found.add(key, findings)
    return found


def keys_of(run: Run) -> QuerySet[Key]:
    """Of the items still to move, in their order."""
    return Key.objects.filter(pk__in=left(run).values("key")).select_related("instance").order_by("created_at", "id")


def kept(refusal: Refusal) -> str:
    """A refusal as it stands in a row."""
    return json.dumps({"code": refusal.code, "facts": dict(refusal.facts), "reason": refusal.reason, "who": refusal.who,
                       "lifted_by": refusal.lifted_by}, default=_plain)


def _plain(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, datetime) else str(value)


def refusal_in(text: str) -> Refusal | None:
    if not text:
        return None
    row = json.loads(text)
    facts = {name: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
             for name, value in row["facts"].items()}
    return Refusal(row["code"], facts, row["reason"], row["who"], row["lifted_by"])
