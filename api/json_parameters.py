"""Parameters that hold JSON text: the encryption context, filters and tags (reference `api/README.md` 2.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from api.parameters import Given, Parameter, invalid
from keys.filters import FILTERS

CONTEXT_LIMIT = 8192
JSON_LIMIT = 32 * 1024
FILTER_LIMIT = 10


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _is_text(value: Any) -> bool:
    """A string that can be stored and hashed: JSON escapes can spell halves of characters, which UTF-8 cannot."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def load(name: str, text: str, limit: int = JSON_LIMIT) -> Any:
    """The document. Raises Refused (InvalidParameter) on bad JSON, a name twice in one object, or too much of it."""
    if len(text) > limit:
        raise invalid(name, "too_long", limit=limit)
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise invalid(name, "not_json") from None


class Context(Parameter[dict[str, str]]):
    """EncryptionContext: one JSON object of strings, or ``EncryptionContext.<key>=<value>`` pairs. Both are one map."""

    def __init__(self, name: str = "EncryptionContext") -> None:
        super().__init__(name, default={})

    def read(self, given: Given) -> dict[str, str]:
        dotted = {name.removeprefix(f"{self.name}."): value for name, value in given.items()
                  if name.startswith(f"{self.name}.")}
        if not dotted:
            return super().read(given)
        if self.name in given:
            raise invalid(self.name, "two_forms")
        if len(json.dumps(dotted, ensure_ascii=False, separators=(",", ":"))) > CONTEXT_LIMIT:
            raise invalid(self.name, "too_long", limit=CONTEXT_LIMIT)
        return dotted

    def parse(self, text: str) -> dict[str, str]:
        context = load(self.name, text, CONTEXT_LIMIT)
        if not isinstance(context, dict) or not all(_is_text(part) for pair in context.items() for part in pair):
            raise invalid(self.name, "not_a_map_of_strings")
        return context


class Filters(Parameter[dict[str, list[str]]]):
    """``[{"Key": …, "Values": [...]}]``: at most ten of each; entries of one key come together, as they are ORed."""

    def __init__(self, name: str = "Filters") -> None:
        super().__init__(name, default={})

    def parse(self, text: str) -> dict[str, list[str]]:
        entries = load(self.name, text)
        if not isinstance(entries, list) or len(entries) > FILTER_LIMIT:
            raise invalid(self.name, "not_a_list", limit=FILTER_LIMIT)
        found: dict[str, list[str]] = {}
        for entry in entries:
            key, values = self._entry(entry)
            found.setdefault(key, []).extend(value for value in values if value not in found[key])
        return found

    def _entry(self, entry: Any) -> tuple[str, list[str]]:
        if not isinstance(entry, dict) or set(entry) != {"Key", "Values"}:
            raise invalid(self.name, "not_a_filter")
        key, values = entry["Key"], entry["Values"]
        if not isinstance(key, str) or key not in FILTERS:
            raise invalid(self.name, "unknown_filter")
        if not isinstance(values, list) or len(values) > FILTER_LIMIT or not _storable(values):
            raise invalid(self.name, "filter_values")
        return key, values


class Tags(Parameter[tuple[tuple[str, str], ...]]):
    """``[{"TagKey": …, "TagValue": …}]`` as pairs; what they may say is `instances.tags`' business."""

    def __init__(self, name: str = "Tags", *, default: Any = ()) -> None:
        super().__init__(name, default=default)

    def parse(self, text: str) -> tuple[tuple[str, str], ...]:
        entries = load(self.name, text)
        if not isinstance(entries, list) or not all(map(self._is_tag, entries)):
            raise invalid(self.name, "not_tags")
        return tuple((entry["TagKey"], entry.get("TagValue", "")) for entry in entries)

    @staticmethod
    def _is_tag(entry: Any) -> bool:
        return isinstance(entry, dict) and {"TagKey"} <= set(entry) <= {"TagKey", "TagValue"} and _storable(entry.values())


class TagKeys(Parameter[tuple[str, ...]]):
    """``["a","b"]``, or ``a,b``: the vendor's pages show both. A name twice counts once."""

    def parse(self, text: str) -> tuple[str, ...]:
        names = load(self.name, text) if text.lstrip().startswith("[") else text.split(",")
        if not isinstance(names, list) or not _storable(names):
            raise invalid(self.name, "not_tags")
        return tuple(dict.fromkeys(names))


def _storable(values: Iterable[Any]) -> bool:
    return all(_is_text(value) and "\0" not in value for value in values)
