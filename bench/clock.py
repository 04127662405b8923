"""``python -m bench.clock``: what the clock does to 10,000 due keys among a million, beside a loop over the ORM in the same run,
on both databases; two workers beside one; the release of an instance with more than 100,000 keys; and ticks with nothing to do
over a million keys and over a thousand. Results: the table, `build/bench.json`, `docs/performance.md`.

KMS_BENCH_KEYS (1000000), KMS_BENCH_FEW (1000), KMS_BENCH_DUE (10000), KMS_BENCH_LOOP (500), KMS_BENCH_ROUNDS (1),
KMS_BENCH_DATABASES (``sqlite,postgresql``).
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.console import short
from bench.report import heading, listed, publish
from tests.live import ROOT, clean_environment
from tests.parts import end, new_database, start_postgres

KEYS, FEW, DUE = (int(os.environ.get(f"KMS_BENCH_{name}", default)) for name, default in (
    ("KEYS", "1000000"), ("FEW", "1000"), ("DUE", "10000")))
DATABASES = os.environ.get("KMS_BENCH_DATABASES", "sqlite,postgresql").split(",")
START, END = "<!-- the clock at scale: written by python -m bench.clock -->", "<!-- end of the clock at scale -->"
NAMES = {"destroy_due": "scheduled deletions", "rotate_due": "rotations", "expire_material": "expiries of imported material",
         "release_100k": "keys of a released instance"}


def ticking(folder: Path, keys: int, due: int, **environment: str) -> dict[str, Any]:
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("KMS_BENCH_ROUNDS", "KMS_BENCH_LOOP")}
    done = subprocess.run([sys.executable, "-m", "bench.ticking", str(keys), str(due)], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE, env=clean_environment(folder, KMS_LOG_LEVEL="ERROR", **kept, **environment))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(database: str, folder: Path) -> dict[str, Any]:
    """Of a large estate, and under `few` the ticks over a small one. PostgreSQL is as durable as in production."""
    if database == "sqlite":
        return {**ticking(folder / "large", KEYS, DUE), "few": ticking(folder / "small", FEW, 0)["ticks"]}
    home = folder / "server"
    home.mkdir()
    server, url = start_postgres(home, durable=True)
    try:
        large, small = (new_database(url, name) for name in ("large", "small"))
        return {**ticking(folder / "at-large", KEYS, DUE, DATABASE_URL=large),
                "few": ticking(folder / "at-small", FEW, 0, DATABASE_URL=small)["ticks"]}
    finally:
        end(server, how=signal.SIGINT)


def figures(database: str, found: dict[str, Any]) -> dict[str, float]:
    """Medians of the ratios of each round."""
    made = {f"{work['name']}_over_orm_loop_{database}": statistics.median(
        loop / sweep for loop, sweep in zip(work["loop"], work["sweep"], strict=True)) for work in found["works"]}
    if found["workers"]:
        made[f"destroy_two_workers_over_one_{database}"] = statistics.median(two / one for one, two in found["workers"])
    made[f"sweep_memory_growth_mib_{database}"] = max((work["grown"] for work in found["works"]), default=0)
    made[f"idle_tick_ms_{short(KEYS)}_over_{short(FEW)}_{database}"] = sum(found["ticks"].values()) / sum(found["few"].values())
    return {name: round(value, 2) for name, value in made.items()}


def table(database: str, found: dict[str, Any]) -> Iterator[str]:
    yield f"| {database} | keys | the clock | the loop | memory |"
    yield "|---|--:|--:|--:|--:|"
    for work in found["works"]:
        ours, loop = (statistics.median(work[name]) for name in ("sweep", "loop"))
        yield (f"| {NAMES[work['name']]} | {work['keys']:,} | {1e6 * ours:,.0f} µs a key | {1e6 * loop:,.0f} µs a key "
               f"| {work['grown']:+.0f} MiB |")
    yield ""
    ticks = sorted(found["ticks"], key=lambda name: -found["ticks"][name])
    dearest = ", ".join(f"{name} {found['ticks'][name]:.1f} ({found['few'][name]:.1f})" for name in ticks[:4])
    large, small = (sum(found[name].values()) for name in ("ticks", "few"))
    yield (f"All sweeps with nothing to do: {large:.1f} ms over {KEYS:,} keys, {small:.1f} ms over {FEW:,}; the dearest: "
           f"{dearest}. The release itself, which everything else waits for: {found['release']:.1f} s.")


def write(all_of: dict[str, dict[str, Any]]) -> None:
    made = {name: value for database, found in all_of.items() for name, value in figures(database, found).items()}
    lines = [heading(f"{DUE:,} due among {KEYS:,} keys")]
    for database, found in all_of.items():
        lines += ["", *table(database, found)]
    lines += listed(made)
    print("\n".join(lines))
    publish(lines, made, START, END)


def main() -> None:
    found = {}
    for database in DATABASES:
        with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder:
            Path(folder).chmod(0o755)  # PostgreSQL's own user must get to its part
            found[database] = measured(database, Path(folder))
            print(json.dumps({database: found[database]}), file=sys.stderr, flush=True)
    write(found)


if __name__ == "__main__":
    main()
