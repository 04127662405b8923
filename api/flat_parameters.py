"""Lists that come as numbered parameters: ``ResourceId.1=…``, ``Tag.1.Key=…``; and one thing of several (`OneOf`).

Source: reference `api/README.md` 2.1: numbers begin with 1, gaps and any order are fine.
"""

from __future__ import annotations

import re
from typing import Any

from api.parameters import Given, InstanceId, Parameter, PlainKeyId, Text, invalid
from base.caller import Caller
from base.ids import split_arn
from base.refusal import Refusal, Refused
from keys import lookup

NUMBERS = 1000


def numbered(given: Given, name: str, *fields: str) -> dict[int, dict[str, str]]:
    """number -> field -> text, by number. Without `fields` the one field is ``""``. Raises Refused where a number comes
    twice (``1`` and ``01``), because which of them was meant is undefined."""
    shape = re.compile(rf"{re.escape(name)}\.([0-9]{{1,4}})" + (rf"\.({'|'.join(fields)})" if fields else "()"))
    found: dict[int, dict[str, str]] = {}
    for parameter, text in given.items():
        if match := shape.fullmatch(parameter):
            entry = found.setdefault(int(match[1]), {})
            if match[2] in entry:
                raise invalid(name, "parameter_twice")
            entry[match[2]] = text
    return dict(sorted(found.items()))


class TextList(Parameter[tuple[str, ...]]):
    """``Name.N=text``."""

    def __init__(self, name: str, most: int, *, default: Any = ()) -> None:
        super().__init__(name, default=default)
        self.most, self.one = most, Text(name)

    def read(self, given: Given) -> tuple[str, ...]:
        found = numbered(given, self.name)
        if not found and self.required:
            raise Refused(Refusal("MissingParameter", {"name": f"{self.name}.1"}, who="user"))
        if len(found) > self.most:
            raise invalid(self.name, "too_many", limit=self.most)
        return tuple(self.one.parse(entry[""]) for entry in found.values())


class TagList(Parameter[tuple[tuple[str, str], ...]]):
    """``Tag.N.Key=k`` with ``Tag.N.Value=v`` or without. What they may say is `instances.tags`' business."""

    def __init__(self, name: str = "Tag", most: int = 20, *, default: Any = ()) -> None:
        super().__init__(name, default=default)
        self.most, self.one = most, Text(name)

    def read(self, given: Given) -> tuple[tuple[str, str], ...]:
        found = numbered(given, self.name, "Key", "Value")
        if not found and self.required:
            raise Refused(Refusal("MissingParameter", {"name": f"{self.name}.1.Key"}, who="user"))
        if len(found) > self.most:
            raise invalid(self.name, "too_many", limit=self.most)
        for number, entry in found.items():
            if "Key" not in entry:
                raise Refused(Refusal("MissingParameter", {"name": f"{self.name}.{number}.Key"}, who="user"))
        return tuple((self.one.parse(entry["Key"]), self.one.parse(entry.get("Value", ""))) for entry in found.values())


class OneOf(PlainKeyId):
    """KeyId where the call takes exactly one of several names; None where it is one of the `others`."""

    def __init__(self, name: str, *others: str) -> None:
        super().__init__(name, default=None)
        self.others = others

    def read(self, given: Given) -> str:
        present = [name for name in (self.name, *self.others) if name in given]
        if not present:
            raise Refused(Refusal("MissingParameter", {"name": self.name}, who="user"))
        if len(present) > 1:
            raise Refused(Refusal("InvalidParameter", {"name": present[1], "names": [self.name, *self.others]},
                                  reason="only_one_of", who="user"))
        return super().read(given)

    def find(self, caller: Caller, value: str | None) -> Any:
        return None if value is None else super().find(caller, value)


class KeyArn(Text):
    """A key by its ARN only."""

    def parse(self, text: str) -> str:
        parts = split_arn(text)
        if parts is None or not parts[2].startswith("key/"):
            raise invalid(self.name, "not_a_key_arn")
        return super().parse(text)

    def find(self, caller: Caller, value: str | None) -> Any:
        return None if value is None else lookup.key_for_id(caller, value)


class FilledInstanceId(InstanceId):
    """An instance that may be left out; empty text means the same as leaving it out."""

    def find(self, caller: Caller, value: str | None) -> Any:
        return super().find(caller, value or None)
