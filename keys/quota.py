"""What an instance still has room for. Each key version takes one unit (reference `keys.md` 7.3), and so does a key that
waits for its first material: otherwise the import, which the owner was promised, could find no room."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, QuerySet

from access import lists
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances import rules as instance_rules
from instances.hsm_models import HsmCluster
from instances.models import Instance
from instances.rules import Contents
from keys import creation, key_policies
from keys.among import texts
from keys.models import Alias, Key, KeyVersion
from keys.states import State

SPARE = 10_000
Seen = dict[tuple[str, int], int]  # room left, by instance and its quota
# Policies that a page reads; they are long.
READ = 100


def used_by(instances: Sequence[Instance]) -> Counter[str]:
    """Units by id of the instance: of each living key its versions, or itself where it has none yet. That is what an outer join
    counts, in one walk over the keys; the ORM has none from a key to its versions."""
    if not instances:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT keys_key.instance_id, COUNT(*) FROM keys_key LEFT JOIN keys_keyversion ON key_id = keys_key.id"  # noqa: S608
            f" WHERE state <> %s AND keys_key.instance_id IN ({texts()}) GROUP BY keys_key.instance_id",
            [State.DESTROYED, json.dumps([one.pk for one in instances])])
        return Counter(dict(cursor.fetchall()))


def used(instance: Instance) -> int:
    return used_by([instance])[instance.pk]


def home_of(caller: Caller, instance: Instance | None, used_about: int | None = None) -> creation.Home:
    """The facts of the place a new key, or a new version, would go to. used_about: for pages, which need not count."""
    if instance is None:
        living = Key.objects.of(caller.account).living(caller.at)
        return creation.Home(None, has_default_key=living.filter(kind=Key.Kind.DEFAULT).exists())
    hardware = instance.type == Instance.Type.HARDWARE
    specs = HsmCluster.objects.filter(instance=instance).values_list("specs", flat=True).first() if hardware else None
    units = used(instance) if used_about is None else used_about
    return creation.Home(instance_lookup.facts(caller, instance), units, instance.key_quota, hardware=hardware,
                         specs=frozenset(specs or ()))


def claim(caller: Caller, instance: Instance | None, units: int = 1, seen: Seen | None = None) -> None:
    """Room for `units` more, held until the transaction ends, so that two at once do not take the last unit together, and
    nothing new gets into an instance that was released meanwhile. Raises Refused.

    seen: kept by a run that takes many units. Counting takes as long as an instance has versions; so while there was room for
    ``SPARE`` more than the run has taken since, which is more than anybody makes meanwhile, it is not counted again; and where a
    cheaper look says that there is as much (`_room_at_least`), it is not counted at all."""
    if instance is None:
        return
    # SQLite has the one writer already. PostgreSQL: uses of keys wait here for the length of this transaction, no longer.
    now = Instance.objects.select_for_update(no_key=True).get(pk=instance.pk)
    runs, place = seen is not None, (now.pk, now.key_quota)
    seen = {} if seen is None else seen
    left = seen.get(place, 0) - units
    if runs and left < SPARE:
        left = min(_room_at_least(now) - units, 2 * SPARE)
    if left < SPARE or now.released_at:
        home = home_of(caller, now)
        released = instance_rules.why_not("CreateKey", home.instance) if home.instance and now.released_at else ()
        if reasons := (*released, *creation.why_no_room(home, units)):
            raise Refused(*reasons)
        left = min(home.quota - home.used - units, 2 * SPARE)
    seen[place] = left


def _room_at_least(instance: Instance) -> int:
    """As if all versions that there are were in `instance`, and none of its keys had one yet: indexes count that, without a look
    at any row, and no further than there is room."""
    room = max(0, instance.key_quota - Key.objects.filter(instance=instance).order_by().count())
    return room - KeyVersion.objects.order_by()[:room].count()


def contents(instance: Instance) -> Contents:
    """What would be lost with the instance now."""
    living = Key.objects.left_in(instance)
    newest = KeyVersion.objects.filter(key__instance=instance).aggregate(newest=Max("created_at"))["newest"]
    made = living.aggregate(keys=Count("pk"), newest=Max("created_at"), arrived=Max("arrived_at"))
    return Contents(made["keys"], max((at for at in (newest, made["newest"], made["arrived"]) if at), default=None))


def access_used(instance: Instance) -> int:
    """Units of access management: bound VPCs, and other accounts that policies of living keys speak of."""
    return _access(instance, _policies(instance))


def access_about(instance: Instance) -> lists.Count:
    """The same for a page, from so many policies at most; there may be more."""
    texts = list(_policies(instance)[:READ + 1])
    return lists.Count(_access(instance, texts[:READ]), about=len(texts) > READ)


def _policies(instance: Instance) -> QuerySet[Key, str]:
    return Key.objects.left_in(instance).filter(policy__gt=lists.literal("")).values_list("policy", flat=True)


def _access(instance: Instance, policies: Iterable[str]) -> int:
    accounts = {uid for text in set(policies) for uid in key_policies.accounts_named(text)}
    return len(instance.bound_vpcs) + len(accounts - {instance.account_id})


def legacy_home(caller: Caller) -> creation.LegacyHome:
    """What the account has in the 1.0 edition. Past the end of service it takes no keys, open console or not."""
    keys = Key.objects.of(caller.account).living(caller.at).filter(edition=Key.Edition.V1, kind=Key.Kind.CUSTOMER)
    # An estate that was imported may hold more than the edition allows; then nobody need count its versions as well.
    first = list(keys.order_by().values_list("pk", flat=True)[:creation.LEGACY_KEYS + 1])
    versions = KeyVersion.objects.filter(key__in=first).count() if len(first) <= creation.LEGACY_KEYS else 0
    return creation.LegacyHome(len(first), versions, caller.at >= settings.KMS_LEGACY_END_OF_SERVICE)


def why_no_legacy_alias(key: Key) -> tuple[Refusal, ...]:
    """The quota of aliases of the 1.0 edition, whichever door asks."""
    if key.edition != Key.Edition.V1:
        return ()
    used = Alias.objects.filter(account=key.account_id, key__edition=Key.Edition.V1).count()
    return (creation.legacy_full("quota_legacy_aliases", creation.LEGACY_ALIASES),) if used >= creation.LEGACY_ALIASES else ()


def why_no_legacy_version(key: Key) -> tuple[Refusal, ...]:
    used = KeyVersion.objects.filter(key__account=key.account_id, key__edition=Key.Edition.V1).exclude(
        key__state=State.DESTROYED).count()
    return (creation.legacy_full("quota_legacy_versions", creation.LEGACY_VERSIONS),) if used >= creation.LEGACY_VERSIONS else ()
