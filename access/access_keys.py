"""What happens to an AccessKey after `operations.create_access_key`: disabled, enabled, deleted, used."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from access import people_gate
from access.models import AccessKey
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused

# A write per request would double the cost of signing in; nobody asks for the minute.
NOTED_EVERY = timedelta(minutes=15)


def why_not_update(caller: Caller, key: AccessKey, status: str) -> tuple[Refusal, ...]:
    """Everybody may stop their own pair: whoever sees it leak must not have to look for an administrator first."""
    own = caller.principal == f"user/{key.user.username}" and caller.account == key.user.account_id
    if own and status == AccessKey.Status.INACTIVE:
        return ()
    return people_gate.reasons("UpdateAccessKey", caller, key.user, key)


@recording.operation("UpdateAccessKey")
def update_access_key(caller: Caller, key: AccessKey, *, status: str) -> None:
    """Active or Inactive. The other status is compared and set; where it stands already nothing changes."""
    if status not in AccessKey.Status.values:
        raise Refused(Refusal("InvalidParameter", {"name": "Status", "value": status[:64]}, reason="unknown_value", who="user"))
    if refusals := why_not_update(caller, key, status):
        raise Refused(*refusals)
    with transaction.atomic():
        AccessKey.objects.filter(pk=key.pk).update(status=status)
        recording.record(caller, "UpdateAccessKey", key, user=key.user.username, status=status)
    key.status = status


@recording.operation("DeleteAccessKey")
def delete_access_key(caller: Caller, key: AccessKey) -> None:
    """Only a disabled pair: what still signs shows itself by failing, and comes back by a click."""
    people_gate.permit("DeleteAccessKey", caller, key.user, key)
    with transaction.atomic():
        recording.record(caller, "DeleteAccessKey", key, user=key.user.username)
        gone, _ = AccessKey.objects.filter(pk=key.pk, status=AccessKey.Status.INACTIVE).delete()
        if not gone:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": key.pk}, reason="changed_meanwhile", who="user"))


def is_to_note(known: datetime | None, at: datetime) -> bool:
    """Whether a use now is to be noted. known: when the last one was."""
    return known is None or at - known >= NOTED_EVERY


def note_use(access_key_id: str, known: datetime | None, at: datetime) -> None:
    """known: when the last use was noted. Not an operation: what the request does is recorded by itself."""
    if is_to_note(known, at):
        stale = Q(last_used_at=None) | Q(last_used_at__lte=at - NOTED_EVERY)
        AccessKey.objects.filter(stale, pk=access_key_id).update(last_used_at=at)
