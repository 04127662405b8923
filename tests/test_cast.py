"""The cast is what the other tests take it for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from base import clock
from instances.models import Instance
from keys.models import Key
from keys.states import State
from tests import make
from tests.make import Person


@pytest.mark.parametrize("state", State)
def test_a_key_can_be_led_into_every_state(make_key: Callable[..., Key], state: State) -> None:
    assert Key.objects.get(pk=make_key(state).pk).state_at(clock.now()) is state


def test_a_due_key_still_has_its_row_untouched(alice: Person, instance: Instance) -> None:
    key = make.due_key(alice, home=instance)
    assert Key.objects.get(pk=key.pk).state == State.PENDING_DELETION
    assert key.state_at(clock.now()) is State.DESTROYED


def test_everybody_has_a_role_and_charlie_another_account(alice: Person, bob: Person, carol: Person, charlie: Person) -> None:
    assert [who().roles for who in (alice, bob, carol, charlie)] == [
        ("administrator",), ("key-user",), ("auditor",), ("administrator",)]
    assert alice().account == bob().account == carol().account != charlie().account
