"""One event per operation, allowed, refused or broken, and in the transaction of the change."""

from __future__ import annotations

import json

import pytest
from django.db import transaction

from audit import recording
from audit.models import Event
from base.refusal import Refusal, Refused
from keys import operations
from keys.models import Key
from keys.states import State
from tests.keys.calls import outcome


@recording.operation("Try")
def attempt(caller, how):
    with transaction.atomic():
        recording.record(caller, "Try", ("thing", "x"), note="done")
        if how == "refuse":
            raise Refused(Refusal("Rejected.Disabled", reason="because"))
        if how == "break":
            raise RuntimeError("a secret in the message")


def test_an_allowed_one_is_written(alice):
    attempt(alice(), "do")
    event = Event.objects.latest("id")
    assert (event.action, event.outcome, event.object_kind, event.object_id) == ("Try", "ok", "thing", "x")
    assert (event.account, event.principal, event.door, event.address) == (alice.account.pk, "user/alice", "api", "127.0.0.1")
    assert json.loads(event.detail) == {"note": "done"}


def test_a_refused_one_replaces_what_was_rolled_back(alice):
    before = Event.objects.count()
    with pytest.raises(Refused):
        attempt(alice(), "refuse")
    [event] = Event.objects.order_by("id")[before:]
    assert (event.outcome, json.loads(event.detail)) == ("Rejected.Disabled", {"reasons": ["because"]})


def test_a_broken_one_is_written_without_its_text(alice):
    before = Event.objects.count()
    with pytest.raises(RuntimeError):
        attempt(alice(), "break")
    [event] = Event.objects.order_by("id")[before:]
    assert event.outcome == "InternalFailure"
    assert "secret" not in event.detail


def test_an_outer_door_does_not_write_it_again(alice):
    before = Event.objects.count()
    try:
        attempt(alice(), "refuse")
    except Refused as refused:
        recording.refusal(alice(), "Try", None, refused)
    assert Event.objects.count() == before + 1


def test_the_change_and_its_event_live_and_die_together(alice, make_key, monkeypatch):
    key = make_key()

    def broken(*_, **__):
        raise RuntimeError("the audit table is full")

    monkeypatch.setattr("keys.operations.lifecycle.recording.record", broken)
    with pytest.raises(RuntimeError):
        operations.disable_key(alice(), key)
    assert Key.objects.get(pk=key.pk).state == State.ENABLED


def test_outside_text_cannot_forge_lines_or_break_the_table(alice):
    outcome(lambda: operations.delete_alias(alice(), alias_name="alias/x"))
    nasty = "alias/\0\r\n2026 forged \x1b[31m" + "x" * 999
    recording.record(alice(), "Try", ("alias", nasty))
    stored = Event.objects.latest("id").object_id
    assert len(stored) == 300
    assert stored.isprintable()


def test_canonical_bytes_are_stable(alice):
    row = recording.entry(alice(), "Try", ("thing", "x"), b=1, a=2)
    assert json.loads(recording.canonical(row))["detail"] == '{"a":2,"b":1}'
    assert recording.canonical(row) == recording.canonical(row)


def test_many_are_written_in_one_statement(alice, django_assert_num_queries):
    rows = [recording.entry(alice(), "Try", ("thing", str(number))) for number in range(50)]
    with django_assert_num_queries(1):
        recording.write(rows)
    assert [event.object_id for event in Event.objects.order_by("-id")[:2]] == ["49", "48"]
