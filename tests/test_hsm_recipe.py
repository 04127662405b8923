"""docs/hsm.md tells the truth: its recipe runs as pasted, with the real softhsm2-util, in a fresh installation."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from crypto.specs import SPECS
from tests.live import ROOT, clean_environment
from tests.parts import need

TEXT = (ROOT / "docs/hsm.md").read_text(encoding="utf-8")
[RECIPE] = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
ORDER = """
import django; django.setup()
from access.models import Account
from base import clock
from base.caller import Caller
from instances import operations
print(operations.order_instance(Caller.system(clock.now()), Account.objects.get(), name="hardware", type="hardware").pk)
"""


@pytest.fixture
def environment(tmp_path):
    need("softhsm2-util", "softhsm2")
    (tmp_path / "hsm").mkdir()
    return clean_environment(tmp_path / "data", HSM_HOME=str(tmp_path / "hsm"), DJANGO_SETTINGS_MODULE="kmsconsole.settings",
                             PYTHONPATH=str(ROOT))


def test_the_recipe_runs_as_pasted(environment):
    def run(*command):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "manage.py", "setup", "--json")
    environment["INSTANCE"] = run(sys.executable, "-c", ORDER).strip()
    told = run("sh", "-e", "-c", RECIPE.replace(".venv/bin/python", sys.executable))
    assert "vault is registered as hsm-lcl" in told
    assert f"{environment['INSTANCE']} is connected to vault" in told
    assert "FAILED" not in told
    environment["SOFTHSM2_CONF"] = environment["HSM_HOME"] + "/softhsm2.conf"
    assert json.loads(run(sys.executable, "manage.py", "check_hsm", "vault", "--json"))["passed"]


def test_the_specs_it_names_are_those_of_hardware():
    sentence = TEXT[TEXT.index("Key specs: "):].split(", as far as")[0]
    named = {"Aliyun_AES_256": "AES-256", "Aliyun_AES_192": "AES-192", "Aliyun_AES_128": "AES-128",
             "RSA_2048": "RSA 2048 to 4096", "RSA_3072": "RSA 2048 to 4096", "RSA_4096": "RSA 2048 to 4096",
             "EC_P256": "EC P-256", "EC_P256K": "P-256K", "X_EC_P384": "P-384"}
    assert {name for name, spec in SPECS.items() if spec.hardware} == set(named)
    assert all(words in sentence for words in named.values())
