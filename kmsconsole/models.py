"""One row per thing of this installation that must stay alive."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F

NOTED_EVERY = timedelta(minutes=1)


class Heartbeat(models.Model):
    """When something last showed that it works. Real time, never the shifted one: this measures processes, not dates."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str, at: datetime) -> None:
        cls.objects.update_or_create(name=name, defaults={"at": at})

    @classmethod
    def last(cls, name: str) -> datetime | None:
        return cls.objects.filter(name=name).values_list("at", flat=True).first()


class SweepRun(models.Model):
    """When a sweep of the clock last came to its end, in real time, and how many rows it has changed in all."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()
    changes = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def note(cls, name: str, at: datetime, changes: int) -> None:
        """Once a minute where nothing was changed: an idle installation shall not write all the time."""
        row = cls.objects.filter(name=name)
        if not changes and row.filter(at__gt=at - NOTED_EVERY).exists():
            return
        if not row.update(at=at, changes=F("changes") + changes):
            SweepRun.objects.bulk_create([SweepRun(name=name, at=at)], ignore_conflicts=True)
            row.update(at=at, changes=F("changes") + changes)
