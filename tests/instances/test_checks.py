"""The system check of what is sealed, and the steps of docs/root-key.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from access import root
from instances import checks, opening
from instances.models import Instance, WrappingKey

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.usefixtures("instance")
class TestCheck:
    def test_all_is_well(self) -> None:
        assert checks.instance_keys_open(databases=["default"]) == []

    def test_a_changed_row(self) -> None:
        WrappingKey.objects.update(sealed=b"\1" * 61)
        assert [error.id for error in checks.instance_keys_open(databases=["default"])] == ["instances.E002"]

    def test_a_missing_root_key(self, settings: Any) -> None:
        WrappingKey.objects.update(root_generation=7)
        found = checks.instance_keys_open(databases=["default"])
        assert [error.id for error in found] == ["instances.E001"]
        assert "generation 7" in found[0].msg


@pytest.mark.django_db
def test_before_set_up_there_is_nothing_to_check() -> None:
    assert checks.instance_keys_open(databases=["default"]) == []


def test_without_a_database_it_asks_none() -> None:
    assert checks.instance_keys_open() == []


@pytest.mark.django_db
def test_the_start_and_readyz_name_what_is_missing(instance: Instance, client: Any) -> None:
    WrappingKey.objects.filter(instance=instance).update(root_generation=7)
    with pytest.raises(root.MissingRootKey, match="generation 7"):
        opening.check_root_keys()
    assert client.get("/readyz").json()["checks"]["root_key"] == "generation 7 is missing"


def test_every_command_of_the_document_exists() -> None:
    """What they do, in this order, runs in tests/kmsconsole/test_root_key_commands.py."""
    named = set(re.findall(r"manage\.py (\w+)", (ROOT / "docs/root-key.md").read_text("utf-8")))
    ours = {path.stem for path in (ROOT / "kmsconsole/management/commands").glob("*.py")}
    assert named - {"check"} <= ours
    assert {"rotate_root_key", "rotate_instance_key", "export_root_key", "restore_root_key"} <= named
