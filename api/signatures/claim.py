"""What a signed request says about itself, whatever the scheme; nothing of it is true before `schemes.why_not` said so."""

from __future__ import annotations

from dataclasses import dataclass, field

from base.refusal import Refusal, Refused


@dataclass(frozen=True, slots=True)
class Claim:
    """signed_headers: V3 and V4. scope: day, region and product of a V4 credential. algorithm: the scheme's own name."""

    algorithm: str
    access_key_id: str
    action: str
    version: str
    timestamp: str
    nonce: str
    signature: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    signed_headers: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()


def incomplete(reason: str) -> Refused:
    """A signature that is not built as the scheme demands."""
    return Refused(Refusal("IncompleteSignature", reason=reason, who="user"))


def missing(name: str) -> Refused:
    """A system parameter is absent; the gateway spells these codes ``Missing<Name>``."""
    if name == "Timestamp":
        return Refused(Refusal("IllegalTimestamp", who="user"))
    return Refused(Refusal(f"Missing{name}", {"name": name}, who="user"))
