"""What pages say about how an instance is backed up and whether that has been proved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from backups.models import Backup, Drill
from backups.states import State, next_midnight
from instances.models import Instance
from instances.states import State as InstanceState


@dataclass(frozen=True, slots=True)
class Standing:
    """newest: the newest usable backup; drill: the newest drill of it, None while it is unproved; next_at: when the next
    automatic one is due, None where none comes; under_way: one is being made."""

    newest: Backup | None
    drill: Drill | None
    last_try: Backup | None
    next_at: datetime | None

    @property
    def under_way(self) -> bool:
        return self.last_try is not None and self.last_try.state in (State.WAITING, State.RUNNING)

    @property
    def failed(self) -> bool:
        return self.last_try is not None and self.last_try.state == State.FAILED


def newest_drill(backup: Backup) -> Drill | None:
    return Drill.objects.filter(backup=backup).first()


def standing_of(instance: Instance, now: datetime) -> Standing:
    mine = Backup.objects.filter(instance=instance).order_by("-began_at", "-id")
    newest = mine.usable().first()
    drill = newest_drill(newest) if newest else None
    serves = instance.state_at(now) is InstanceState.CONNECTED
    return Standing(newest, drill, mine.exclude(kind="uploaded").first(),
                    next_midnight(now, settings.KMS_BILLING_ZONE) if serves else None)


def failed_drills(account: str) -> list[Drill]:
    """The newest drill of the newest backup of each instance, where it failed: these instances could not be restored now."""
    return list(_failed(Backup.objects.of(account).newest_of_each().provable()))


def _failed(backups: Iterable[Backup]) -> Iterable[Drill]:
    for backup in backups:
        drill = Drill.objects.filter(backup=backup).select_related("backup", "instance").first()
        if drill is not None and not drill.passed:
            yield drill
