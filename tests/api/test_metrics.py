"""What the API counts, whose process it was, and who may read it."""

from __future__ import annotations

import json
import os

import pytest
from django.test import override_settings
from prometheus_client.parser import text_string_to_metric_families

from api import metrics


@pytest.fixture
def tally(monkeypatch, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(metrics, "tally", metrics.Tally())
    return metrics.tally


def samples(text: bytes):
    """(name, labels) -> value, as Prometheus reads it."""
    return {(sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text.decode()) for sample in family.samples}


def test_numbers_are_as_prometheus_wants_them(tally):
    for seconds in (0.0004, 0.0005, 0.002, 9.0):
        tally.answered("Encrypt", "ok", seconds)
    tally.answered("Decrypt", "Rejected.Disabled", 0.1)
    tally.answered('what"ever\n', "UnsupportedOperation", 0.1)
    for size in (1, 3, 300):
        tally.committed(size)
    found = samples(metrics.of_the_api())
    assert found["kms_api_requests_total", "Encrypt", "ok"] == 4
    assert found["kms_api_requests_total", "Decrypt", "Rejected.Disabled"] == 1
    assert found["kms_api_requests_total", "", "UnsupportedOperation"] == 1, "what a caller invents is no label"
    assert [found["kms_api_request_seconds_bucket", limit] for limit in ("0.0005", "0.0025", "5.0", "+Inf")] == [2, 3, 5, 6]
    assert found["kms_api_request_seconds_count",] == 6
    assert found["kms_api_request_seconds_sum",] == pytest.approx(9.2029)
    assert [found["kms_api_group_size_bucket", limit] for limit in ("1", "2", "4", "256", "+Inf")] == [1, 1, 2, 2, 3]


def test_processes_of_one_parent_are_added_up(tally):
    tally.answered("Encrypt", "ok", 0.1)
    tally.leave()
    one = metrics.Tally()
    one.answered("Encrypt", "ok", 0.1)
    for name in (f"{os.getppid()}-1", f"{os.getppid()}-2"):
        (metrics.folder() / name).write_text(json.dumps(one.numbers()))
    (metrics.folder() / f"{os.getppid()}-3").write_text("cut o")
    (metrics.folder() / "1-4").write_text(json.dumps(one.numbers()))
    assert samples(metrics.of_the_api())["kms_api_requests_total", "Encrypt", "ok"] == 3


def test_a_start_forgets_what_nobody_adds_to_any_more(tally):
    gone, mine, others = "999999999-1", f"{os.getpid()}-1", f"{os.getppid()}-1"
    for name in (gone, mine, others):
        (metrics.folder() / name).touch()
    metrics.begin()
    assert [path.name for path in metrics.folder().iterdir()] == [others]


@pytest.mark.parametrize(("token", "headers", "address", "may"), [
    ("", {}, "127.0.0.1", True), ("", {}, "::1", True), ("", {}, "10.0.0.1", False), ("", {}, "", False),
    ("", {"x-forwarded-for": "10.0.0.1"}, "127.0.0.1", False), ("", {"authorization": "Bearer "}, "10.0.0.1", False),
    ("secret", {}, "127.0.0.1", False), ("secret", {"authorization": "Bearer secret"}, "10.0.0.1", True),
    ("secret", {"authorization": "Bearer secre"}, "127.0.0.1", False),
    ("secret", {"authorization": "Béarer"}, "127.0.0.1", False),
])
def test_who_may_read_it(token, headers, address, may):
    with override_settings(KMS_METRICS_TOKEN=token):
        assert metrics.may_read(headers, address) is may
