"""The first page: what needs the reader, with dates that are true."""

from __future__ import annotations

from datetime import timedelta

from base import clock
from keys.states import State
from tests import make


def test_a_due_key_that_its_expired_instance_holds_is_not_announced_as_going(alices, alice, words):
    home = make.instance(alice, name="lapsed", at=clock.now() - timedelta(days=370))
    make.due_key(alice, home=home)
    page = words(alices.get("/"))
    assert "The expired instance holds it" in page
    assert "held while their instance is expired" in page
    assert "Will be destroyed" not in page


def test_the_next_deletion_is_the_first_to_come(alices, alice, words):
    home = make.instance(alice, name="lapsed", at=clock.now() - timedelta(days=370))
    make.due_key(alice, home=home)
    make.key(alice, State.PENDING_DELETION, home=make.instance(alice))
    page = words(alices.get("/"))
    assert "the next one in" in page
    assert "Will be destroyed" in page
