"""State x operation, cell by cell, against the reference table: the rules themselves, and every operation as a function."""

from __future__ import annotations

import pytest

from audit.models import Event
from keys import operations
from keys.rules import why_not
from keys.states import GATE, State
from tests import make
from tests.keys.calls import CALLS, TEXT, outcome
from tests.rows import OK, state_table

LIVING = [state for state in State if state is not State.DESTROYED]


@pytest.mark.parametrize(("operation", "state", "code"), state_table())
def test_the_rules_say_what_the_table_says(operation, state, code):
    facts = make.key_facts(operation, State(state))
    reasons = why_not(operation, facts)
    assert (reasons[0].code if reasons else OK) == code


def test_the_table_is_whole():
    assert {operation for operation, _, _ in state_table()} == set(GATE)
    assert all(set(cells) == set(LIVING) for cells in GATE.values())


@pytest.mark.parametrize(("operation", "state", "code"),
                         [row for row in state_table() if row[0] in CALLS], ids=lambda value: value)
def test_the_function_does_what_the_table_says(operation, state, code, alice, instance, make_key):
    key, at = make.in_state(alice, State(state), instance, make_key, operation)
    before = Event.objects.count()
    assert outcome(lambda: CALLS[operation](alice(), key, at)) == code
    [event] = Event.objects.order_by("id")[before:]
    assert (event.action, event.outcome) == (operation, code)


@pytest.mark.parametrize("operation", ["Decrypt", "ExportDataKey"])
def test_opening_a_blob_with_the_material_expired_says_pending_import(operation, alice, make_key):
    """In the table the material was deleted; here its time has come, and no sweep has met it yet."""
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    key.move(origin="EXTERNAL", material_expires_at=alice().at)
    assert outcome(lambda: CALLS[operation](alice(), key, {"blob": blob})) == "Rejected.PendingImport"


@pytest.mark.parametrize(("state", "code"), [row[1:] for row in state_table() if row[0] == "ReEncrypt"])
def test_re_encrypt_asks_the_source_as_well(state, code, alice, instance, make_key):
    """In the table above the key under test is the destination."""
    source, at = make.in_state(alice, State(state), instance, make_key)
    before = Event.objects.count()
    assert outcome(lambda: operations.re_encrypt(alice(), make_key(), ciphertext_blob=at["blob"])) == code
    [event] = [event for event in Event.objects.order_by("id")[before:] if event.action == "ReEncrypt"]
    assert (event.outcome, event.object_id) == (code, source.pk)
