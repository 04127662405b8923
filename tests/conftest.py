"""The cast and their things. Alice owns, Bob may use keys but not manage them, Carol may only look, and Charlie is the
administrator of another account. Each is a Person: ``alice()`` is a Caller now, ``alice(at=...)`` one at another time.

`tests.parts` starts PostgreSQL, Redis and Chromium; `tests.live` starts the whole product as a user does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from access.models import Account, Role
from instances.models import Instance
from keys.models import Key
from keys.states import State
from kmsconsole import preparing
from tests import make
from tests.make import Person

pytest_plugins = ["tests.parts", "tests.live", "tests.softhsm"]

# How long an example takes says something about the machine only.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Playwright's event loop runs in the thread of the test, which Django would take for an asynchronous view.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def translations() -> None:
    """Pages in other languages need the catalogues that set-up compiles and git does not hold."""
    preparing.compile_messages()


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


@pytest.fixture
def alice(account: Account) -> Person:
    return make.person(account, "alice", Role.ADMINISTRATOR)


@pytest.fixture
def bob(account: Account) -> Person:
    return make.person(account, "bob", Role.KEY_USER)


@pytest.fixture
def carol(account: Account) -> Person:
    return make.person(account, "carol", Role.AUDITOR)


@pytest.fixture
def charlie(db: None) -> Person:
    return make.person(make.account("Elsewhere"), "charlie", Role.ADMINISTRATOR)


@pytest.fixture
def instance(alice: Person) -> Instance:
    """Alice's enabled software instance, the default of her account."""
    return make.instance(alice)


@pytest.fixture
def make_key(alice: Person, instance: Instance) -> Callable[..., Key]:
    """``make_key()``, ``make_key(State.DISABLED, description=...)``: Alice's key in her instance."""

    def build(state: State = State.ENABLED, **more: Any) -> Key:
        return make.key(alice, state, home=more.pop("home", instance), **more)

    return build
