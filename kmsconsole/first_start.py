"""What a first user needs: an account, its administrator, an AccessKey pair and an enabled instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from access import operations as access
from access.models import Account, Role
from base import ids
from base.caller import Caller
from instances import operations as instances

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class FirstThings:
    """Shown once. password: empty where the operator chose it; weakness: what is wrong with one they chose."""

    account: str
    user: str
    password: str = field(repr=False)
    access_key_id: str
    access_key_secret: str = field(repr=False)
    instance: str
    weakness: tuple[str, ...] = ()


def ensure(caller: Caller, chosen_password: str, show: Callable[[FirstThings], None]) -> bool:
    """True where this was the first start. All rows come in one transaction, and the secrets are shown before it is
    committed: a crash in between leaves an empty database and the next start shows new ones, while the other order could
    leave an administrator whose password nobody ever saw."""
    with transaction.atomic():
        if Account.objects.exists():
            return False
        account = access.create_account(caller, name="Main account")
        password = chosen_password or ids.password()
        user = access.create_user(caller, account, name=ADMINISTRATOR, password=password, role=Role.ADMINISTRATOR,
                                  is_superuser=True)
        key_id, secret = access.create_access_key(caller, user)
        instance = instances.order_instance(caller, account, name="first-instance", months=instances.FIRST_TERM_MONTHS)
        instances.enable_instance(caller, instance)
        weakness: tuple[str, ...] = ()
        try:
            validate_password(password, user)
        except ValidationError as error:
            weakness = tuple(error.messages)
        show(FirstThings(account.pk, user.username, "" if chosen_password else password, key_id, secret, instance.pk, weakness))
    return True
