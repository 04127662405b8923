"""The process around the API: its settings, and a start that a wrong root key stops. Broken HTTP: `live/test_wire.py`."""

from __future__ import annotations

import base64
import subprocess

import pytest
from gunicorn.config import Config

from api import server
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


def test_a_wrong_root_key_stops_the_start(tmp_path):
    env = environment(tmp_path, free_port())
    run(env, "manage.py", "migrate", "-v0")
    run(env, "-c", "import django; django.setup(); from access import root; root.prepare()")
    wrong = env | {"KMS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()}
    done = subprocess.run(server.command(), cwd=ROOT, env=wrong, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "the root key in KMS_ROOT_KEY is not the one this database was made with" in done.stderr
    assert "Traceback" not in done.stderr
