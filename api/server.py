"""The process that serves the API: gunicorn's settings, read by ``gunicorn -c python:api.server``.

Why gunicorn: request lines of old SDKs exceed 90 KB, and hyper-based servers refuse them above 64 KB with an empty answer,
which no SDK can parse. Address, port and number of processes come from Django's settings (KMS_BIND, KMS_API_PORT,
KMS_API_WORKERS). There is no access log: query strings hold plaintext.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings

from api.worker import REQUEST_LINE_LIMIT, QuietLogger, Worker

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

    from crypto.errors import RootKeyError
    from instances import opening

    try:
        opening.check_root_keys()
    except RootKeyError as error:
        arbiter.log.error("%s", error)
        raise SystemExit(3) from None
    finally:
        connections.close_all()  # a connection must not be inherited by the workers


wsgi_app = "api.wsgi:application"
bind = [address(settings.KMS_BIND, settings.KMS_API_PORT)]
workers = settings.KMS_API_WORKERS
worker_class = Worker
threads = 8
timeout = 60
graceful_timeout = 20
keepalive = 65  # longer than clients keep idle connections, so that none is closed under a request
limit_request_line = REQUEST_LINE_LIMIT
limit_request_fields = 100
limit_request_field_size = 16 * 1024
http_parser = "python"  # the C parser is optional and would change what is refused
forwarder_headers = ""  # a client may not set SCRIPT_NAME or PATH_INFO
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "info"
logger_class = QuietLogger
proc_name = "kms-api"
