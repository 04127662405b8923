"""One statement of a policy, and what several of them decide about one request. Pure; knows nothing of JSON.

The order never matters: an explicit Deny wins wherever it stands, else one Allow suffices, else nobody has said yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

ALLOW, DENY = "Allow", "Deny"
NO_TAGS: Mapping[str, str] = MappingProxyType({})
EQUALS, LIKE, NOT_EQUALS = "StringEquals", "StringLike", "StringNotEquals"


def like(pattern: str, text: str) -> bool:
    """``*`` stands for any text. At most the product of both lengths in steps, whatever the pattern."""
    at = mark = back = 0
    star = -1
    while mark < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, back, at = at, mark, at + 1
        elif at < len(pattern) and pattern[at] == text[mark]:
            at, mark = at + 1, mark + 1
        elif star >= 0:
            back += 1
            at, mark = star + 1, back
        else:
            return False
    return all(character == "*" for character in pattern[at:])


@lru_cache(maxsize=2048)
def _string_like(pattern: str) -> re.Pattern[str]:
    """``*`` for any text, ``?`` for one character. Compiled, because values of tags are longer than names; each part between two
    stars is matched once and never tried again, so that many stars cannot take for ever."""
    first, *rest = ["".join("." if one == "?" else re.escape(one) for one in part) for part in pattern.split("*")]
    if not rest:
        return re.compile(first, re.DOTALL)
    between = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(f"{first}{between}.*{rest[-1]}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one tag of the resource: any of `values` will do. A tag that is not there equals nothing."""

    operator: str
    tag: str
    values: tuple[str, ...]

    def holds(self, tags: Mapping[str, str]) -> bool:
        value = tags.get(self.tag)
        if self.operator == NOT_EQUALS:
            return value not in self.values
        if value is None:
            return False
        if self.operator == LIKE:
            return any(_string_like(pattern).fullmatch(value) for pattern in self.values)
        return value in self.values


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: ``kms:Encrypt`` of the resource with this ARN, which carries these tags."""

    action: str
    resource: str
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)


@dataclass(frozen=True, slots=True)
class Statement:
    """principals: ARNs, in policies of a key only. policy, sid: where it stands, for refusals."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    conditions: tuple[Condition, ...] = ()
    principals: tuple[str, ...] = ()
    policy: str = ""
    sid: str = ""

    def names(self, request: Request) -> bool:
        """Whether action and resource fit. Actions are compared without case: a Deny that misses by a letter is worse than
        an Allow that fits in spite of one."""
        action = request.action.lower()
        return (any(like(pattern.lower(), action) for pattern in self.actions)
                and any(like(pattern, request.resource) for pattern in self.resources))

    def fits(self, request: Request) -> bool:
        return self.names(request) and all(condition.holds(request.tags) for condition in self.conditions)


def first(effect: str, statements: Iterable[Statement], request: Request) -> Statement | None:
    """The first statement of this effect that fits."""
    return next((one for one in statements if one.effect == effect and one.fits(request)), None)


def look_at_tags(statements: Iterable[Statement]) -> bool:
    return any(one.conditions for one in statements)
