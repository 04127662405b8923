"""Installing the Node SDKs once, and making calls with them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def install() -> None:
    """`npm ci` into tests/node/node_modules, unless what is there was installed from this very lock file."""
    lock, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    npm = shutil.which("npm")
    assert npm, "the tests need node and npm: sudo apt-get install nodejs npm"
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts"], cwd=FOLDER,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stamp.write_text(wanted)


@dataclass(frozen=True)
class Step:
    """sdk: ``kms`` for `@alicloud/kms20160120`, ``openapi`` for `@alicloud/openapi-client`. A parameter may be
    ``{"from": [number, "Field", ...]}``: what the step of that number was answered."""

    sdk: str
    action: str
    parameters: dict[str, Any]


def drive(api: Any, *steps: Step) -> list[dict[str, Any]]:
    """What the SDK made of each answer: ``{"body": …}`` or ``{"error": {"code", "data", "message"}}``."""
    node = shutil.which("node")
    assert node, "the tests need node and npm: sudo apt-get install nodejs npm"
    environment = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    task = {"host": api.host, "id": api.access_key_id, "secret": api.access_key_secret,
            "steps": [vars(step) for step in steps]}
    done = subprocess.run([node, "driver.js"], cwd=FOLDER, input=json.dumps(task), env=environment, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
