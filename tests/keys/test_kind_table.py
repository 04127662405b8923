"""Operation x kind x origin, against the table of who may do what (`keys.md` 1.2, 6, 7.2), and together with states and
protection: whatever is wrong is said, all of it, in the order of the reference.

The reference has no column for default key pairs (they cannot exist); such rows say what the rules answer all the same.
"""

from __future__ import annotations

import csv
import itertools
from dataclasses import replace

import pytest

from base.refusal import Refusal
from keys.rules import Facts, Protection, why_not
from keys.states import GATE, ROTATION, State
from tests import make
from tests.rows import OK, REFERENCE

KINDS = {
    "service": {"kind": "service", "creator": "OSS", "instance": None},
    "default": {"kind": "default", "instance": None},
    "software": {},
    "1.0 in the 3.0 console": {"edition": "1.0", "door": "console", "instance": None},
    "1.0": {"edition": "1.0", "instance": None},
}
NOBODY = Refusal("Forbidden.NoPermission", who="administrator")


def facts(kind: str, state: State, *, family: str = "symmetric", origin: str = "Aliyun_KMS") -> Facts:
    spec = {"symmetric": "Aliyun_AES_256", "asymmetric": "RSA_2048"}[family]
    whole = Facts("key-1", state, "customer", "3.0", origin, "1", "api", spec, instance=make.instance_facts(state))
    return replace(whole, **KINDS[kind])


def rows():
    with (REFERENCE / "kind_table.csv").open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            for kind in KINDS:
                yield row["operation"], row["family"], row["origin"], kind, row[kind] or OK


@pytest.mark.parametrize(("operation", "family", "origin", "kind", "code"), list(rows()))
def test_the_rules_say_what_the_table_says(operation, family, origin, kind, code):
    state = State.PENDING_DELETION if operation == "CancelKeyDeletion" else State.ENABLED
    reasons = why_not(operation, facts(kind, state, family=family, origin=origin))
    assert (reasons[0].code if reasons else OK) == code


@pytest.mark.parametrize("operation", GATE)
def test_every_combination_says_everything(operation):
    """What kind, state, permission, parameter and protection say alone, they say together, in the order of checks."""
    states = [state for state in State if state is not State.DESTROYED]
    for kind, state, denied, own, whole, window in itertools.product(
            KINDS, states, ((), (NOBODY,)), (None, Protection("own")), (None, Protection("all")), (None, 3)):
        if state is State.UNAVAILABLE and kind != "software":
            continue  # only an instance expires
        base = facts(kind, state)
        everything = replace(base, denied=denied, protection=own, instance_protection=whole if base.instance else None)
        said = [reason.slug for reason in why_not(operation, everything, window_days=window)]
        kinds = {reason.slug for reason in why_not(operation, facts(kind, _allowing(operation)))}
        alone = {
            *(["window_out_of_range"] if window else []), *(reason.slug for reason in denied), *kinds,
            *(reason.slug for reason in why_not(operation, facts("software", state))),
        }
        if operation == "ScheduleKeyDeletion":
            alone |= {"deletion_protection_key"} if own else set()
            alone |= {"deletion_protection_instance"} if whole and base.instance else set()
        assert set(said) == alone
        assert len(said) == len(alone)
        assert said == sorted(said, key=lambda slug: _rank(operation, slug, kinds, state))


def _allowing(operation: str) -> State:
    """A state in which the table allows the operation, so that the kind alone speaks."""
    return next(state for state, cell in GATE[operation].items() if cell == "ok")


def _rank(operation: str, slug: str, kinds: set[str], state: State) -> int:
    """Parameters, permission, kind, state, protection (3.3). Rotating a key that waits for material names the state first:
    only imported keys wait, none of them rotates, and the vendor's table would have a cell that nothing reaches."""
    if slug == "window_out_of_range":
        return 0
    if slug == "Forbidden.NoPermission":
        return 1
    if slug.startswith("deletion_protection"):
        return 4
    state_first = operation in ROTATION and state is State.PENDING_IMPORT
    return 3 if (slug in kinds) == state_first else 2
