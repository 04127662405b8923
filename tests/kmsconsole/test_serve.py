"""`manage.py serve` as an operator meets it: start, accidents, end. Real processes; what dies is killed by its pid."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live import READY, ROOT, Product, descendants, exists
from tests.parts import answers, wait_for

NAMES = {"console", "api", "worker", "beat"}


@pytest.fixture
def running(new_product: Callable[..., Product]) -> Product:
    return new_product().serve()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
        return answer.read().decode()


def secrets_of(text: str) -> dict[str, str]:
    rows = (line.split() for line in text.splitlines() if line.startswith("  "))
    return {row[0]: row[1] for row in rows if row[0] in ("Password", "AccessKeyId", "AccessKeySecret")}


def test_it_starts_survives_accidents_ends_and_starts_again(running: Product) -> None:
    """One story, because each start takes seconds."""
    first = running.out_text()
    shown = secrets_of(first)
    assert len(shown["Password"]) == 20
    assert len(shown["AccessKeySecret"]) == 30
    assert running.console_url in first.partition(READY)[2]
    assert running.host in first.partition(READY)[2]

    # Every child that is killed comes back under another pid, and nothing of the old one goes on.
    before = running.children()
    assert set(before) == NAMES
    old = {pid for child in before.values() for pid in (child, *descendants(child))}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: set(running.children()) == NAMES and not set(running.children().values()) & set(before.values()),
             what="the restart of four children")
    # Killed, but a loaded machine takes its time to bury them.
    wait_for(lambda: not [pid for pid in old if exists(pid)], what="the end of the old children and their workers", seconds=5)
    wait_for(lambda: answers(running.console_port) and answers(running.api_port), what="answers on both ports")
    assert "ready" in wait_for(lambda: _ready(running), what="readiness after the restart")

    # One Ctrl-C ends everything, cleanly.
    all_of_it = descendants(running.process.pid)
    assert running.stop(signal.SIGINT) == 0
    wait_for(lambda: not [pid for pid in all_of_it if exists(pid)], what="the end of all processes", seconds=5)
    assert not answers(running.console_port)
    assert "Traceback" not in running.log_text()

    # The second start keeps the data and shows no secret again.
    (running.data_dir / "test-out").unlink()
    running.serve()
    assert not secrets_of(running.out_text())
    assert not [secret for secret in shown.values() if secret in running.out_text()]
    assert READY in running.out_text()

    # kill -9 of the supervisor: its children see it and go; the next start finds the ports free.
    orphans = descendants(running.process.pid)
    assert len(orphans) >= 4
    running.stop(signal.SIGKILL)
    wait_for(lambda: not [pid for pid in orphans if exists(pid)], what="the end of orphaned children")
    assert not secrets_of(running.serve().out_text())


def _ready(product: Product) -> str:
    try:
        return get(product.console_url + "/readyz")
    except OSError:
        return ""


def test_a_second_signal_does_not_wait(running: Product) -> None:
    slow = running.children()["api"]
    workers = descendants(slow)
    os.kill(slow, signal.SIGSTOP)  # it cannot end by itself
    process = running.process
    process.send_signal(signal.SIGINT)
    wait_for(lambda: set(running.children()) == {"api"}, what="the end of the other three")
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130
    wait_for(lambda: not [pid for pid in (slow, *workers) if exists(pid)], what="the end of the stopped child", seconds=5)


def test_it_says_which_port_is_taken(new_product: Callable[..., Product]) -> None:
    product = new_product()
    with socket.create_server(("127.0.0.1", product.console_port)):
        done = product.run("serve")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"CommandError: port {product.console_port} cannot be used (address already in use); set KMS_CONSOLE_PORT to another"]


def test_a_data_directory_is_served_once(new_product: Callable[..., Product]) -> None:
    product = new_product()
    product.launch()
    lock = product.data_dir / "serve.lock"
    wait_for(lambda: lock.exists() and lock.read_text(), what="the lock")
    second = Product(product.data_dir).run("serve")
    assert second.returncode == 1
    assert second.stderr.startswith("CommandError: another KMS Console already serves")
    assert second.stderr.count("\n") == 1


def test_the_clock_cannot_be_shifted_outside_test_mode(new_product: Callable[..., Product]) -> None:
    done = new_product(KMS_CLOCK_OFFSET="+400d").run("serve")
    assert done.returncode == 1
    assert done.stderr == "KMS Console does not start: KMS_CLOCK_OFFSET works only with KMS_TEST_MODE=1\n"


def test_another_root_key_stops_the_start(new_product: Callable[..., Product]) -> None:
    product = new_product().set_up()
    wrong = product.run("serve", KMS_ROOT_KEY="11" * 32)
    assert wrong.returncode == 1
    assert "is not the one this database was made with" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    (product.data_dir / "root.key").unlink()
    lost = product.run("serve")
    assert lost.returncode == 1
    assert "restore root.key" in lost.stderr
    assert not (product.data_dir / "root.key").exists()


def test_a_child_that_never_starts_ends_the_attempt(new_product: Callable[..., Product], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    # The supervisor imports the real one; only the child that runs it meets this.
    (broken / "celery.py").write_text("\n".join((
        "import os, sys", "if __name__ == '__main__':", "    raise SystemExit('no celery here')",
        "sys.path.remove(os.path.dirname(__file__))", "del sys.modules['celery']", "import celery")))
    done = new_product().run("serve", PYTHONSAFEPATH="1", PYTHONPATH=f"{broken}:{ROOT}")
    assert done.returncode == 1
    assert "does not start; the reason stands above" in done.stderr
    assert READY not in done.stdout
