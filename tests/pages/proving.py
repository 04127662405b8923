"""Shortcuts to a session that has just shown who it is. What asks for it is tested in test_second_factor.py."""

from __future__ import annotations

import time

from django.test import Client

from tests.make import Person
from tests.pages.conftest import log_in


def proved(who: Person) -> Client:
    """Logged in, and the password was asked again a moment ago."""
    client = log_in(who)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(who.user.pk)
    session.save()
    return client
