"""The process that serves the API: gunicorn's settings, read by ``gunicorn -c python:api.server``.

gunicorn keeps the processes, and `api.worker` serves in each. Address, port, number of processes and TLS come from Django's
settings (KMS_BIND, KMS_API_PORT, KMS_API_WORKERS, KMS_API_TLS_CERT). There is no access log: query strings hold plaintext.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings

from api.worker import QuietLogger, Worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmsconsole.settings")


def command() -> list[str]:
    """The command line for a supervisor; it ends on SIGTERM after the running requests."""
    return [sys.executable, "-m", "gunicorn", "-c", "python:api.server"]


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def on_starting(arbiter: Any) -> None:
    """A wrong root key stops the start, in one line, before there are workers that could not open anything."""
    import django

    django.setup()
    from django.db import connections

    import api.fast.lane  # noqa: F401 - what this process has imported its workers share
    from api import metrics
    from crypto.errors import RootKeyError
    from instances import opening

    try:
        opening.check_root_keys()
        metrics.begin()
    except RootKeyError as error:
        arbiter.log.error("%s", error)
        raise SystemExit(3) from None
    finally:
        connections.close_all()  # a connection must not be inherited by the workers


wsgi_app = "api.wsgi:application"  # gunicorn wants one; the worker answers by itself
bind = [address(settings.KMS_BIND, settings.KMS_API_PORT)]
workers = settings.KMS_API_WORKERS
worker_class = Worker
timeout = 60
graceful_timeout = 20
certfile, keyfile = settings.KMS_API_TLS_CERT or None, settings.KMS_API_TLS_KEY or None
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "info"
logger_class = QuietLogger
proc_name = "kms-api"
