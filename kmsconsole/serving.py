"""What `manage.py serve` runs: its children, what must be free before, and when they are ready."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings
from django.core.management.base import CommandError

from api import server
from kmsconsole import addresses
from kmsconsole.supervisor import GRACE, Child

# Secrets that only set-up needs: what a process does not have, it cannot leak.
NOT_FOR_CHILDREN = ("KMS_ADMIN_PASSWORD", "KMS_ADMIN_PASSWORD_FILE")


def children() -> list[Child]:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}
    environment["DJANGO_SETTINGS_MODULE"] = "kmsconsole.settings"
    # The control socket of gunicorn lies in the home directory, where two servers would take it from each other.
    # A worker that ends by itself, requests finished, is better than one killed: so a little less than GRACE.
    gently = ["--no-control-socket", "--log-level", "warning", "--graceful-timeout", str(int(GRACE) - 5)]
    celery = [sys.executable, "-m", "celery", "--app", "kmsconsole.celery", "--quiet"]
    commands = {
        "console": [sys.executable, "-m", "gunicorn", *gently, "--bind", addresses.bind(settings.KMS_CONSOLE_PORT),
                    "--worker-class", "gthread", "--threads", "4", "kmsconsole.wsgi:application"],
        "api": [*server.command(), *gently],
        # Gossip and mingle talk to other workers; with the file system as broker that is only noise.
        "worker": [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle",
                   "--loglevel", "WARNING"],
        # A process of its own: the beat inside a killed worker lives on beside the next one. The plain scheduler keeps
        # no file, so none can be stale or broken; celery's start message is sent by kmsconsole.celery.
        "beat": [*celery, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile", "", "--loglevel", "WARNING"],
    }
    return [Child(name, command, environment, settings.BASE_DIR) for name, command in commands.items()]


@contextmanager
def only_one() -> Iterator[None]:
    """One supervisor per data directory. The file is emptied at a clean end; text in it means the last one was killed,
    and its children may need a moment to notice."""
    with (settings.DATA_DIR / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"another KMS Console already serves the data directory {settings.DATA_DIR}") from None
        lock.seek(0)
        _need_free_ports(patience=GRACE if lock.read() else 0)
        lock.truncate(0)
        lock.write("running")
        lock.flush()
        yield
        lock.truncate(0)


def _need_free_ports(patience: float) -> None:
    ports = {"KMS_CONSOLE_PORT": settings.KMS_CONSOLE_PORT, "KMS_API_PORT": settings.KMS_API_PORT}
    if settings.KMS_CONSOLE_PORT == settings.KMS_API_PORT:
        raise CommandError("KMS_CONSOLE_PORT and KMS_API_PORT must differ: the API owns every path of its port")
    deadline = time.monotonic() + patience
    for name, port in ports.items():
        while (trouble := _trouble_with(port)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if trouble:
            raise CommandError(f"port {port} cannot be used ({trouble}); set {name} to another")


def _trouble_with(port: int) -> str:
    family = socket.AF_INET6 if ":" in settings.KMS_BIND else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.KMS_BIND, port))
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return ""


def ready() -> bool:
    """The console says so itself; the API answers anything at all in its own format."""
    status, _ = _ask(settings.KMS_CONSOLE_PORT, "/readyz")
    return status == 200 and isinstance(_ask(settings.KMS_API_PORT, "/")[1], dict)


def _ask(port: int, path: str) -> tuple[int, object]:
    name = settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else ""
    make: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    if port == settings.KMS_API_PORT and settings.KMS_API_TLS_CERT:
        # It is our own child on this machine; whose name its certificate bears does not matter here.
        make = partial(http.client.HTTPSConnection, context=ssl._create_unverified_context())  # noqa: S323
    connection = make(addresses.host().strip("[]"), port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers={"Host": "localhost" if name in ("", "*") else name})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
