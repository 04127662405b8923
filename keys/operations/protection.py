"""Deletion protection of a key. An instance has its own: `instances.operations.set_deletion_protection`."""

from __future__ import annotations

from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from keys.creation import DESCRIPTION_LIMIT
from keys.gate import permit, still_as_seen
from keys.models import Key


@recording.operation("SetDeletionProtection")
def set_deletion_protection(caller: Caller, key: Key, *, enabled: bool, description: str = "",
                            revision: int | None = None) -> Key:
    """While it is on, no deletion can be scheduled. Who switched it on, when and why stands in that refusal; switching it
    off clears all three."""
    if len(description) > DESCRIPTION_LIMIT:
        raise Refused(Refusal("InvalidParameter", {"name": "DeletionProtectionDescription", "limit": DESCRIPTION_LIMIT},
                              reason="too_long", who="user"))
    permit("SetDeletionProtection", caller, key)
    still_as_seen(key, revision)
    with transaction.atomic():
        key.move(deletion_protection=enabled, deletion_protection_description=description if enabled else "",
                 deletion_protection_by=caller.principal if enabled else "",
                 deletion_protection_at=caller.at if enabled else None)
        recording.record(caller, "SetDeletionProtection", key, enabled=enabled)
    return key
