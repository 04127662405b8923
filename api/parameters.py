"""Typed parsers of request parameters: text in, a value for the operation out, every refusal in the vendor's words.

Two steps, in the order of the vendor's codes (reference `keys.md` 3.3): `read` looks at the text of all parameters, then
`find` turns names into objects. Parameters no parser asks for are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from base.caller import Caller
from base.refusal import Refusal, Refused
from instances.lookup import instance_for
from keys import lookup

Given = Mapping[str, str]
T = TypeVar("T")

REQUIRED: Any = object()
TEXT_LIMIT = 64 * 1024
PAGE_LIMIT = 1_000_000_000  # keeps offsets within what a database can count
HUGE = 9_999_999_999
_INTEGER = re.compile(r"-?[0-9]{1,10}")


def invalid(name: str, reason: str, **facts: Any) -> Refused:
    return Refused(Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user"))


class Parameter(Generic[T]):
    """One named parameter. default: what an absent one means; without a default it is required."""

    def __init__(self, name: str, *, default: Any = REQUIRED) -> None:
        self.name, self.default = name, default

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def parse(self, text: str) -> T:
        """Raises Refused (InvalidParameter)."""
        raise NotImplementedError

    def read(self, given: Given) -> T:
        """Empty text is present, not absent. Raises Refused (MissingParameter, InvalidParameter)."""
        if self.name in given:
            return self.parse(given[self.name])
        if self.required:
            raise Refused(Refusal("MissingParameter", {"name": self.name}, who="user"))
        return self.default  # type: ignore[no-any-return]

    def find(self, caller: Caller, value: T) -> Any:
        """The object that `value` names, where it names one. Raises Refused."""
        return value


class Text(Parameter[str]):
    """Free text. What it may say is the operation's business; NUL is not, because databases do not store it."""

    def parse(self, text: str) -> str:
        if "\0" in text or len(text) > TEXT_LIMIT:
            raise invalid(self.name, "not_text")
        return text


class Int(Parameter[int]):
    """Decimal digits. Bounds only where no operation below knows them."""

    def __init__(self, name: str, low: int = -HUGE, high: int = HUGE, *, default: Any = REQUIRED) -> None:
        super().__init__(name, default=default)
        self.low, self.high = low, high

    def parse(self, text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise invalid(self.name, "not_an_integer")
        if not self.low <= int(text) <= self.high:
            raise invalid(self.name, "out_of_range", low=self.low, high=self.high)
        return int(text)


class Page(Int):
    """PageNumber and PageSize: 0 means the default, because the vendor's calls disagree about their lower end."""

    def __init__(self, name: str, high: int, default: int) -> None:
        super().__init__(name, 0, high, default=default)

    def parse(self, text: str) -> int:
        return super().parse(text) or int(self.default)


def pages(size: int = 10, most: int = 100) -> dict[str, Parameter[Any]]:
    """The two parameters of every list."""
    return {"page_number": Page("PageNumber", PAGE_LIMIT, 1), "page_size": Page("PageSize", most, size)}


class Bool(Parameter[bool]):
    """``true`` and ``false`` in any case: Python's SDK sends ``True``, the others ``true``."""

    def parse(self, text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise invalid(self.name, "not_a_boolean")
        return text.lower() == "true"


class KeyId(Text):
    """A key by id, alias or ARN; None where the parameter may be, and is, absent."""

    def parse(self, text: str) -> str:
        if not text:
            raise invalid(self.name, "empty")
        return super().parse(text)

    def find(self, caller: Caller, value: str | None) -> Any:
        return lookup.key_for(caller, value) if value is not None else None


class PlainKeyId(KeyId):
    """A key by id only; the vendor's call takes no alias."""

    def find(self, caller: Caller, value: str | None) -> Any:
        return lookup.key_for_id(caller, value) if value is not None else None


class InstanceId(Text):
    """An instance of the caller's; None where the parameter may be, and is, absent."""

    def find(self, caller: Caller, value: str | None) -> Any:
        return instance_for(caller, value) if value is not None else None
