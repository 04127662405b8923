"""The result of a run, for people and programs: one line a key (reference `migration.md` 2.4)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from base.clock import iso
from migration import lookup
from migration.models import Item, Run

COLUMNS = ("type", "id", "region", "target", "versions", "state", "code", "reason", "started", "finished", "verification",
           "kept_until")


def rows(run: Run) -> Iterator[dict[str, Any]]:
    for item in Item.objects.filter(run=run).order_by("number").iterator(chunk_size=lookup.CHUNK):
        reason = lookup.refusal_in(item.reason)
        yield {"type": "key", "id": item.key_id, "region": settings.KMS_REGION, "target": run.instance_id,
               "versions": item.versions, "state": item.state, "code": reason.code if reason else "",
               "reason": reason.slug if reason else "",
               "started": iso(item.started_at), "finished": iso(item.finished_at),
               "verification": "ok" if item.proved_at else "", "kept_until": iso(item.keep_until)}


def as_csv(run: Run) -> Iterator[str]:
    for row in (dict(zip(COLUMNS, COLUMNS, strict=True)), *rows(run)):
        line = io.StringIO()
        csv.writer(line).writerow(row.values())
        yield line.getvalue()


def as_json(run: Run) -> Iterator[str]:
    """JSON lines: the run, then every key."""
    yield json.dumps({"run": run.pk, "state": run.state, "instance": run.instance_id, "started": iso(run.started_at),
                      "finished": iso(run.finished_at), "counts": lookup.counts(run)}) + "\n"
    for row in rows(run):
        yield json.dumps(row) + "\n"
