"""The API's own processes over an installation of the test's own, and clients that do not stop asking."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.api.live.clients import signed_v3
from tests.live import ROOT, Product, descendants
from tests.parts import answers, end, wait_for

TEXT = "aGVsbG8="


@dataclass(frozen=True)
class Said:
    """One answer: when its request was sent and what came, in real seconds of one clock."""

    sent: float
    status: int
    code: str
    request_id: str


@dataclass
class Server:
    """host, access_key_id, access_key_secret: as `tests.api.live.clients` wants them."""

    product: Product
    process: subprocess.Popen[bytes]
    said: list[Said] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.product.host

    @property
    def access_key_id(self) -> str:
        return self.product.access_key_id

    @property
    def access_key_secret(self) -> str:
        return self.product.access_key_secret

    def kill_all(self) -> None:
        """kill -9 of every process of the API at once."""
        everybody = [self.process.pid, *descendants(self.process.pid)]
        for pid in everybody:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def python(self, code: str) -> str:
        return self.product.manage("shell", "--no-imports", "--command", code).strip()

    @contextmanager
    def hammered(self, action: str, parameters: dict[str, str], clients: int = 12) -> Iterator[None]:
        """Meanwhile `clients` connections ask without a pause; what they are told is in `said`. A connection that breaks is
        the end of its client."""
        enough = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(action, parameters, enough)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            enough.set()
            for thread in threads:
                thread.join()

    def _ask(self, action: str, parameters: dict[str, str], enough: threading.Event) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            while not enough.is_set():
                path, headers, _ = signed_v3(self, action, parameters)
                sent = time.monotonic()
                connection.request("POST", path, headers=headers)
                answer = connection.getresponse()
                body = json.loads(answer.read())
                self.said.append(Said(sent, answer.status, body.get("Code", "ok"), body["RequestId"]))

    def wait_for(self, count: int) -> None:
        """Until that many answers have come."""
        wait_for(lambda: len(self.said) >= count, seconds=60, what=f"{count} answers")


@contextmanager
def serving(folder: Path, *, workers: int = 3, worker: str = "api.worker.Worker", **more: str) -> Iterator[Server]:
    product = Product(folder, more).set_up()
    with running(product, workers=workers, worker=worker) as process:
        yield Server(product, process)


@contextmanager
def running(product: Product, *, workers: int = 3, worker: str = "api.worker.Worker") -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "gunicorn", "-c", "python:api.server", "--log-level", "warning", "-k", worker]
    environment = product.environment() | {"KMS_API_WORKERS": str(workers), "DJANGO_SETTINGS_MODULE": "kmsconsole.settings"}
    with (product.data_dir / "api-log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(partial(answers, product.api_port), what="the start of the API")
        yield process
    finally:
        end(process)


Serve = Callable[..., contextlib.AbstractContextManager[Server]]


@pytest.fixture(params=["sqlite", "postgresql"])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    """``with serve() as server``: three processes, on either database."""
    more = {"DATABASE_URL": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    return partial(serving, tmp_path, **more)
