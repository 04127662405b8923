"""The shell's door: who a command is, and how it says no."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.models import Q

from access.models import Account, User
from backups import files
from backups.models import Backup, Restore
from backups.states import State
from base import clock
from base.caller import Caller
from base.refusal import Refused
from crypto.errors import RootKeyError
from instances.hsm_models import HsmCluster
from instances.models import Instance
from kmsconsole import first_start

Work = TypeVar("Work", Backup, Restore)


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


def user_named(name: str) -> User:
    user = User.objects.select_related("account").filter(username=name).first()
    if user is None:
        raise CommandError(f"there is no user {name!r}")
    return user


def account_of(uid: str | None) -> Account:
    """The account `uid`; the administrator's without one."""
    if uid:
        found = Account.objects.filter(pk=uid).first()
    else:
        administrator = User.objects.select_related("account").filter(username=first_start.ADMINISTRATOR).first()
        found = administrator.account if administrator else None
    if found is None:
        raise CommandError(f"there is no account {uid!r}" if uid else "there is no administrator yet; name an --account")
    return found


def instance_named(pk: str) -> Instance:
    """The operator of the machine stands above accounts, so this does not go through a caller's lookup."""
    instance = Instance.objects.select_related("account").filter(pk=pk).first()
    if instance is None:
        raise CommandError(f"there is no instance {pk!r}")
    return instance


def cluster_named(name: str) -> HsmCluster:
    """By id, or by a name that only one has."""
    found = list(HsmCluster.objects.select_related("instance").filter(Q(pk=name) | Q(name=name))[:2])
    if len(found) != 1:
        raise CommandError(f"two accounts have a cluster {name!r}; use its id" if found else f"there is no HSM cluster {name!r}")
    return found[0]


def carried_out(run: Callable[[Caller, Work], Work], caller: Caller, work: Work) -> Work:
    """By us, or by the clock where it was faster."""
    try:
        return run(caller, work)
    except files.Busy:
        pass
    except Refused as refused:
        if refused.first.slug != "changed_meanwhile":
            raise
    work.refresh_from_db()
    while work.state in (State.WAITING, State.RUNNING):
        time.sleep(0.2)
        work.refresh_from_db()
    return work
