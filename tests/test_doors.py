"""Every cell of the state table through every door: the API over HTTP with the official SDK, its fast lane, the console's pages.
The function door is in `tests/keys/test_state_table.py`; all are compared with the same reference."""

from __future__ import annotations

import pytest
from django.test import Client

from api.fast.lane import HOT
from audit.models import Event
from keys.states import State
from tests import make
from tests.doors import API, PAGES, SDK_WARNINGS, ApiDoor, ConsoleDoor, api_server, fast_server, sdk_for
from tests.rows import state_table

pytestmark = [pytest.mark.django_db(transaction=True), *SDK_WARNINGS]


@pytest.fixture(scope="module")
def host():
    with api_server() as address:
        yield address


@pytest.fixture
def api(alice, host):
    return ApiDoor(sdk_for(alice, host))


@pytest.fixture(scope="module")
def fast_host():
    with fast_server() as address:
        yield address


@pytest.fixture
def fast(alice, fast_host):
    return ApiDoor(sdk_for(alice, fast_host))


@pytest.fixture
def console(alice):
    client = Client()
    client.force_login(alice.user)
    return ConsoleDoor(client)


def cells(door):
    return [row for row in state_table() if row[0] in door]


@pytest.mark.parametrize(("operation", "state", "code"), cells(API))
def test_the_api_says_what_the_table_says(operation, state, code, api, alice, instance, make_key):
    check(api, "api", operation, state, code, make.in_state(alice, State(state), instance, make_key, operation))


@pytest.mark.parametrize(("operation", "state", "code"), [row for row in cells(API) if row[0] in HOT])
def test_the_fast_lane_says_what_the_table_says(operation, state, code, fast, alice, instance, make_key):
    check(fast, "api", operation, state, code, make.in_state(alice, State(state), instance, make_key, operation))


@pytest.mark.parametrize(("operation", "state", "code"), cells(PAGES))
def test_the_console_says_what_the_table_says(operation, state, code, console, alice, instance, make_key):
    check(console, "console", operation, state, code, make.in_state(alice, State(state), instance, make_key, operation))


def check(door, name, operation, state, code, prepared):
    before = Event.objects.count()
    assert door.try_(operation, *prepared) == code
    events = Event.objects.order_by("id")[before:]
    assert [(event.door, event.outcome) for event in events if event.action == operation] == [(name, code)]
