"""Who asks, through which door, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from base import ids


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's asker. Time is an argument: everything an operation decides, it decides as of `at`.

    account: uid of the account, 16 digits; empty for the system.
    principal: ``user/<name>``, ``service/<product code>`` or ``system/<job>``, as in the vendor's ARNs.
    door: ``api``, ``console``, ``console-1.0``, ``clock`` or ``shell``.
    at: aware UTC datetime of the product's clock (`base.clock.now`).
    roles: names of the caller's permission presets; `access.rules` says what each may do.
    policies: (name, JSON text) of every permission document of the caller's own; `access.policies` reads them.
    region: the region that was asked; resources are named by it.
    """

    account: str
    principal: str
    door: str
    at: datetime
    roles: tuple[str, ...] = ()
    request_id: str = ""
    access_key_id: str = ""
    address: str = ""
    policies: tuple[tuple[str, str], ...] = ()
    region: str = ""

    @property
    def arn(self) -> str:
        """``acs:ram::<account>:user/<name>``, as policies name the caller."""
        return f"acs:ram::{self.account}:{self.principal}"

    @property
    def service(self) -> str:
        """The code of the product that calls for this account (``ecs``); empty for everybody else."""
        kind, _, name = self.principal.partition("/")
        return name if kind == "service" else ""

    @classmethod
    def system(cls, at: datetime, *, job: str = "clock", door: str = "clock") -> Caller:
        """The product itself: a sweep of the clock, or an operator at the shell."""
        return cls("", f"system/{job}", door, at, ("system",), ids.request_id())
