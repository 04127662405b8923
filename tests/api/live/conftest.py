"""The API as a process of its own on a free port, over its own data; the SDKs talk to it like to any endpoint."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Two accounts, one instance each, and a pair of keys for each person: what `make run` would have made.
FURNISH = """
import json
from tests import make
one = make.account("one"); alice = make.person(one, "alice"); carol = make.person(one, "carol", "auditor")
two = make.account("two"); charlie = make.person(two, "charlie")
homes = [make.instance(alice).pk, make.instance(charlie).pk]
pairs = {who.name: make.access_key(who) for who in (alice, carol, charlie)}
print(json.dumps({"homes": homes, "pairs": pairs, "uid": one.pk}))
"""


@dataclass(frozen=True)
class LiveApi:
    """host: ``127.0.0.1:PORT``. other, auditor: (AccessKeyId, AccessKeySecret) of another account, and of one who may look."""

    host: str
    access_key_id: str
    access_key_secret: str
    other: tuple[str, str]
    auditor: tuple[str, str]
    instance: str
    uid: str
    data: Path
    log: Path

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def stored_bytes(self) -> bytes:
        """Everything on disk: database, write-ahead log, whatever else."""
        return b"".join(path.read_bytes() for path in sorted(self.data.rglob("*")) if path.is_file())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("KMS_", "DJANGO_", "DATABASE_URL", "REDIS_URL")) and name.lower() not in PROXIES}
    return kept | {"DJANGO_SETTINGS_MODULE": "kmsconsole.settings", "KMS_DATA_DIR": str(data), "KMS_API_PORT": str(port),
                   "KMS_API_WORKERS": "2", "PYTHONPATH": str(ROOT)}


def run(env: dict[str, str], *command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def live_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    data, port = tmp_path_factory.mktemp("api-data"), free_port()
    log, env = tmp_path_factory.mktemp("api-log") / "server.log", environment(data, port)
    run(env, "manage.py", "migrate", "-v0")
    made = json.loads(run(env, "-c", f"import django; django.setup()\n{FURNISH}").splitlines()[-1])
    with log.open("wb") as out:
        command = [sys.executable, "-m", "gunicorn", "-c", "python:api.server"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_until_it_listens(process, port, log)
            pairs = {who: tuple(pair) for who, pair in made["pairs"].items()}
            yield LiveApi(f"127.0.0.1:{port}", *pairs["alice"], pairs["charlie"], pairs["carol"], made["homes"][0],
                          made["uid"], data, log)
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both Python SDKs obey a proxy of the environment and ignore NO_PROXY."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
