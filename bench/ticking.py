"""The process of `bench.clock` over one estate: builds it, lets the clock work on it, and prints what it measured as JSON.

    python -m bench.ticking <number of keys> <number of due keys; 0: only ticks with nothing to do>

The environment says where the estate is (KMS_DATA_DIR, DATABASE_URL).
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import django

ROUNDS = int(os.environ.get("KMS_BENCH_ROUNDS", "1"))
LOOP = int(os.environ.get("KMS_BENCH_LOOP", "500"))
TICKS, WORKER_ROUNDS = 15, 3


@dataclass
class Work:
    """seconds a key: of our sweep and of the loop, round by round. grown: MiB that the process grew by in the largest round."""

    name: str
    keys: int = 0
    sweep: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    grown: float = 0.0


def main() -> None:
    keys, due = int(sys.argv[1]), int(sys.argv[2])
    os.environ["DJANGO_SETTINGS_MODULE"] = "kmsconsole.settings"
    django.setup()
    from django.db import connection

    from bench import estate
    from kmsconsole import preparing
    from tests.racing import race

    def build(_: int) -> Any:
        preparing.prepare()
        return estate.build(keys, material=True, due=several + due + LOOP if postgres else several,
                            rotation_due=several if due else 0, expiry_due=several if due else 0, events=1000)

    postgres, several = connection.vendor == "postgresql", due + LOOP
    [made] = race(build, 1)  # in a process of its own: this one shall be small
    told("built")
    found: dict[str, Any] = {"works": [], "workers": [], "release": 0.0}
    if due:
        found["works"] = [asdict(work) for work in dated(due)]
        found["workers"] = workers(due) if postgres else []
        found["works"].append(asdict(released(made, found)))
    found["ticks"] = ticks()
    print(json.dumps(found))


def told(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def dated(due: int) -> list[Work]:
    """The three kinds of dates that come to a key: in each round some by the loop, a piece by the sweep, and some by the loop."""
    from base import clock
    from bench import loops
    from keys import sweeps
    from keys.models import Key

    works = []
    for name, rows, date, loop, sweep in (
            ("destroy_due", Key.objects.due_for_destruction, "delete_at", loops.destroy, sweeps.destroy_due),
            ("rotate_due", Key.objects.due_for_rotation, "next_rotation_at", loops.rotate, sweeps.rotate_due),
            ("expire_material", Key.objects.due_for_expiry, "material_expires_at", loops.expire, sweeps.expire_material)):
        work, now = Work(name), clock.now()
        for _ in range(ROUNDS):
            before = looped(loop, now, rows(now).values_list("pk", flat=True)[:LOOP // ROUNDS // 2])
            *_, moment = rows(now).values_list(date, flat=True)[:due // ROUNDS]
            swept(work, lambda moment=moment, sweep=sweep: sweep(moment))  # type: ignore[misc]
            after = looped(loop, now, rows(now).values_list("pk", flat=True)[:LOOP // ROUNDS // 2])
            work.loop.append((before + after) / 2)
        told(f"{name}: {work.keys} keys")
        works.append(work)
    return works


def looped(loop: Callable[[datetime, str], None], now: datetime, pks: Any) -> float:
    pks = list(pks)
    start = time.perf_counter()
    for pk in pks:
        loop(now, pk)
    return (time.perf_counter() - start) / len(pks)


def swept(work: Work, sweep: Callable[[], int]) -> None:
    before = peak(reset=True)
    start = time.perf_counter()
    done = sweep()
    work.sweep.append((time.perf_counter() - start) / done)
    work.keys += done
    work.grown = max(work.grown, peak() - before)


def peak(*, reset: bool = False) -> float:
    """MiB: the most this process held since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / 1024


def released(made: Any, found: dict[str, Any]) -> Work:
    """An instance with a seventh of all keys: its release, some of its keys by the loop, all others by the sweep."""
    from base import clock
    from bench import loops
    from instances.models import Instance
    from keys import operations, sweeps
    from keys.models import Key

    home = Instance.objects.get(account=made.account, name="payments")
    now, work = clock.now(), Work("release_100k")
    start = time.perf_counter()
    operations.refund_instance(made.user.caller("api", now, request_id="bench"), home, force_delete_without_backup=True)
    found["release"] = time.perf_counter() - start
    work.loop.append(looped(loops.destroy, now, Key.objects.due_for_burial(home, now).values_list("pk", flat=True)[:LOOP]))
    swept(work, lambda: sweeps.clear_released(now))
    told(f"release: {work.keys} keys")
    return work


def workers(due: int) -> list[tuple[float, float]]:
    """(keys a second of one process, of two), round by round."""
    from base import clock
    from keys import sweeps
    from keys.models import Key
    from tests.racing import race

    now, pairs = clock.now(), []
    for _ in range(WORKER_ROUNDS):
        pair = []
        for processes in (1, 2):
            *_, moment = Key.objects.due_for_destruction(now).values_list("delete_at", flat=True)[:due // WORKER_ROUNDS // 2]

            def go(_: int, moment: datetime = moment) -> tuple[float, float, int]:
                start = time.perf_counter()
                return start, sweeps.destroy_due(moment), time.perf_counter()  # type: ignore[return-value]

            started, done, ended = zip(*race(go, processes), strict=True)
            pair.append(sum(done) / (max(ended) - min(started)))
        pairs.append((pair[0], pair[1]))
    told("workers")
    return pairs


def ticks() -> dict[str, float]:
    """Milliseconds of each sweep with nothing to do."""
    from backups import operations as backups
    from backups.models import Backup, State
    from base import clock
    from instances.models import Instance
    from kmsconsole import shell
    from kmsconsole.schedule import SWEEPS

    for home in Instance.objects.filter(released_at=None):  # a million keys in a file are another measurement
        made = backups.create_backup(shell.operator(), home)
        Backup.objects.filter(pk=made.pk).update(state=State.FAILED, ended_at=clock.now())
    for _ in range(3):  # what is there to do at all
        for sweep in SWEEPS.values():
            sweep(clock.now())
    found: dict[str, float] = {}
    for name, sweep in SWEEPS.items():
        took: list[float] = []
        for _ in range(TICKS):
            start = time.perf_counter()
            if sweep(clock.now()):
                sys.exit(f"{name} found something to do")
            took.append(time.perf_counter() - start)
        found[name] = 1000 * least(took)
    return found


def least(took: Sequence[float]) -> float:
    """Of the fastest three the middle one: what others on the machine do only ever adds."""
    return statistics.median(sorted(took)[:3])


if __name__ == "__main__":
    main()
