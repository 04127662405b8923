"""kill -9 around making and destroying keys in tokens: after the next sweep either all of it is there, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import hsm_crash
from tests.live import ROOT


@pytest.fixture(scope="module")
def found(softhsm, tmp_path_factory):
    given = json.dumps({"module": softhsm.module, "pin_file": str(softhsm.pin_file)})
    environment = {name: value for name, value in softhsm.environment.items() if not name.startswith(("KMS_", "DATABASE_URL"))}
    done = subprocess.run([sys.executable, "-m", "tests.hsm_crash", given], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**environment, "KMS_DATA_DIR": str(tmp_path_factory.mktemp("crash")),
                               "DJANGO_SETTINGS_MODULE": "kmsconsole.settings"})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("point", hsm_crash.POINTS)
def test_nothing_is_left_half(found, point):
    # One key was made in full by the last of the creations; every other one was taken back, and every destruction completed.
    made = list(hsm_crash.POINTS).index(point) >= list(hsm_crash.POINTS).index("rows committed")
    assert found[point] == {"killed": True, "agree": True, "living": int(made), "all_work": True}
