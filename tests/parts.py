"""Parts that tests run against: PostgreSQL and Redis of this machine, started for the run, and Debian's Chromium.

A missing part fails the test that needs it: a skipped test proves nothing. `make test` installs them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], Any], *, seconds: float = 30, what: str = "it") -> Any:
    """The first true value of `ready`, asked every 50 ms until the deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := ready():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process: subprocess.Popen[Any], *, seconds: float = 20, how: int = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def need(name: str, package: str) -> str:
    """The program `name`: from PATH, or from Debian's folder of PostgreSQL, which is on nobody's."""
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), "")
    if not found:
        pytest.fail(f"{name} is missing: apt-get install {package}", pytrace=False)
    return found


def _postgres_owner() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; Debian's user for it exists wherever its package is installed."""
    if os.getuid():
        return {}
    owner = pwd.getpwnam("postgres")
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def start_postgres(folder: Path, *, durable: bool = False) -> tuple[subprocess.Popen[bytes], str]:
    """A throw-away server and the URL of its superuser. Durability is off unless asked for: nothing of it outlives the run. A
    second call on the same folder starts the same server again."""
    owner = _postgres_owner()
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    data, port, known = folder / "data", free_port(), folder / "port"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if known.exists():
        port = int(known.read_text())
    else:
        subprocess.run([need("initdb", "postgresql"), "-D", data, "-U", "kms", "-A", "trust", "-E", "UTF8", "--no-sync"],
                       check=True, capture_output=True, cwd="/", env=environment, **owner)
        known.write_text(str(port))
    careless = () if durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [need("postgres", "postgresql"), "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
         "-c", f"unix_socket_directories={folder}", *careless, "-c", "max_connections=60"],
        stdout=log, stderr=log, cwd="/", env=environment, **owner)
    log.close()
    ready = [need("pg_isready", "postgresql"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, what="the start of PostgreSQL")
    return server, f"postgres://kms@127.0.0.1:{port}/postgres"


def new_database(url: str, name: str) -> str:
    """Its URL; made on the server of `url` where it is not there yet."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    return url.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="kms-postgres-") as folder:
        server, url = start_postgres(Path(folder))
        yield url
        end(server, how=signal.SIGINT)


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The URL of an empty database of the server, one per test."""
    return new_database(postgres_url, f"kms_{os.urandom(4).hex()}")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="kms-redis-") as folder:
        server = subprocess.Popen([need("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1",
                                   "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(port), what="the start of Redis")
        yield f"redis://127.0.0.1:{port}/0"
        end(server)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium instead of a download, silent on the network, and able to run as root."""
    return {**browser_type_launch_args, "executable_path": os.environ.get("KMS_CHROMIUM") or need("chromium", "chromium"),
            "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]}
