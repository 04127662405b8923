"""CreateKey of the 1.0 console: a key of the 1.0 edition, in no instance."""

from __future__ import annotations

from datetime import timedelta

from access.models import Account
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refused
from crypto.specs import AES_256, SPECS
from keys import creation, lookup, quota, rotating
from keys.models import Key
from keys.operations.lifecycle import store_new_key
from keys.states import State


@recording.operation("CreateKey")
def create_legacy_key(caller: Caller, *, description: str = "", spec: str = "", usage: str = "", origin: str = "",
                      protection_level: str = "", enable_automatic_rotation: bool = False, rotation_interval: str = "") -> Key:
    """Until the end of service. UUIDs name the key and its versions. Origin EXTERNAL waits for material."""
    proposal = creation.Proposal(description, spec, usage, origin, protection_level, enable_automatic_rotation, rotation_interval)
    denied = lookup.why_nobody_creates(caller)
    if reasons := creation.why_not_create_legacy(proposal, quota.legacy_home(caller), denied):
        raise Refused(*reasons)
    made, external = SPECS[spec or AES_256.name], origin == "EXTERNAL"
    key = Key(id=ids.legacy_id(), account=Account.objects.get(pk=caller.account), edition=Key.Edition.V1,
              state=State.PENDING_IMPORT if external else State.ENABLED, spec=made.name, usage=usage or made.usages[0],
              origin=origin or "Aliyun_KMS", description=description, creator=caller.account, created_at=caller.at,
              last_rotation_at=caller.at)
    if enable_automatic_rotation and (interval := rotating.seconds(rotation_interval)):
        key.automatic_rotation, key.rotation_interval_seconds = True, interval
        key.next_rotation_at = caller.at + timedelta(seconds=interval)
    store_new_key(caller, key, with_material=not external)
    return key
