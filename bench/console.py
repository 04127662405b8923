"""``python -m bench.console``: what each page costs over a million keys, beside a thousand, on both databases.

Two processes look at two estates and take turns, page by page; only costs of one round are compared. The cost is CPU, of the
process and of PostgreSQL's process that serves it, because the wall clock of a shared machine says little. The figures of a
family (all filters, say) are those of its dearest page. Results: the table, `build/bench.json`, `docs/performance.md`.

KMS_BENCH_SIZES (``1000,1000000``), KMS_BENCH_ROUNDS, KMS_BENCH_DATABASES (``sqlite,postgresql``); with KMS_BENCH_KEEP, a
directory, the estates stay there and the next run finds them. KMS_BENCH_ONLY: pages whose family or name holds this text.
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
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report import heading, publish
from tests.live import ROOT, clean_environment
from tests.parts import end, new_database, start_postgres

SIZES = [int(size) for size in os.environ.get("KMS_BENCH_SIZES", "1000,1000000").split(",")]
ROUNDS = int(os.environ.get("KMS_BENCH_ROUNDS", "9"))
DATABASES = os.environ.get("KMS_BENCH_DATABASES", "sqlite,postgresql").split(",")
ONLY, KEEP = os.environ.get("KMS_BENCH_ONLY", ""), os.environ.get("KMS_BENCH_KEEP", "")
TIMES, BAR = 1, 1.5
START, END = "<!-- the console at scale: written by python -m bench.console -->", "<!-- end of the console at scale -->"


class Visitor:
    """A process of `bench.visits` over one estate."""

    def __init__(self, folder: Path, keys: int, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.visits", str(keys)], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=clean_environment(folder, KMS_LOG_LEVEL="ERROR", **environment))
        if self.process.stdin is None or self.process.stdout is None:
            raise TypeError("pipes were asked for")
        self.told, self.tells = self.process.stdin, self.process.stdout
        self.pages: list[tuple[str, str]] = [(family, name) for family, name in self._answer()]

    def ask(self, *what: Any) -> Any:
        print(json.dumps(what), file=self.told, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        line = self.tells.readline()
        if not line:
            sys.exit("a process over an estate has ended; what it said stands above")
        return json.loads(line)

    def close(self) -> None:
        self.told.close()
        end(self.process)


@dataclass
class Row:
    """A page on one database: its costs over both estates, round by round."""

    family: str
    name: str
    cpu: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    wall: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    queries: list[int] = field(default_factory=list)
    slowest: list[Any] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(large / small for small, large in zip(*self.cpu, strict=True))


def visitors(database: str, folder: Path, running: ExitStack) -> list[Visitor]:
    """Over the small and the large estate."""
    urls: list[dict[str, str]] = [{} for _ in SIZES]
    if database == "postgresql":
        home = folder / "server"
        home.mkdir(exist_ok=True)
        server, url = start_postgres(home)
        running.callback(end, server, how=signal.SIGINT)
        urls = [{"DATABASE_URL": new_database(url, f"keys{size}")} for size in SIZES]
    found = []
    for size, more in zip(SIZES, urls, strict=True):
        found.append(Visitor(folder / f"{database}-{size}", size, **more))
        running.callback(found[-1].close)
    return found


def measured(database: str, folder: Path) -> list[Row]:
    with ExitStack() as running:
        small, large = visitors(database, folder, running)
        pairs = zip(small.pages, large.pages, strict=True)
        rows = [(Row(family, name), (name, other)) for (family, name), (_, other) in pairs if ONLY in family or ONLY in name]
        for row, names in rows:
            for visitor, name in zip((small, large), names, strict=True):
                visitor.ask("queries", name)  # the first visit fills caches that others find filled
                told = visitor.ask("queries", name)
                row.queries.append(told["queries"])
                row.slowest = told["slowest"]
        for number in range(ROUNDS):
            for row, names in rows:
                turns = [(0, small), (1, large)]
                for place, visitor in turns if number % 2 else reversed(turns):
                    told = visitor.ask("cost", names[place], TIMES)
                    row.cpu[place].append(told["cpu"])
                    row.wall[place].append(told["wall"])
    return [row for row, _ in rows]


def short(size: int) -> str:
    return f"{size // 1_000_000}m" if size % 1_000_000 == 0 else f"{size // 1000}k"


def figures(database: str, rows: list[Row]) -> dict[str, float]:
    """The dearest page of each family."""
    found: dict[str, float] = {}
    for row in rows:
        name = f"{row.family}_{short(SIZES[1])}_over_{short(SIZES[0])}_{database}"
        found[name] = max(found.get(name, 0), round(row.ratio, 2))
    return found


def table(database: str, rows: list[Row]) -> Iterator[str]:
    yield f"| {database} | {short(SIZES[0])} | {short(SIZES[1])} | ratio | wall | queries |"
    yield "|---|--:|--:|--:|--:|--:|"
    for row in rows:
        (small, large), wall = map(statistics.median, row.cpu), statistics.median(row.wall[1])
        counts = "/".join(map(str, dict.fromkeys(row.queries)))
        mark = " (!)" if row.ratio > BAR else ""
        yield f"| {row.name} | {small:.1f} ms | {large:.1f} ms | {row.ratio:.2f}{mark} | {wall:.1f} ms | {counts} |"


def write(rows: dict[str, list[Row]]) -> None:
    found = {name: value for database, those in rows.items() for name, value in figures(database, those).items()}
    lines = [heading(f"medians of {ROUNDS} paired rounds; CPU, with that of the database")]
    for database, those in rows.items():
        lines += ["", *table(database, those)]
    print("\n".join(lines))
    for database, those in rows.items():
        for row in those:
            if row.ratio > BAR or len(set(row.queries)) > 1:
                print(f"\n{database}, {row.name}: {row.ratio:.2f}")
                print("\n".join(f"  {took:.1f} ms: {sql.partition(' FROM ')[2][:1500]}" for took, sql in row.slowest if took > 2))
    if ONLY:
        return
    publish(lines, found, START, END)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder:
        home = Path(KEEP or folder)
        home.chmod(0o755)  # PostgreSQL's own user must get to its part
        write({database: measured(database, home) for database in DATABASES})


if __name__ == "__main__":
    main()
