"""The whole product as a user starts it: `manage.py serve` with its four children, on free ports and its own data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.parts import end, free_port, wait_for

ROOT = Path(__file__).parent.parent
READY = "KMS Console is ready"


@dataclass(frozen=True)
class Pair:
    """An AccessKey and whom it belongs to."""

    access_key_id: str
    access_key_secret: str
    account: str


def clean_environment(data_dir: Path, **more: str) -> dict[str, str]:
    """This process's environment without what the tests' own settings put there."""
    ours = ("KMS_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "KMS_DATA_DIR": str(data_dir), **more}


@dataclass
class Product:
    """One installation: a data directory, two ports, and at most one running `manage.py serve`."""

    data_dir: Path
    more: Mapping[str, str] = field(default_factory=dict)
    console_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    admin_password: str = ""
    account: str = ""
    instance: str = ""
    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    other: Pair | None = None

    @property
    def host(self) -> str:
        """``127.0.0.1:port`` of the API, as SDKs want their endpoint."""
        return f"127.0.0.1:{self.api_port}"

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    def environment(self) -> dict[str, str]:
        ports = {"KMS_CONSOLE_PORT": str(self.console_port), "KMS_API_PORT": str(self.api_port)}
        return clean_environment(self.data_dir, **ports, **self.more)

    def run(self, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` with `args`, whatever comes of it; `more` joins the environment."""
        return subprocess.run([sys.executable, "manage.py", *args], cwd=ROOT, env=self.environment() | more, text=True,
                              capture_output=True, timeout=120, check=False)

    def manage(self, *args: str, **more: str) -> str:
        """The output of a command that must succeed."""
        done = self.run(*args, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def manage_json(self, *args: str, **more: str) -> Any:
        return json.loads(self.manage(*args, "--json", **more))

    def set_up(self) -> Product:
        """The first start's rows, with what it shows once, and a second account."""
        first = self.manage_json("setup")
        self.admin_password, self.account, self.instance = first["password"], first["account"], first["instance"]
        self.access_key_id, self.access_key_secret = first["access_key_id"], first["access_key_secret"]
        return self

    def add_other(self) -> Product:
        made = self.manage_json("create_user", "charlie", "--new-account", "Elsewhere", "--role", "administrator")
        pair = self.manage_json("create_access_key", "--user", "charlie")
        self.other = Pair(pair["AccessKeyId"], pair["AccessKeySecret"], made["account"])
        return self

    def serve(self) -> Product:
        self.launch()
        wait_for(self.is_ready, seconds=60, what="the start of the product")
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """`manage.py serve`, without waiting for anything."""
        with (self.data_dir / "test-out").open("ab") as out, (self.data_dir / "test-log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=self.environment(), stdout=out,
                                            stderr=log, start_new_session=True)
        return self.process

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_text()
        return READY in self.out_text()

    def out_text(self) -> str:
        return (self.data_dir / "test-out").read_text(errors="replace")

    def log_text(self) -> str:
        """Everything the product has printed and logged."""
        return self.out_text() + (self.data_dir / "test-log").read_text(errors="replace")

    def children(self) -> dict[str, int]:
        """name -> pid of the four processes under the supervisor."""
        assert self.process is not None
        marks = {"kmsconsole.wsgi": "console", "api.server": "api", "worker": "worker", "beat": "beat"}
        found = {}
        for pid in children_of(self.process.pid):
            command = command_of(pid)
            name = next((name for mark, name in marks.items() if any(mark in word for word in command)), None)
            if name:
                found[name] = pid
        return found

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        end(self.process, seconds=30, how=how)
        return self.process.returncode


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    return [each for child in children_of(pid) for each in (child, *descendants(child))]


def exists(pid: int) -> bool:
    """Whether the process runs; a zombie that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def new_product(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """``new_product()``: an installation of this test's own, stopped at its end. ``new_product(KMS_TEST_MODE="1")``."""
    made: list[Product] = []

    def build(**environment: str) -> Product:
        folder = tmp_path / f"data-{len(made)}"
        folder.mkdir()
        made.append(Product(folder, environment))
        return made[-1]

    yield build
    for product in made:
        if product.process is not None:
            product.stop()


@pytest.fixture(scope="session")
def live_api() -> Iterator[Product]:
    """The product, running, with the credentials of its administrator and of another account's."""
    with tempfile.TemporaryDirectory(prefix="kms-live-") as folder:
        product = Product(Path(folder)).set_up().add_other()
        try:
            yield product.serve()
        finally:
            if product.process is not None:
                product.stop()
