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
    key, at = make.in_state(alice, State(state), instance, make_key)
    if (operation, state) == ("DescribeKeyVersion", State.PENDING_IMPORT):
        code = "Forbidden.KeyVersionNotFound"  # the state allows it, but there is no version to describe yet
    if (operation, state) == ("Decrypt", State.PENDING_IMPORT):
        code = "InvalidParameter"  # no material, so nothing can have been encrypted: see test_imported_material_gone
    before = Event.objects.count()
    assert outcome(lambda: CALLS[operation](alice(), key, at)) == code
    [event] = Event.objects.order_by("id")[before:]
    assert (event.action, event.outcome) == (operation, code)


def test_decrypting_with_material_gone_says_pending_import(alice, make_key):
    """The one cell no caller can reach before import exists: a key with ciphertext whose imported material has expired."""
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    key.move(origin="EXTERNAL", material_expires_at=alice().at)
    assert outcome(lambda: operations.decrypt(alice(), ciphertext_blob=blob)) == "Rejected.PendingImport"
