"""A key's life: creation, enabling, the scheduled deletion and its way back. Its end stands in `keys.operations.destroying`."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction

from access.models import Account
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import Unavailable
from crypto.specs import AES_256, SPECS
from instances import hsm_objects, opening
from instances import lookup as instance_lookup
from instances.models import Instance
from keys import creation, lookup, quota, rotating, words
from keys.gate import new_material, permit, still_as_seen, still_permitted_by_instance
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.operations import policies, using
from keys.states import State


@recording.operation("CreateKey")
def create_key(caller: Caller, *, instance: Instance | None = None, description: str = "", spec: str = "",
               usage: str = "", origin: str = "", protection_level: str = "", enable_automatic_rotation: bool = False,
               rotation_interval: str = "", key_storage_mechanism: str = "", policy: str = "",
               tags: tuple[tuple[str, str], ...] = ()) -> Key:
    """A key in `instance`; without one, in the account's default instance; without that, the default CMK.

    1. The provider generates, outside any transaction. 2. Key, version and material are written together with the event.
    A crash in between leaves nothing with software keys, and in HSM tokens what `instances.hsm_objects` clears away. Origin
    EXTERNAL skips 1 and waits for material.
    """
    instance = instance or instance_lookup.default_instance(caller.account)
    proposal = creation.Proposal(description, spec, usage, origin, protection_level, enable_automatic_rotation,
                                 rotation_interval, key_storage_mechanism, policy, tags)
    denied = lookup.why_nobody_creates(caller)
    if reasons := creation.why_not_create(proposal, quota.home_of(caller, instance), denied):
        raise Refused(*reasons)
    account = Account.objects.get(pk=caller.account)
    external, made = origin == "EXTERNAL", SPECS[spec or AES_256.name]
    key = Key(id=ids.key_id(caller.at), account=account, instance=instance,
              kind=Key.Kind.CUSTOMER if instance else Key.Kind.DEFAULT,
              state=State.PENDING_IMPORT if external else State.ENABLED, spec=made.name,
              usage=usage or made.usages[0], origin=origin or "Aliyun_KMS", description=description,
              creator=caller.account, created_at=caller.at, last_rotation_at=caller.at, policy=policy,
              **creation.protection(proposal, hardware=instance is not None and instance.type == Instance.Type.HARDWARE))
    if enable_automatic_rotation and (interval := rotating.seconds(rotation_interval)):
        key.automatic_rotation, key.rotation_interval_seconds = True, interval
        key.next_rotation_at = caller.at + timedelta(seconds=interval)
    if policy and (reasons := policies.why_not_policy(caller, key, policy, dict(tags))):
        raise Refused(*reasons)
    try:
        store_new_key(caller, key, tags, with_material=not external)
    except IntegrityError:
        # Two "Enable" of the default CMK at once: the constraint lets one through.
        raise Refused(Refusal("Rejected.LimitExceeded", {"limit": 1}, reason="one_default_key")) from None
    return key


def store_new_key(caller: Caller, key: Key, tags: tuple[tuple[str, str], ...] = (), *, with_material: bool = True,
                  alias: str = "", action: str = "CreateKey") -> None:
    """Writes a new key with its first version, its material, an alias perhaps, and the event. Decides nothing: `create_key` did,
    or whoever makes the keys outside instances; only the instance's last unit is given out here."""
    version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=not SPECS[key.spec].asymmetric, created_at=caller.at)
    if with_material:
        wrapping = opening.wrapping_key_for(caller, key.account, key.instance)
        identity = material_identity(key.account_id, key.pk, version.pk)
        try:
            material = new_material(caller, wrapping, SPECS[key.spec], identity, in_database=key.in_database)
        except Unavailable:
            raise using.not_made(key) from None
        version.public_key = material.public or None
    with transaction.atomic():
        quota.claim(caller, key.instance)
        key.save(force_insert=True)
        if with_material:
            version.save(force_insert=True)
            KeyMaterial.objects.create(version=version, wrapping_key=wrapping, stored=material.stored)
            hsm_objects.keep(wrapping, material)
        KeyTag.objects.bulk_create([KeyTag(key=key, tag_key=name, tag_value=value) for name, value in tags])
        words.note(key)
        recording.record(caller, action, key, spec=key.spec, origin=key.origin, instance=key.instance_id or "")
        if alias:
            made = Alias.objects.create(account=key.account, name=alias, key=key, created_at=caller.at)
            recording.record(caller, "CreateAlias", made, key=key.pk)


def _switch(caller: Caller, action: str, key: Key, state: State, revision: int | None) -> Key:
    permit(action, caller, key)
    still_as_seen(key, revision)
    with transaction.atomic():
        if key.state != state:
            key.move(state=state, disabled_at=caller.at if state is State.DISABLED else None)
        recording.record(caller, action, key)
    return key


@recording.operation("EnableKey")
def enable_key(caller: Caller, key: Key, *, revision: int | None = None) -> Key:
    """Enabling an enabled key succeeds silently."""
    return _switch(caller, "EnableKey", key, State.ENABLED, revision)


@recording.operation("DisableKey")
def disable_key(caller: Caller, key: Key, *, revision: int | None = None) -> Key:
    """Disabling a disabled key succeeds silently."""
    return _switch(caller, "DisableKey", key, State.DISABLED, revision)


@recording.operation("ScheduleKeyDeletion")
def schedule_key_deletion(caller: Caller, key: Key, *, window_days: int, revision: int | None = None) -> Key:
    """The key stops at once and is destroyed `window_days` x 24 h from now, to the second; cancellable until then."""
    permit("ScheduleKeyDeletion", caller, key, window_days=window_days)
    still_as_seen(key, revision)
    delete_at = caller.at + timedelta(days=window_days)
    with transaction.atomic():
        still_permitted_by_instance("ScheduleKeyDeletion", caller, key)
        key.move(state=State.PENDING_DELETION, delete_at=delete_at, deletion_scheduled_at=caller.at,
                 deletion_scheduled_by=caller.principal, next_try_at=None)
        recording.record(caller, "ScheduleKeyDeletion", key, window_days=window_days, delete_at=delete_at)
    return key


@recording.operation("CancelKeyDeletion")
def cancel_key_deletion(caller: Caller, key: Key, *, revision: int | None = None) -> Key:
    """Back to Enabled, also where the key was disabled before; a key without material goes back to PendingImport."""
    permit("CancelKeyDeletion", caller, key)
    still_as_seen(key, revision)
    with transaction.atomic():
        has_material = KeyMaterial.objects.filter(version__key=key).exists()
        key.move(state=State.ENABLED if has_material else State.PENDING_IMPORT, delete_at=None,
                 deletion_scheduled_at=None, deletion_scheduled_by="", next_try_at=None)
        recording.record(caller, "CancelKeyDeletion", key, state=key.state)
    return key


@recording.operation("UpdateKeyDescription")
def update_key_description(caller: Caller, key: Key, *, description: str, revision: int | None = None) -> Key:
    """Replaces the description; empty text deletes it."""
    if len(description) > creation.DESCRIPTION_LIMIT:
        raise Refused(Refusal("InvalidParameter", {"name": "Description", "limit": creation.DESCRIPTION_LIMIT},
                              reason="too_long", who="user"))
    permit("UpdateKeyDescription", caller, key)
    still_as_seen(key, revision)
    with transaction.atomic():
        key.move(description=description)
        words.note(key)
        recording.record(caller, "UpdateKeyDescription", key)
    return key
