"""What the API counts, for Prometheus. Each process counts in plain numbers of its own and leaves them in a file once a second;
whichever process is asked adds up the files of all, so that the answer is that of the whole API. One that has died still counts.

Labels are names of our own (actions, codes): nothing that callers send becomes one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from api.calls import CALLS

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Tally:
    """One process's numbers. Belongs to the thread of the event loop."""

    def __init__(self) -> None:
        self.requests = Counter[tuple[str, str]]()
        self.seconds = [0] * (len(SECONDS) + 1)
        self.sizes = [0] * (len(SIZES) + 1)
        self.seconds_sum, self.sizes_sum = 0.0, 0
        self._written = ""

    def answered(self, action: str, outcome: str, seconds: float) -> None:
        self.requests[action if action in CALLS else "", outcome] += 1
        self.seconds[bisect_left(SECONDS, seconds)] += 1
        self.seconds_sum += seconds

    def committed(self, size: int) -> None:
        self.sizes[bisect_left(SIZES, size)] += 1
        self.sizes_sum += size

    def numbers(self) -> dict[str, Any]:
        return {"requests": [[*name, count] for name, count in self.requests.items()], "seconds": self.seconds,
                "seconds_sum": self.seconds_sum, "sizes": self.sizes, "sizes_sum": self.sizes_sum}

    def add(self, numbers: Mapping[str, Any]) -> None:
        for action, outcome, count in numbers["requests"]:
            self.requests[action, outcome] += count
        self.seconds = [ours + theirs for ours, theirs in zip(self.seconds, numbers["seconds"], strict=True)]
        self.sizes = [ours + theirs for ours, theirs in zip(self.sizes, numbers["sizes"], strict=True)]
        self.seconds_sum += numbers["seconds_sum"]
        self.sizes_sum += numbers["sizes_sum"]

    def leave(self) -> None:
        """In the file of this process, for the others. A full disk must not stop the API."""
        if (text := json.dumps(self.numbers())) != self._written:
            with contextlib.suppress(OSError):
                path = folder() / f"{os.getppid()}-{os.getpid()}"
                path.with_suffix(".new").write_text(text)
                path.with_suffix(".new").replace(path)
                self._written = text

    def of_all(self) -> Tally:
        """The sum of this process and its siblings: those of the same parent, dead or alive."""
        total = Tally()
        total.add(self.numbers())
        for path in folder().glob(f"{os.getppid()}-*"):
            if path.suffix != ".new" and path.name != f"{os.getppid()}-{os.getpid()}":
                with contextlib.suppress(OSError, ValueError):
                    total.add(json.loads(path.read_text()))
        return total


tally = Tally()


def folder() -> Path:
    path: Path = settings.DATA_DIR / "metrics"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def begin() -> None:
    """Of the parent: numbers of earlier starts go; a restart is a reset, as Prometheus expects it."""
    for path in folder().iterdir():
        parent = path.name.partition("-")[0]
        if parent == str(os.getpid()) or not Path(f"/proc/{parent}").exists():
            path.unlink(missing_ok=True)


def may_read(headers: Mapping[str, str], address: str) -> bool:
    """With KMS_METRICS_TOKEN whoever bears it; without, this machine, where no proxy stands between. headers: lower case."""
    if settings.KMS_METRICS_TOKEN:
        given = headers.get("authorization", "").encode()
        return secrets.compare_digest(given, f"Bearer {settings.KMS_METRICS_TOKEN}".encode())
    try:
        return ip_address(address).is_loopback and not any(name in headers for name in FORWARDED)
    except ValueError:
        return False


def text(families: Iterable[Metric]) -> bytes:
    # Imported here: a process that is never asked does without it.
    from prometheus_client import generate_latest
    from prometheus_client.registry import Collector, CollectorRegistry

    class Families(Collector):
        def collect(self) -> Iterable[Metric]:
            return families

    registry = CollectorRegistry()
    registry.register(Families())
    return generate_latest(registry)


def of_the_api() -> bytes:
    return text([*_families(tally.of_all())])


def _families(total: Tally) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    requests = CounterMetricFamily("kms_api_requests", "Answers of the API", labels=["action", "outcome"])
    for (action, outcome), count in sorted(total.requests.items()):
        requests.add_metric([action, outcome], count)
    yield requests
    yield HistogramMetricFamily("kms_api_request_seconds", "From the last byte of a request to its answer",
                                buckets=_buckets(SECONDS, total.seconds), sum_value=total.seconds_sum)
    yield HistogramMetricFamily("kms_api_group_size", "Requests of the fast lane that shared one commit",
                                buckets=_buckets(SIZES, total.sizes), sum_value=total.sizes_sum)


def _buckets(limits: Iterable[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Each with all below it, as the format wants them."""
    found, sum_ = [], 0
    for limit, count in zip((*map(str, limits), "+Inf"), counts, strict=True):
        sum_ += count
        found.append((limit, float(sum_)))
    return found
