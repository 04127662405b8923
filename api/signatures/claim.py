"""What a signed request says about itself, whatever the scheme; nothing of it is true before `schemes.why_not` said so."""

from __future__ import annotations

from typing import NamedTuple

from base.refusal import Refusal, Refused


class Claim(NamedTuple):
    """signed_headers: V3 and V4. scope: day, region and product of a V4 credential. algorithm: the scheme's own name."""

    algorithm: str
    access_key_id: str
    action: str
    version: str
    timestamp: str
    nonce: str
    signature: str
    security_token: str = ""
    signed_headers: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without signature and token: a repr ends up in logs."""
        return f"Claim({self.algorithm!r}, {self.access_key_id!r}, {self.action!r}, {self.nonce!r})"


def incomplete(reason: str) -> Refused:
    """A signature that is not built as the scheme demands."""
    return Refused(Refusal("IncompleteSignature", reason=reason, who="user"))


def missing(name: str) -> Refused:
    """A system parameter is absent; the gateway spells these codes ``Missing<Name>``."""
    if name == "Timestamp":
        return Refused(Refusal("IllegalTimestamp", who="user"))
    return Refused(Refusal(f"Missing{name}", {"name": name}, who="user"))
