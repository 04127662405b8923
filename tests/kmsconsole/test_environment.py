"""A wrong setting stops the start with one line that names the variable and never quotes a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from kmsconsole import environment
from tests.live import ROOT, clean_environment


@pytest.mark.parametrize(("name", "value"), [
    ("KMS_CONSOLE_PORT", "eighty"),
    ("KMS_API_PORT", "70000"),
    ("KMS_API_WORKERS", "0"),
    ("KMS_LOG_LEVEL", "LOUD"),
    ("KMS_HTTPS", "maybe"),
    ("KMS_RATE_LIMITS", "encrypt=5"),
    ("KMS_BILLING_ZONE", "Mars/Olympus"),
    ("KMS_CLOCK_OFFSET", "+400d"),
    ("DATABASE_URL", "mysql://kms:hunter2@host/kms"),
    ("DATABASE_URL", "postgres://kms:hunter2@host:99999999/kms"),
    ("DATABASE_URL", "hunter2"),
    ("DATABASE_URL", "sqlite://"),
    ("KMS_ROOT_KEY_FILE", "/nowhere/root.key"),
])
def test_a_wrong_value_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", "setup"], cwd=ROOT, env=clean_environment(tmp_path, **{name: value}),
                          text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("KMS Console does not start: ")
    assert done.stderr.count("\n") == 1
    assert name.removesuffix("_FILE") in done.stderr or value in done.stderr
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "kms.sqlite3").exists()


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMS_REGION", "")
    assert environment.text("KMS_REGION", "cn-local") == "cn-local"
    monkeypatch.setenv("KMS_DEBUG", "")
    assert environment.flag("KMS_DEBUG") is False


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("KMS_ROOT_KEY_FILE", str(tmp_path / "secret"))
    assert environment.secret("KMS_ROOT_KEY") == "from the file"
    monkeypatch.setenv("KMS_ROOT_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="KMS_ROOT_KEY_FILE cannot be read"):
        environment.secret("KMS_ROOT_KEY")


def test_a_made_secret_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "django-secret"
    first = environment.secret_in_file(path)
    assert len(first) > 60
    assert environment.secret_in_file(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["django-secret"]
