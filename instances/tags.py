"""Rules of tag keys and values, of keys and of instances alike (reference `keys.md` 12.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from base.refusal import Refusal

LIMIT = 20
LENGTH = 128
_ALLOWED = re.compile(r"[\w/\\\-.+=:@ ]{0,128}")
_RESERVED = ("aliyun", "acs:")


def why_not_tags(tags: Sequence[tuple[str, str]]) -> Iterator[Refusal]:
    """Refusals of a whole set of (key, value) pairs for one resource."""
    if len(tags) > LIMIT:
        yield Refusal("Rejected.LimitExceeded", {"name": "Tags", "limit": LIMIT}, reason="too_many_tags", who="user")
    names = [name for name, _ in tags]
    if len(set(names)) < len(names):
        yield Refusal("Duplicate.TagKey", {"name": "Tags"}, who="user")
    for name, value in tags:
        if not name or not _ALLOWED.fullmatch(name) or name.lower().startswith(_RESERVED):
            yield Refusal("InvalidParameter.TagKey", {"name": name[:128]}, who="user")
        if not _ALLOWED.fullmatch(value):
            yield Refusal("InvalidParameter.TagValue", {"name": name[:128]}, who="user")
