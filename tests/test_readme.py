"""The README tells the truth: its example runs as pasted and prints what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    [found] = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    return found


def test_the_sdk_example_works_as_pasted(live_api, tmp_path):
    script = re.search(r"<<'PYTHON'\n(.*?)\nPYTHON\n", block("sh", "create_access_key"), re.DOTALL)
    pair = live_api.manage("create_access_key", "--user", "admin", "--json")
    done = subprocess.run([sys.executable, "-c", script[1]], capture_output=True, text=True, timeout=60, check=False,
                          env={"KMS_PAIR": pair, "KMS_ENDPOINT": live_api.host})
    assert done.stdout == block("text", "decrypted"), done.stderr
    assert json.loads(pair)["AccessKeySecret"] not in done.stderr


def test_the_commands_it_names_exist():
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(r"`?make (\w+)", README):
        assert re.search(rf"^{name}:", rules, re.MULTILINE), name


def test_every_file_it_points_at_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
