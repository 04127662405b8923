"""What floors above leave as a fact of an instance, in the transaction of their own operation and with its event."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from base.caller import Caller
from instances import hsm_objects, opening
from instances.models import Instance


def note_backup(caller: Caller, instance: Instance, *, began_at: datetime) -> None:
    """A complete backup exists that began at `began_at`. What the release asks for; an older one never replaces a newer.
    The revision stays: a backup must not make anybody's page stale."""
    newer = Q(last_backup_at=None) | Q(last_backup_at__lt=began_at)
    if Instance.objects.filter(newer, pk=instance.pk, released_at=None).update(last_backup_at=began_at):
        instance.last_backup_at = began_at


def note_released(caller: Caller, instance: Instance) -> None:
    """The instance is released and all that its keys wrap is dead. The floor of keys has decided it, because it alone knows
    what was in there; it sweeps the rows afterwards."""
    instance.move(released_at=caller.at, released_by=caller.principal, is_default=False)
    opening.destroy_wrapping_keys(caller, instance)
    hsm_objects.doom_all_of(instance)


def note_cleared(caller: Caller, instance: Instance) -> None:
    """Every key of the released instance is a tombstone."""
    instance.move(cleared_at=caller.at)


def note_delayed(caller: Caller, instance: Instance) -> None:
    """It was said today why the instance is not released yet."""
    instance.move(release_delayed_at=caller.at)
