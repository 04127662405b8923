"""One row per thing of this installation that must stay alive."""

from __future__ import annotations

from datetime import datetime

from django.db import models


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
