"""State x operation, cell by cell, against the reference table: the rules themselves, and every operation as a function."""

from __future__ import annotations

import pytest

from audit.models import Event
from keys import operations
from keys.rules import why_not
from keys.states import GATE, State
from tests import make
from tests.keys.calls import CALLS, TEXT, outcome
from tests.rows import OK, UNREACHABLE, state_table

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
    """Without material there is no version to describe, and nothing can have been encrypted: see below."""
    key, at = make.in_state(alice, State(state), instance, make_key, operation)
    code = UNREACHABLE.get((operation, state), code)
    before = Event.objects.count()
    assert outcome(lambda: CALLS[operation](alice(), key, at)) == code
    [event] = Event.objects.order_by("id")[before:]
    assert (event.action, event.outcome) == (operation, code)


@pytest.mark.parametrize("operation", ["Decrypt", "ExportDataKey"])
def test_opening_a_blob_with_the_material_gone_says_pending_import(operation, alice, make_key):
    """A key with ciphertext whose imported material has expired."""
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    key.move(origin="EXTERNAL", material_expires_at=alice().at)
    assert outcome(lambda: CALLS[operation](alice(), key, {"blob": blob})) == "Rejected.PendingImport"


@pytest.mark.parametrize(("state", "code"), [row[1:] for row in state_table() if row[0] == "ReEncrypt"])
def test_re_encrypt_asks_the_source_as_well(state, code, alice, instance, make_key):
    """In the table above the key under test is the destination."""
    if state == State.PENDING_IMPORT:
        source = make_key()
        blob = operations.encrypt(alice(), source, plaintext=TEXT).ciphertext_blob
        source.move(origin="EXTERNAL", material_expires_at=alice().at)
    else:
        source, at = make.in_state(alice, State(state), instance, make_key)
        blob = at["blob"]
    before = Event.objects.count()
    assert outcome(lambda: operations.re_encrypt(alice(), make_key(), ciphertext_blob=blob)) == code
    [event] = [event for event in Event.objects.order_by("id")[before:] if event.action == "ReEncrypt"]
    assert (event.outcome, event.object_id) == (code, source.pk)
