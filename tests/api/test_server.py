"""The process around the API: its settings, its answers to broken HTTP, and a start that a wrong root key stops."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest
from gunicorn.config import Config
from gunicorn.http import errors as http

from api import server, worker
from tests.api.live.conftest import ROOT, environment, free_port, run


def test_every_setting_is_known_to_gunicorn():
    settings = Config().settings
    ours = {name for name in vars(server) if name.islower() and not name.startswith("_")}
    helpers = {"os", "sys", "annotations", "settings", "command", "address"}
    assert ours - helpers <= set(settings)


def test_nothing_is_logged_per_request():
    assert server.accesslog is None


@pytest.mark.parametrize("host, shown", [("127.0.0.1", "127.0.0.1:8001"), ("::1", "[::1]:8001")])
def test_addresses(host, shown):
    assert server.address(host, 8001) == shown


@pytest.mark.parametrize("error, status, code", [
    (http.InvalidRequestLine("GET /?Plaintext=secret"), 400, "ParseRequestParameterException"),
    (http.InvalidHeader("secret"), 400, "ParseRequestParameterException"),
    (http.UnsupportedTransferCoding("secret"), 400, "ParseRequestParameterException"),
    (http.InvalidRequestMethod("secret"), 403, "UnsupportedHTTPMethod"),
    (http.LimitRequestLine(1, 2), 414, "RequestTooLarge"), (http.LimitRequestHeaders("secret"), 413, "RequestTooLarge"),
    (ValueError("secret"), 500, "InternalFailure")])
def test_broken_http(error, status, code):
    head, _, body = worker.raw_answer(error).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["Code"] == code
    assert b"secret" not in head + body


def test_a_wrong_root_key_stops_the_start(tmp_path):
    env = environment(tmp_path, free_port())
    run(env, "manage.py", "migrate", "-v0")
    run(env, "-c", "import django; django.setup(); from access import root; root.prepare()")
    wrong = env | {"KMS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()}
    done = subprocess.run(server.command(), cwd=ROOT, env=wrong, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "the root key in KMS_ROOT_KEY is not the one this database was made with" in done.stderr
    assert "Traceback" not in done.stderr
