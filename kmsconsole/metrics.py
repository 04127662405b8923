"""/metrics on the port of the pages: what is due, and whether the clock works. The API's own numbers are on its port."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from access import lists
from api import metrics
from base import clock
from instances.models import Instance
from keys import tallies
from keys.models import Key
from kmsconsole.models import Heartbeat, SweepRun
from kmsconsole.schedule import CLOCK, SWEEPS

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SOON = timedelta(days=30)


@never_cache
@login_not_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not metrics.may_read(headers, request.META.get("REMOTE_ADDR", "")):
        raise Http404
    return HttpResponse(metrics.text([*_families()]), content_type=metrics.CONTENT_TYPE)


def _families() -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    now, last = clock.now(), Heartbeat.last(CLOCK)
    if last is not None:
        yield GaugeMetricFamily("kms_clock_heartbeat_age_seconds", "Since the clock last showed that it works",
                                (clock.real_now() - last).total_seconds())
    if runs := [*SweepRun.objects.filter(name__in=SWEEPS).order_by("name")]:
        age = GaugeMetricFamily("kms_sweep_age_seconds", "Since this sweep last came to its end", labels=["sweep"])
        changes = CounterMetricFamily("kms_sweep_changes", "Rows that this sweep has changed", labels=["sweep"])
        for run in runs:
            age.add_metric([run.name], (clock.real_now() - run.at).total_seconds())
            changes.add_metric([run.name], run.changes)
        yield from (age, changes)
    yield GaugeMetricFamily("kms_keys_pending_deletion", "Keys whose deletion is scheduled; of more than "
                            f"{lists.CAP} the number of the last ten minutes", tallies.pending().n)
    yield GaugeMetricFamily("kms_keys_overdue_for_destruction", "Keys whose date has come and that no sweep has destroyed",
                            Key.objects.due_for_destruction(now).order_by().count())
    there = Instance.objects.filter(released_at=None)
    yield GaugeMetricFamily("kms_instances_expiring", "Instances whose term ends within 30 days and that do not renew themselves",
                            there.filter(end_at__gt=now, end_at__lte=now + SOON, auto_renewal_months=0).count())
    yield GaugeMetricFamily("kms_instances_expired", "Instances that have expired and are not released",
                            there.filter(end_at__lte=now).count())
