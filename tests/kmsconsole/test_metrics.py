"""/metrics on the port of the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from base import clock
from keys.states import State
from kmsconsole.models import Heartbeat
from kmsconsole.schedule import CLOCK
from tests import make

pytestmark = pytest.mark.django_db


def numbers(**more: str) -> dict[str, float]:
    answer = Client().get("/metrics", **more)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in answer["Cache-Control"]
    return {family.name: family.samples[0].value for family in text_string_to_metric_families(answer.content.decode())}


def test_it_counts_what_is_due(alice, make_key):
    Heartbeat.beat(CLOCK, clock.real_now() - timedelta(seconds=40))
    make_key(State.PENDING_DELETION)
    make.due_key(alice)
    make.instance(alice, name="soon", at=clock.now() - timedelta(days=350))
    make.expired_instance(alice)
    found = numbers()
    assert 40 <= found.pop("kms_clock_heartbeat_age_seconds") < 60
    assert found == {"kms_keys_pending_deletion": 2, "kms_keys_overdue_for_destruction": 1, "kms_instances_expiring": 1,
                     "kms_instances_expired": 1}


def test_a_clock_that_never_ran_has_no_age():
    assert "kms_clock_heartbeat_age_seconds" not in numbers()


def test_strangers_find_no_such_page(settings):
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 404
    assert Client().get("/metrics", HTTP_X_FORWARDED_FOR="10.0.0.1").status_code == 404
    settings.KMS_METRICS_TOKEN = "only-for-tests"
    assert Client().get("/metrics").status_code == 404
    assert numbers(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION="Bearer only-for-tests")
