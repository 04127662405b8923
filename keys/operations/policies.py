"""The policy of a key: one document, always called `default` (reference `keys.md` 12.1)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from access.operations import active_callers
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from keys import key_policies, lookup
from keys.gate import permit, reasons, still_as_seen
from keys.models import Key


def why_not_policy(caller: Caller, key: Key, policy: str, tags: Mapping[str, str]) -> tuple[Refusal, ...]:
    """What is wrong with the text, or, where nothing is, that nobody of the owning account could manage the key any more.

    key: need not be stored yet. Two queries, for the people of the account and their documents.
    """
    if refusals := key_policies.why_not_document(policy):
        return refusals
    worst = key_policies.conditions_met(key_policies.statements(policy))
    for person in active_callers(key.account_id, at=caller.at):
        if not any(why_not_permitted(person, action, key.arn, tags,
                                     attached=key_policies.said_by(worst, person, action, key.account_id))
                   for action in key_policies.LAST_WORD):
            return ()
    return (Refusal("InvalidParameter", {"name": "Policy", "actions": list(key_policies.LAST_WORD)},
                    reason="policy_locks_everybody_out", who="user"),)


@recording.operation("SetKeyPolicy")
def set_key_policy(caller: Caller, key: Key, *, policy: str, policy_name: str = key_policies.NAME,
                   revision: int | None = None) -> Key:
    """Replaces the whole document. It counts from the next call on, and for calls that are still at work."""
    against = [*key_policies.why_not_name(policy_name), *key_policies.why_not_document(policy),
               *reasons("SetKeyPolicy", caller, key)]
    if refusals := against or why_not_policy(caller, key, policy, lookup.tags_of(key)):
        raise Refused(*refusals)
    still_as_seen(key, revision)
    with transaction.atomic():
        key.move(policy=policy)
        recording.record(caller, "SetKeyPolicy", key, statements=len(key_policies.statements(policy)),
                         accounts=sorted(key_policies.accounts_named(policy)))
    return key


@recording.operation("GetKeyPolicy")
def get_key_policy(caller: Caller, key: Key, *, policy_name: str = key_policies.NAME) -> str:
    """The text as it was set; the default document where none was."""
    if refusals := (*key_policies.why_not_name(policy_name), *reasons("GetKeyPolicy", caller, key)):
        raise Refused(*refusals)
    recording.record(caller, "GetKeyPolicy", key)
    return key.policy or key_policies.default_document(key.account_id)


@recording.operation("ListKeyPolicies")
def list_key_policies(caller: Caller, key: Key) -> list[str]:
    """The names, of which there is one. Beyond the vendor's published list of operations."""
    permit("ListKeyPolicies", caller, key)
    recording.record(caller, "ListKeyPolicies", key)
    return [key_policies.NAME]
