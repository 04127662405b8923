"""Why an HSM cluster is not registered, or an instance not connected to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from base.refusal import Refusal
from crypto.hsm.configuration import CONSOLE, LIBRARY
from crypto.hsm.troubles import Trouble
from instances.rules import Facts
from instances.states import State

_NAME = re.compile(r"[\w./+=@-]{1,64}")
_VARIABLE = re.compile(r"env:[A-Z][A-Z0-9_]{0,99}")
FEWEST = 2


def _parameter(name: str, reason: str, **facts: object) -> Refusal:
    return Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user")


def why_not_register(name: str, taken: bool, tokens: Sequence[str], replication: str, pin_source: str) -> Iterator[Refusal]:
    if not _NAME.fullmatch(name):
        yield _parameter("Name", "hsm_name")
    elif taken:
        yield Refusal("Rejected.ResourceExist", {"name": name}, reason="hsm_name_taken", who="user")
    if len(set(tokens)) != len(tokens) or len(tokens) < FEWEST:
        yield _parameter("Token", "hsm_too_few", limit=FEWEST)
    if replication not in (LIBRARY, CONSOLE):
        yield _parameter("Replication", "unknown_value", value=replication[:64])
    if not (_VARIABLE.fullmatch(pin_source) or pin_source.startswith("file:/")):
        yield _parameter("Pin", "hsm_pin_source")


def check_failed(member: str, trouble: str, detail: str) -> Refusal:
    """The first check that did not pass; the page and the command show all of them."""
    return Refusal("ServiceUnavailableTemporary", {"member": member, "trouble": Trouble(trouble), "detail": detail},
                   reason="hsm_check_failed", who="operator")


def why_not_connect(facts: Facts, *, hardware: bool, cluster: str, bound_to: str) -> tuple[Refusal, ...]:
    """cluster: the one that is proposed, by name; bound_to: id of the instance it serves already."""
    code, reasons = "Forbidden.DKMSInstanceStateInvalid", list(facts.denied)
    if not hardware:
        reasons.append(Refusal("UnsupportedOperation", facts.named(), reason="hsm_needs_hardware_instance"))
    if facts.state not in (State.UNINITIALIZED, State.DISCONNECTED):
        reasons.append(Refusal(code, facts.named(state=str(facts.state)), reason="instance_already_enabled"))
    if bound_to not in ("", facts.id):
        reasons.append(Refusal(code, facts.named(cluster=cluster, other=bound_to), reason="hsm_cluster_taken", who="operator"))
    if not bound_to and facts.state is State.DISCONNECTED:
        reasons.append(Refusal(code, facts.named(cluster=cluster), reason="hsm_cluster_for_good", who="nobody"))
    return (*reasons, *facts.frozen)


def why_not_disconnect(facts: Facts, *, hardware: bool) -> tuple[Refusal, ...]:
    reasons = list(facts.denied)
    if not hardware:
        reasons.append(Refusal("UnsupportedOperation", facts.named(), reason="hsm_needs_hardware_instance"))
    elif facts.state is not State.CONNECTED:
        reasons.append(Refusal("Forbidden.DKMSInstanceStateInvalid", facts.named(state=str(facts.state)),
                               reason="hsm_not_connected"))
    return (*reasons, *facts.frozen)
