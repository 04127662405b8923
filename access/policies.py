"""Policy documents: JSON text -> statements, strictly. Pure.

Two kinds share one grammar (the vendor's, reference `keys.md` 12.1 and 12.2): documents of users name resources, documents
of a key name principals. What is not understood is refused and never skipped: an ignored element would make a statement
say more than its author meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from access.statements import ALLOW, DENY, EQUALS, LIKE, NOT_EQUALS, Condition, Statement
from base.refusal import Refusal, Refused

SIZE_LIMIT = 32_768
REFUSALS_SHOWN = 20
VERSION = "1"
TAG_PREFIX = "kms:tag/"
# The blank is ours: the vendor's own default policy is called "kms default key policy".
_SID = re.compile(r"[A-Za-z0-9_/+=.@ -]{1,128}")
_ACTION = re.compile(r"kms:[A-Za-z*]{1,64}")
_RESOURCE = re.compile(r"\*|acs:(kms|\*):[a-z0-9*-]{0,64}:[0-9*]{0,32}:[!-~]{1,300}")
_TAG = re.compile(r"[\w/\\\-.+=:@ ]{1,128}")
_TAG_VALUE = re.compile(r"[\w/\\\-.+=:@ *?]{0,256}")
_PRINCIPAL = re.compile(r"acs:ram::[0-9]{1,32}:(\*|root|(user|role)/[A-Za-z0-9._@+-]{1,64})")
_ELEMENT = re.compile(r"[A-Za-z]{1,32}")
_COMMON = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a document of this kind may hold. parameter: what refusals call it."""

    parameter: str
    elements: frozenset[str]
    action: Callable[[str], Any]
    resource: Callable[[str], Any]


USER = Kind("Document", _COMMON, lambda text: text == "*" or _ACTION.fullmatch(text), _RESOURCE.fullmatch)
KEY = Kind("Policy", _COMMON | {"Principal"}, _ACTION.fullmatch, lambda text: text == "*")


class _Twice(ValueError):
    """A name twice in one JSON object: readers disagree about which one counts."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Twice
    return dict(pairs)


def _invalid(kind: Kind, reason: str, **facts: Any) -> Refusal:
    return Refusal("InvalidParameter", {"name": kind.parameter, **facts}, reason=reason, who="user")


def parse(text: str, kind: Kind, policy: str = "") -> tuple[Statement, ...]:
    """The statements. Raises Refused (InvalidParameter) with what is wrong in which statement, the first twenty at most."""
    found, refusals = _read(text, kind, policy)
    if refusals:
        raise Refused(*refusals[:REFUSALS_SHOWN])
    return found


def why_not(text: str, kind: Kind) -> tuple[Refusal, ...]:
    return _read(text, kind, "")[1][:REFUSALS_SHOWN]


@lru_cache(maxsize=256)
def _read(text: str, kind: Kind, policy: str) -> tuple[tuple[Statement, ...], tuple[Refusal, ...]]:
    try:
        if len(text.encode()) > SIZE_LIMIT:
            return (), (_invalid(kind, "policy_too_large", limit=SIZE_LIMIT),)
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):  # bad UTF-8 and bad JSON are ValueErrors
        return (), (_invalid(kind, "policy_not_json"),)
    if not isinstance(document, dict) or document.get("Version") != VERSION:
        return (), (_invalid(kind, "policy_version", version=VERSION),)
    entries = document.get("Statement")
    strangers = set(document) - {"Version", "Statement"}
    if strangers or not isinstance(entries, list) or not entries:
        return (), (_invalid(kind, "policy_statements"),)
    statements, refusals = [], []
    for number, entry in enumerate(entries, 1):
        wrong = list(_why_not_statement(entry, number, kind))
        refusals += wrong
        if len(refusals) >= REFUSALS_SHOWN:
            break
        if not refusals:
            statements.append(_statement(entry, policy, number))
    return tuple(statements), tuple(refusals)


def _texts(value: Any) -> tuple[str, ...]:
    """One text, or a list of some; empty for anything else."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    return ()


def _all(value: Any, fits: Callable[[str], Any]) -> bool:
    texts = _texts(value)
    return bool(texts) and all(fits(text) for text in texts)


def _why_not_statement(entry: Any, number: int, kind: Kind) -> Iterator[Refusal]:
    if not isinstance(entry, dict):
        yield _invalid(kind, "policy_element", statement=str(number), element="Statement")
        return
    sid = entry.get("Sid")
    named = f"{number} ({sid})" if isinstance(sid, str) and _SID.fullmatch(sid) else str(number)
    for element in sorted(set(entry) - kind.elements):
        # NotAction, NotResource and NotPrincipal come here too: what they allow grows with every new operation.
        yield _invalid(kind, "policy_unknown_element", statement=named,
                       element=element if _ELEMENT.fullmatch(element) else "?")
    checks: dict[str, bool] = {
        "Sid": "Sid" not in entry or (isinstance(sid, str) and _SID.fullmatch(sid) is not None),
        "Effect": isinstance(entry.get("Effect"), str) and entry["Effect"] in (ALLOW, DENY),
        "Action": _all(entry.get("Action"), kind.action),
        "Resource": _all(entry.get("Resource"), kind.resource),
        "Principal": "Principal" not in kind.elements or _is_principal(entry.get("Principal")),
        "Condition": "Condition" not in entry or _is_condition(entry["Condition"]),
    }
    for element, fine in checks.items():
        if not fine:
            yield _invalid(kind, "policy_element", statement=named, element=element)


def is_principal(text: str) -> bool:
    return _PRINCIPAL.fullmatch(text) is not None


def _is_principal(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"RAM"} and _all(value["RAM"], _PRINCIPAL.fullmatch)


def _is_condition(value: Any) -> bool:
    """``{"StringEquals": {"kms:tag/team": ["red", "blue"]}}``"""
    return (isinstance(value, dict) and bool(value) and set(value) <= {EQUALS, LIKE, NOT_EQUALS}
            and all(isinstance(tags, dict) and tags and all(map(_is_tag_key, tags)) for tags in value.values())
            and all(_all(wanted, _TAG_VALUE.fullmatch) for tags in value.values() for wanted in tags.values()))


def _is_tag_key(text: str) -> bool:
    return text.startswith(TAG_PREFIX) and _TAG.fullmatch(text.removeprefix(TAG_PREFIX)) is not None


def _statement(entry: Mapping[str, Any], policy: str, number: int) -> Statement:
    conditions = tuple(Condition(operator, name.removeprefix(TAG_PREFIX), _texts(wanted))
                       for operator, tags in entry.get("Condition", {}).items() for name, wanted in tags.items())
    return Statement(entry["Effect"], _texts(entry["Action"]), _texts(entry["Resource"]), conditions,
                     _texts(entry.get("Principal", {}).get("RAM", [])), policy, entry.get("Sid") or str(number))
