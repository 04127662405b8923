"""The one fact that the floor of backups leaves here: when the newest complete backup of an instance began."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from base.caller import Caller
from instances.models import Instance


def note_backup(caller: Caller, instance: Instance, *, began_at: datetime) -> None:
    """Never goes back. Not through the revision: a backup is no reason to refuse a change that is under way."""
    older = Q(last_backup_at=None) | Q(last_backup_at__lt=began_at)
    Instance.objects.filter(older, pk=instance.pk).update(last_backup_at=began_at)
