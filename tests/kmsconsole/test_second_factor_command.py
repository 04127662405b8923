"""`reset_second_factor`: the way back for the last administrator."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from audit.models import Event


def run(*args):
    out = StringIO()
    call_command("reset_second_factor", *args, stdout=out)
    return out.getvalue()


def test_it_removes_all(alice):
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=alice.user, type=kind, data={})
    assert json.loads(run("--user", "alice", "--json")) == {"user": "alice"}
    assert not Authenticator.objects.exists()
    event = Event.objects.get(action="UnbindMFADevice")
    assert (event.principal, event.object_id, event.outcome) == ("system/operator", "alice", "ok")


def test_it_says_what_is_wrong(alice):
    with pytest.raises(CommandError, match="no_second_factor"):
        run("--user", "alice")
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("--user", "nobody")
