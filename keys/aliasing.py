"""Rules of alias names (reference `keys.md` 8). Pure."""

from __future__ import annotations

import re

from base.refusal import Refusal

PREFIX = "alias/"
RESERVED = "alias/acs"
_NAME = re.compile(r"alias/[A-Za-z0-9_/-]{1,255}")


def why_not_name(name: str) -> tuple[Refusal, ...]:
    """Syntax, then the prefix that belongs to service keys."""
    if not _NAME.fullmatch(name):
        return (Refusal("InvalidParameter", {"name": "AliasName"}, reason="alias_syntax", who="user"),)
    if name.startswith(RESERVED):
        return (Refusal("InvalidParameter", {"name": "AliasName"}, reason="alias_reserved", who="nobody"),)
    return ()
