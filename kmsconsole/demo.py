"""A believable estate for people who want to look around: a shop's keys, two years old, in every state there is.

Everything a call can make is made by that call, as of a day in the past; only the keys of 1.0 are written as
the old edition left them. The account is marked with `demo_at`, and every page says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access.models import User
from base import ids
from base.caller import Caller
from crypto.specs import AES_256
from instances import lookup
from instances import operations as instances
from instances.models import Instance
from keys import operations as keys
from keys.models import Key
from keys.operations.default_keys import enable_default_key
from keys.operations.lifecycle import store_new_key
from keys.states import State


class NotEmptyError(Exception):
    """There is something in the database that demo data would mix with. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One key: what for, alias, tags, made how many days ago, and what became of it (`_become`)."""

    description: str
    alias: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    days_ago: float = 30
    fate: str = ""


_PAYMENTS, _ORDERS = (("team", "payments"), ("env", "prod")), (("team", "orders"), ("env", "staging"))
PAYMENTS = (
    Plan("Card numbers at rest", "alias/payments/cards", _PAYMENTS, 190),
    Plan("Settlement files to the bank", "alias/payments/settlement", _PAYMENTS, 188),
    Plan("Refund queue", "alias/payments/refunds", _PAYMENTS, 120),
    Plan("Fraud scoring features", "alias/payments/fraud", _PAYMENTS, 75),
    Plan("Terminals of the first generation", "alias/payments/terminals-v1", _PAYMENTS, 185, "disabled 20"),
    Plan("Voucher trial, spring", "", _PAYMENTS, 170, "deletion 3 of 7"),
    Plan("Merchant onboarding, old scheme", "alias/payments/onboarding-old", _PAYMENTS, 160, "deletion 1 of 30"),
    Plan("Acquirer's own key, waiting for its material", "alias/payments/acquirer", _PAYMENTS, 2, "import"),
    Plan("Currency pilot", "", _PAYMENTS, 150, "destroyed 60 of 30"),
    # More than one page of them.
    *(Plan(f"Receipts of shop {shop}", f"alias/payments/receipts/{shop}", _PAYMENTS, 100 - shop) for shop in range(1, 19)),
)
ORDERS = (
    Plan("Order database", "alias/orders/database", _ORDERS, 340),
    Plan("Address book", "alias/orders/addresses", _ORDERS, 330),
    Plan("Parcel labels", "", _ORDERS, 200, "disabled 90"),
    Plan("Load test", "", _ORDERS, 12, "deletion 5 of 14"),
)
ARCHIVE = (
    Plan("Invoices before 2024", "alias/archive/invoices", (("team", "finance"),), 360),
    Plan("Mail archive", "alias/archive/mail", (("team", "finance"),), 350),
    # Falls due after the instance's end: held until somebody renews, and cancellable for a day after that.
    Plan("Old HR records", "", (("team", "people"),), 300, "deletion 20 of 18"),
)
FIRST = (Plan("Try me: an enabled key for first experiments", "alias/hello", days_ago=0.1),)
SERVICES = (("ecs", 420), ("oss", 410), ("rds", 300))
LEGACY = (
    Plan("Website sessions", "alias/legacy-web", days_ago=1300),
    Plan("Partner API tokens", "alias/legacy-partner", days_ago=1180, fate="disabled 400"),
    Plan("Newsletter export", days_ago=1000, fate="deletion 2 of 30"),
)


def fill(user: User, now: datetime) -> int:
    """Builds the estate in one transaction and returns how many keys it has. Raises NotEmptyError."""
    account = user.account
    if account is None or Key.objects.exists():
        raise NotEmptyError("the database holds keys already, and demo data would mix with them; "
                            "set KMS_DATA_DIR to an empty directory and try again")
    with transaction.atomic():
        account.demo_at = now
        account.save(update_fields=["demo_at"])
        builder = _Builder(user, now)
        builder.keys(lookup.default_instance(account.pk), FIRST)
        payments = builder.instance("payments-prod", days_ago=200)
        builder.keys(payments, PAYMENTS)
        instances.set_renewal(builder.caller(199), payments, months=12)
        instances.tag_instance(builder.caller(199), payments, pairs=(("team", "payments"), ("env", "prod")))
        builder.keys(builder.instance("orders-staging", days_ago=357), ORDERS)
        archive = builder.instance("archive", days_ago=371)
        builder.keys(archive, ARCHIVE)
        instances.set_grace_policy(builder.caller(2), archive, policy="drain")
        builder.instance("analytics", days_ago=2, enabled=False)
        builder.default_key()
        for service, days_ago in SERVICES:
            builder.service_key(service, days_ago)
        for plan in LEGACY:
            builder.legacy_key(plan)
    return Key.objects.exclude(state=State.DESTROYED).count()


class _Builder:
    def __init__(self, user: User, now: datetime) -> None:
        self.user = user
        self.now = now

    def ago(self, days: float) -> datetime:
        return (self.now - timedelta(days=days)).replace(microsecond=0)

    def caller(self, days_ago: float, door: str = "console") -> Caller:
        return self.user.caller(door, self.ago(days_ago), request_id=ids.request_id(), address="127.0.0.1")

    def instance(self, name: str, *, days_ago: float, enabled: bool = True) -> Instance:
        assert self.user.account is not None  # noqa: S101 - `fill` has looked
        made = instances.order_instance(self.caller(days_ago), self.user.account, name=name, months=12)
        return instances.enable_instance(self.caller(days_ago), made) if enabled else made

    def keys(self, home: Instance | None, plans: Iterable[Plan]) -> None:
        for plan in plans:
            key = keys.create_key(self.caller(plan.days_ago), instance=home, description=plan.description, tags=plan.tags,
                                  origin="EXTERNAL" if plan.fate == "import" else "")
            self.become(key, plan, "console")

    def become(self, key: Key, plan: Plan, door: str) -> None:
        """``disabled 20``: twenty days ago. ``deletion 3 of 7``: scheduled three days ago for seven; ``destroyed`` likewise."""
        if plan.alias:
            keys.create_alias(self.caller(plan.days_ago, door), key, alias_name=plan.alias)
        kind, *numbers = [int(word) if word.isdecimal() else word for word in plan.fate.split() if word != "of"] or [""]
        if kind == "disabled":
            keys.disable_key(self.caller(float(numbers[0]), door), key)
        elif kind in ("deletion", "destroyed"):
            scheduled, window = numbers
            keys.schedule_key_deletion(self.caller(float(scheduled), door), key, window_days=int(window))
        if kind == "destroyed":
            keys.destroy_key(Caller.system(self.ago(float(numbers[0]) - float(numbers[1]))), key)

    def default_key(self) -> None:
        enable_default_key(self.caller(250), alias_name="alias/main", description="Default key of the account")

    def service_key(self, service: str, days_ago: float) -> None:
        keys.create_service_key(Caller.system(self.ago(days_ago), job="demo"), service=service, account=self.user.account)

    def legacy_key(self, plan: Plan) -> None:
        at = self.ago(plan.days_ago)
        key = Key(account=self.user.account, state=State.ENABLED, spec=AES_256.name, created_at=at, last_rotation_at=at,
                  id=ids.legacy_id(), edition=Key.Edition.V1, creator=str(self.user.account_id), description=plan.description)
        store_new_key(Caller.system(at, job="demo"), key)
        self.become(key, plan, "console-1.0")
