"""Who asks: from a request's claim to a Caller, in the order of the vendor's codes (reference 5.6)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from access import nonces
from access.access_keys import note_use
from access.operations import OpenAccessKey, open_access_key
from api.request import Request
from api.signatures import schemes, window
from api.signatures.claim import Claim, missing
from base.caller import Caller
from base.refusal import Refusal, Refused

NONCE_LIMIT = 128
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def stranger(request: Request, claim: Claim, *, at: datetime, request_id: str) -> Caller:
    """Whoever claims this AccessKey: no account, no roles, a name for the audit trail only."""
    claimed = claim.access_key_id if _ACCESS_KEY_ID.fullmatch(claim.access_key_id) else ""
    return Caller("", "", "api", at, (), request_id, claimed, request.address)


def opened(claimed: Caller) -> OpenAccessKey | None:
    """The AccessKey a stranger claims, if there is one; a name no AccessKey can have is not even looked for."""
    return open_access_key(claimed.access_key_id) if claimed.access_key_id else None


def owned_by(claimed: Caller, key: OpenAccessKey) -> Caller:
    """Still a stranger, but the owner of the key should see in the audit trail that somebody tries it."""
    return replace(claimed, account=key.user.account_id or "")


def authenticate(request: Request, claim: Claim, claimed: Caller, key: OpenAccessKey | None, *, now: datetime) -> Caller:
    """The caller behind a valid signature. now: the real time. Raises Refused.

    The nonce is claimed last: a request that is refused must not use up the nonce of the true owner.
    """
    if key is None:
        raise Refused(Refusal("InvalidAccessKeyId.NotFound", who="user"))
    if not key.active or not key.user.account_id:
        raise Refused(Refusal("InvalidAccessKeyId.Inactive", who="administrator"))
    if refusal := schemes.why_not(key.secret, request, claim, now):
        raise Refused(refusal)
    check_nonce(claim)
    if not nonces.claim_one(key.id, claim.nonce, keep_until=window.keep_until(claim.timestamp, now)):
        raise nonce_used()
    note_use(key.id, key.last_used_at, claimed.at)
    return key.user.caller("api", claimed.at, request_id=claimed.request_id, address=request.address,
                           access_key_id=key.id)


def check_nonce(claim: Claim) -> None:
    """Raises Refused for a nonce that is none."""
    if not claim.nonce:
        raise missing("SignatureNonce")
    if len(claim.nonce) > NONCE_LIMIT or not claim.nonce.isprintable():
        raise Refused(Refusal("InvalidParameter", {"name": "SignatureNonce"}, reason="nonce", who="user"))


def nonce_used() -> Refused:
    return Refused(Refusal("SignatureNonceUsed", who="user"))
