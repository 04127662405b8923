"""``make bench``: paired rounds in one run. All servers run on one core, the client on another; in each round every one of
them gets its turn, and only ratios of one round are compared.

CPU is utime + stime of the server's processes over the requests served: it stays steady where requests per second do not, but it
does not see waiting for the disk, so requests per second and p99 stand beside it. Results: the table, `build/bench.json`,
`docs/performance.md`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import bare, load, peers, report
from bench.requests import Call, prepared
from tests.live import ROOT, Product, descendants
from tests.parts import answers, end, free_port, wait_for

ROUNDS = int(os.environ.get("KMS_BENCH_ROUNDS", "5"))
REQUESTS = int(os.environ.get("KMS_BENCH_REQUESTS", "10000"))
CONNECTIONS = 64
TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
WORKERS = {"ours": "api.worker.Worker", "empty view": "bench.yardsticks.EmptyViewWorker",
           "no database": "bench.yardsticks.NoDatabaseWorker"}


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int
    signed: bool = True
    started_in: float = 0.0


@dataclass
class Row:
    """What one line of the table measures: a server and a call; the medians are over its rounds."""

    name: str
    server: str
    call: Call
    cpu_us: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def middle(self, what: str) -> float:
        return statistics.median(getattr(self, what))


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for each in (pid, *descendants(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def memory_mib(pid: int) -> float:
    """The largest worker's own and shared memory."""
    sizes = [int(line.split()[1]) for each in descendants(pid)
             for line in Path(f"/proc/{each}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return max(sizes) / 1024


def start(command: list[str], environment: dict[str, str], port: int, log: int | None = None) -> Server:
    """On the first core: it inherits this process's."""
    os.sched_setaffinity(0, {CORES[0]})
    before = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=log)
    wait_for(partial(answers, port), what=f"the start of {command}")
    os.sched_setaffinity(0, {CORES[-1]})
    return Server(process, port, started_in=time.monotonic() - before)


def ours(product: Product, worker: str) -> Server:
    port = free_port()
    settings = "bench.empty_settings" if worker == WORKERS["empty view"] else "kmsconsole.settings"
    environment = product.environment() | {"KMS_API_PORT": str(port), "KMS_API_WORKERS": "1", "DJANGO_SETTINGS_MODULE": settings}
    return start([sys.executable, "-m", "gunicorn", "-c", "python:api.server", "--log-level", "warning", "-k", worker],
                 environment, port)


def measure(row: Row, server: Server, product: Product, *, keep: bool) -> None:
    """A round with a refusal in it proves nothing and stops the bench."""
    count = row.call.count or REQUESTS
    requests = [prepared(product, row.call.turn(number), server.port) for number in range(count)]
    before = cpu_seconds(server.process.pid)
    result = load.run(server.port, requests, CONNECTIONS)
    cpu = cpu_seconds(server.process.pid) - before
    if result.refused:
        sys.exit(f"{row.name}: {len(result.refused)} requests were refused, for example: {result.refused[0]!r}")
    if keep:
        times = sorted(result.latencies)
        row.cpu_us.append(cpu / count * 1e6)
        row.per_second.append(len(times) / result.seconds)
        row.p50_ms.append(times[len(times) // 2] * 1000)
        row.p99_ms.append(times[int(len(times) * 0.99)] * 1000)


def starts(product: Product) -> dict[str, float]:
    """`manage.py check` over the same of a bare project, with the same apps and with those of others alone; CPU, medians of
    paired runs. The first compiles every module, which an installation does once."""
    _, *pairs = [[_cpu_of_check(product, settings) for settings in (
        "kmsconsole.settings", "bench.bare_settings", "bench.others_settings")] for _ in range(10)]
    ours, bare, others = zip(*pairs, strict=True)
    return {f"start_over_{name}": statistics.median(one / other for one, other in zip(ours, base, strict=True))
            for name, base in (("bare", bare), ("others", others))}


def _cpu_of_check(product: Product, settings: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "django", "check", "--settings", settings], cwd=ROOT, check=True, capture_output=True,
                   env=product.environment() | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "",
                                                "PYTHONPYCACHEPREFIX": str(product.data_dir / "compiled")})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder, ExitStack() as running:
        product = Product(Path(folder)).set_up()
        servers = {name: ours(product, worker) for name, worker in WORKERS.items()}
        made = json.loads(product.manage("shell", "--no-imports", "--command", report.MAKE_KEYS))
        rows = [Row(name, server, call) for name, server, call in report.calls(made)]
        for peer in peers.found():
            servers[peer.name] = start(peer.command, peer.environment(), peer.port, subprocess.DEVNULL)
            rows.append(Row(f"{peer.name}: Encrypt", peer.name, peer.prepare()))
        for server in servers.values():
            running.callback(end, server.process)
        alone = []
        for number in range(ROUNDS + 1):
            for row in rows if number % 2 else [*reversed(rows)]:
                measure(row, servers[row.server], product, keep=number > 0)  # the first round warms up
            alone.append(bare.all(CORES[0], CORES[-1]))
        memory = memory_mib(servers["ours"].process.pid)
        figures = report.figures({row.name: row for row in rows}, alone[1:], memory, starts(product))
        report.write(rows, figures, ROUNDS, CONNECTIONS)


if __name__ == "__main__":
    main()
