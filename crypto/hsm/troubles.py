"""What can be wrong with a member, as data; the console puts it into words."""

from __future__ import annotations

from enum import StrEnum

from crypto.errors import Unavailable


class Trouble(StrEnum):
    MODULE = "module_missing"  # the vendor's library cannot be loaded
    TOKEN = "token_absent"  # noqa: S105 - the library does not show the token
    STRANGER = "not_a_member"  # the token is there, the cluster key is not on it
    NO_PIN = "pin_unreadable"
    PIN = "pin_incorrect"  # asked once; not again before somebody has changed something
    LOCKED = "pin_locked"
    BUSY = "busy"  # every session is in use, or another process holds the lock
    MECHANISMS = "mechanisms_missing"
    MISSING = "keys_missing"
    TOO_FEW = "too_few"
    SILENT = "no_answer"  # whatever else the library reports


class Lost(Unavailable):
    """A member cannot be used now. detail: name of the library's error, never bytes; where: the session it showed in, where
    more than one member is at work."""

    def __init__(self, trouble: Trouble, detail: str = "", where: object = None) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.detail = detail
        self.where = where


class Doubtful(Exception):
    """The token would not open something. Either that is bad, or the token is: whoever catches it has to find out."""
