"""The shell's door: who a command is, and how it says no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError

from access.models import User
from base import clock
from base.caller import Caller
from base.refusal import Refused
from crypto.errors import RootKeyError
from instances.models import Instance


def operator() -> Caller:
    """Whoever may start commands on this machine; recorded as such."""
    return Caller.system(clock.now(), job="operator", door="shell")


@contextmanager
def clear_errors() -> Iterator[None]:
    """One line instead of a traceback for everything that is the operator's to mend."""
    try:
        yield
    except Refused as refused:
        lines = [f"{reason.code} ({reason.slug}): " + ", ".join(f"{name}={value}" for name, value in reason.facts.items())
                 for reason in refused.refusals]
        raise CommandError("refused: " + "; ".join(lines)) from None
    except RootKeyError as error:
        raise CommandError(str(error)) from None
    except DatabaseError as error:
        raise CommandError(f"the database does not answer as it should: {str(error).splitlines()[0]}"
                           " (manage.py setup makes or updates its tables)") from None


def instance_named(pk: str) -> Instance:
    """The operator of the machine stands above accounts, so this does not go through a caller's lookup."""
    instance = Instance.objects.select_related("account").filter(pk=pk).first()
    if instance is None:
        raise CommandError(f"there is no instance {pk!r}")
    return instance


def user_named(name: str) -> User:
    user = User.objects.select_related("account").filter(username=name).first()
    if user is None:
        raise CommandError(f"there is no user {name!r}")
    return user
