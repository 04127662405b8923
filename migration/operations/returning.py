"""The way back to 1.0, for as long as the old copy is kept."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refused
from instances import opening
from keys import key_policies
from keys.models import Key
from keys.states import State
from migration import rules, stores
from migration.models import Item
from migration.operations.moving import in_words_of, proved
from migration.operations.planning import permit
from migration.states import ItemState

_DATES = ("next_rotation_at",)
_OF_THE_STORE = ("protection_level", "storage_mechanism")


def facts(item: Item, key: Key, now: datetime) -> rules.ReturnFacts:
    stored = State(key.state)
    gone = key.state_at(now) is State.DESTROYED
    return rules.ReturnFacts(key.pk, item.state == ItemState.SWITCHED and key.edition == Key.Edition.V3,
                             State.DESTROYED if gone else stored, item.keep_until, now, _has_own_policy(key), key.delete_at)


def _has_own_policy(key: Key) -> bool:
    """Whether it says anything that the default does not; 1.0 knows no policies."""
    try:
        said = key_policies.statements(key.policy)
    except Refused:
        return True
    return bool(said) and said != key_policies.statements(key_policies.default_document(key.account_id))


@recording.operation("RollBackKey")
def roll_back_key(caller: Caller, item: Item) -> Item:
    """What the key has become since stays: state, description, aliases, tags. Versions made since go back with it; they are
    copied first. The copy in the instance is kept a minute more, for calls under way. Whether the instance serves does not
    matter: the old copies lie outside it.

    1. Decide. 2. Spare copies of versions that have none in the old store. 3. Each side opens what the other made. 4. In one
    transaction: the key's row, the exchange of the copies, the item and the event.
    """
    permit(caller, "RollBackKey")
    key = Key.objects.select_related("instance", "account").get(pk=item.key_id)
    if reasons := tuple(rules.why_not_back(facts(item, key, caller.at))):
        refused = Refused(*reasons)
        refused.target = key
        raise refused
    holder = opening.wrapping_key_for(caller, key.account, None)
    with in_words_of(key):
        pairs = [stores.copy(key, row, holder, caller.at) for row in stores.in_use(key)]
        proved(key, pairs)
    with transaction.atomic():
        home = key.instance_id
        key.move(instance=None, arrived_at=None, edition=Key.Edition.V1, policy="", next_try_at=None, **_as_before(item, key))
        stores.exchange(pairs, drop_at=caller.at + stores.AFTERGLOW)
        back = Item.objects.filter(pk=item.pk, state=ItemState.SWITCHED)
        if not back.update(state=ItemState.ROLLED_BACK, finished_at=caller.at, reason="", keep_until=None):
            raise Refused(*rules.why_not_back(rules.ReturnFacts(key.pk, False, State(key.state), None, caller.at)))
        recording.record(caller, "RollBackKey", key, run=item.run_id, instance=home, versions=len(pairs))
    item.state = ItemState.ROLLED_BACK
    return item


def _as_before(item: Item, key: Key) -> dict[str, Any]:
    """What the move changed, as it was; but not where somebody has set it anew since."""
    change = json.loads(item.before)
    was, made = _dated(change["was"]), _dated(change["is"])
    changes = {name: was.pop(name) for name in _OF_THE_STORE if name in was}
    rotation = {name: made[name] for name in was}
    if was and all(getattr(key, name) == value for name, value in rotation.items()):
        changes |= was
    return changes


def _dated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in _DATES and value else value for name, value in values.items()}


