"""Paired rounds: both servers run, on one core, the client on another; A and B alternate, and only ratios are compared.

CPU is utime + stime of the server's processes over the requests served: it stays steady where requests per second do not,
but it does not see waiting for the disk, so requests per second and p99 stand beside it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.live import ROOT, Product, descendants
from tests.parts import answers, end, free_port, wait_for

ROUNDS = int(os.environ.get("KMS_BENCH_ROUNDS", "7"))
REQUESTS = int(os.environ.get("KMS_BENCH_REQUESTS", "600"))
CONNECTIONS = 8
TICKS = os.sysconf("SC_CLK_TCK")
EMPTY_BODY = hashlib.sha256(b"").hexdigest()

Ready = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Round:
    cpu_ms: float
    per_second: float
    p99_ms: float


def signed(product: Product, action: str, parameters: dict[str, str]) -> Ready:
    """(path, headers) of one request by ACS3-HMAC-SHA256, with a nonce of its own."""
    headers = {"host": product.host, "x-acs-action": action, "x-acs-content-sha256": EMPTY_BODY,
               "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "x-acs-signature-nonce": uuid.uuid4().hex,
               "x-acs-version": "2016-01-20"}
    query = urlencode(sorted(parameters.items()), quote_via=quote, safe="-_.~")
    names = ";".join(headers)
    canonical = "\n".join(["POST", "/", query, *(f"{name}:{value}" for name, value in headers.items()), "", names, EMPTY_BODY])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.digest(product.access_key_secret.encode(), text.encode(), "sha256").hex()
    headers["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={product.access_key_id},SignedHeaders={names},"
                                f"Signature={signature}")
    return f"/?{query}", headers


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for each in (pid, *descendants(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def ask(port: int, requests: list[Ready], seconds: list[float], refused: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for path, headers in requests:
        start = time.perf_counter()
        connection.request("POST", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - start)
        if answer.status != 200:
            refused.append(body.decode(errors="replace")[:200])
    connection.close()


def run(server: subprocess.Popen[bytes], port: int, requests: list[Ready]) -> Round:
    """Every request once, over CONNECTIONS connections. A round with a refusal in it proves nothing and stops the bench."""
    seconds: list[float] = []
    refused: list[str] = []
    threads = [threading.Thread(target=ask, args=(port, requests[number::CONNECTIONS], seconds, refused))
               for number in range(CONNECTIONS)]
    before, start = cpu_seconds(server.pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    if refused:
        sys.exit(f"{len(refused)} requests were refused, for example: {refused[0]}")
    return Round((cpu_seconds(server.pid) - before) * 1000 / len(requests), len(requests) / took,
                 sorted(seconds)[int(len(seconds) * 0.99)] * 1000)


def start(product: Product, port: int, application: str, settings: str) -> subprocess.Popen[bytes]:
    """gunicorn with the API's own settings, one worker, on the first core: it inherits this process's."""
    os.sched_setaffinity(0, {CORES[0]})
    command = [sys.executable, "-m", "gunicorn", "-c", "python:api.server", "--log-level", "warning", application]
    environment = product.environment() | {"KMS_API_PORT": str(port), "KMS_API_WORKERS": "1",
                                           "DJANGO_SETTINGS_MODULE": settings}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def report(name: str, rounds: list[Round]) -> None:
    middle = {field: statistics.median(getattr(each, field) for each in rounds) for field in ("cpu_ms", "per_second", "p99_ms")}
    print(f"{name:<18} {middle['cpu_ms']:8.2f} ms CPU/request {middle['per_second']:8.0f} requests/s "
          f"{middle['p99_ms']:8.1f} ms p99")


def ratio(name: str, ours: list[Round], yardstick: list[Round], field: str) -> None:
    ratios = sorted(getattr(a, field) / getattr(b, field) for a, b in zip(ours, yardstick, strict=True))
    print(f"{name:<18} {statistics.median(ratios):8.2f} times the empty view (from {ratios[0]:.2f} to {ratios[-1]:.2f})")


CORES = sorted(os.sched_getaffinity(0))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder, ExitStack() as running:
        product = Product(Path(folder)).set_up()
        ports = {"api": product.api_port, "empty": free_port()}
        applications = {"api": ("api.wsgi:application", "kmsconsole.settings"),
                        "empty": ("bench.empty:application", "bench.empty_settings")}
        servers = {}
        for name, (application, settings) in applications.items():
            servers[name] = start(product, ports[name], application, settings)
            running.callback(end, servers[name])
            wait_for(partial(answers, ports[name]), what=f"the start of {application}")
        os.sched_setaffinity(0, {CORES[-1]})
        measure(product, servers, ports)


def measure(product: Product, servers: dict[str, subprocess.Popen[bytes]], ports: dict[str, int]) -> None:
    key = product.manage("shell", "--no-imports", "--command", MAKE_KEY).strip()
    plaintext = base64.b64encode(bytes(32)).decode()
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    for number in range(ROUNDS + 1):
        for name in sorted(servers, reverse=bool(number % 2)):
            requests = [signed(product, "Encrypt", {"KeyId": key, "Plaintext": plaintext}) for _ in range(REQUESTS)]
            measured = run(servers[name], ports[name], requests)
            if number:  # the first pair warms both up
                rounds[name].append(measured)
    print(f"{ROUNDS} paired rounds, {REQUESTS} requests each over {CONNECTIONS} connections, one worker, SQLite; medians")
    report("Encrypt, signed", rounds["api"])
    report("empty Django view", rounds["empty"])
    ratio("CPU", rounds["api"], rounds["empty"], "cpu_ms")
    ratio("requests/s", rounds["api"], rounds["empty"], "per_second")


MAKE_KEY = """
from access.models import User
from base import clock
from keys import operations

caller = User.objects.get(username="admin").caller("api", clock.now(), request_id="bench")
print(operations.create_key(caller, description="bench").pk)
"""

if __name__ == "__main__":
    main()
