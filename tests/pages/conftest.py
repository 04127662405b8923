"""Pages are read as people read them: logged in, by address, without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.make import Person


def log_in(who: Person) -> Client:
    client = Client()
    client.force_login(who.user)
    return client


@pytest.fixture
def alices(alice: Person) -> Client:
    return log_in(alice)


@pytest.fixture
def bobs(bob: Person) -> Client:
    return log_in(bob)


@pytest.fixture
def carols(carol: Person) -> Client:
    return log_in(carol)


@pytest.fixture
def charlies(charlie: Person) -> Client:
    return log_in(charlie)


@pytest.fixture
def words() -> Callable[[HttpResponse], str]:
    """What a page says, without its markup."""

    def read(response: HttpResponse) -> str:
        body = response.content.decode().partition("<body")[2] or response.content.decode()
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())

    return read
