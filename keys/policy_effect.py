"""Whom a key policy lets do what: every active person of the account, under the policy that is and under a proposed one."""

from __future__ import annotations

from dataclasses import dataclass

from access.operations import active_callers
from access.rules import why_not_permitted
from base.caller import Caller
from base.refusal import Refused
from keys import key_policies, lookup
from keys.models import Key

# One action stands for its set: whoever has it has what the question is about.
ASKED = {"manage": "SetKeyPolicy", "delete": "ScheduleKeyDeletion", "encrypt": "Encrypt", "decrypt": "Decrypt"}
MOST = 50


@dataclass(frozen=True, slots=True)
class Change:
    """now, then: whether the person may; equal where nothing changes."""

    now: bool
    then: bool

    @property
    def lost(self) -> bool:
        return self.now and not self.then


@dataclass(frozen=True, slots=True)
class Effect:
    """One person. changes: in the order of ``ASKED``."""

    principal: str
    changes: tuple[Change, ...]

    @property
    def lost(self) -> bool:
        return any(change.lost for change in self.changes)


def effects(caller: Caller, key: Key, proposed: str) -> list[Effect]:
    """The first people of the account, those who lose something first. Three queries. Raises Refused where `proposed` is no
    policy."""
    then = key_policies.statements(proposed)
    try:
        now = key_policies.statements(key.policy)
    except Refused:
        now = ()
    tags, found = lookup.tags_of(key), []
    for person in active_callers(key.account_id, at=caller.at):
        changes = tuple(
            Change(*(not why_not_permitted(person, action, key.arn, tags,
                                           attached=key_policies.said_by(said, person, action, key.account_id))
                     for said in (now, then))) for action in ASKED.values())
        found.append(Effect(person.principal, changes))
    return sorted(found, key=lambda one: (not one.lost, one.principal))[:MOST]
