"""attach_policy and detach_policy."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access.models import UserPolicy
from audit.models import Event
from keys import operations
from tests.keys.calls import TEXT, outcome
from tests.make import Person

DOCUMENT = '{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:Encrypt"],"Resource":"*"}]}'


def run(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def attach(path: Path, *more: str, name: str = "may-encrypt") -> str:
    return run("attach_policy", "--user", "carol", "--name", name, "--document", str(path), *more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(DOCUMENT)
    return path


def test_it_works(carol: Person, make_key: Any, file: Path) -> None:
    key = make_key()
    assert "1 statement" in attach(file)
    assert json.loads(attach(file, "--json")) == {"user": "carol", "policy": "may-encrypt", "statements": 1}
    assert outcome(lambda: operations.encrypt(carol(), key, plaintext=TEXT)) == "ok"
    assert "no longer" in run("detach_policy", "--user", "carol", "--name", "may-encrypt")
    assert outcome(lambda: operations.encrypt(carol(), key, plaintext=TEXT)) == "Forbidden.NoPermission"
    actions = Event.objects.filter(object_id="carol", outcome="ok", action__contains="Policy").order_by("id")
    assert [(event.principal, event.action) for event in actions] == [
        ("system/operator", "AttachPolicyToUser"), ("system/operator", "AttachPolicyToUser"),
        ("system/operator", "DetachPolicyFromUser")]


def test_it_says_what_is_wrong(carol: Person, file: Path) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("detach_policy", "--user", "nobody", "--name", "a")
    with pytest.raises(CommandError, match="user_policy_not_found"):
        run("detach_policy", "--user", "carol", "--name", "a", "--json")
    with pytest.raises(CommandError, match="user_policy_name"):
        attach(file, name="no spaces")
    with pytest.raises(CommandError, match="No such file"):
        attach(file.with_name("none"))
    for content, told in ((b"\xff", "UTF-8"), (DOCUMENT.replace("Action", "NotAction").encode(), "NotAction"),
                          (b" " * 32_769, "policy_too_large"), (b"{", "policy_not_json")):
        file.write_bytes(content)
        with pytest.raises(CommandError, match=told):
            attach(file)
    assert not UserPolicy.objects.exists()
