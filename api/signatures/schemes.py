"""Which scheme a request is signed with, and the verdict on it (reference 4 and 5.6)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol

from api.request import Request
from api.signatures import rpc, v3, v4, window
from api.signatures.claim import Claim, incomplete, missing
from base.refusal import Refusal, Refused


class Scheme(Protocol):
    def claim(self, request: Request) -> Claim: ...
    def matches(self, secret: str, request: Request, claim: Claim) -> bool: ...


SCHEMES: dict[str, Scheme] = {**dict.fromkeys(v3.HASHES, v3), v4.ALGORITHM: v4, rpc.ALGORITHM: rpc}


def not_supported(reason: str) -> Refused:
    return Refused(Refusal("UnsupportedOperation", reason=reason))


def claim(request: Request) -> Claim:
    """What the request says about itself. Raises Refused where no scheme, or one that is not served, can be made out."""
    algorithm = request.headers.get("authorization", "").partition(" ")[0]
    if algorithm in SCHEMES and algorithm != rpc.ALGORITHM:
        if v3.HASHES.get(algorithm) == "sm3" and "sm3" not in hashlib.algorithms_available:
            raise not_supported("sm3_not_supported")
        return SCHEMES[algorithm].claim(request)
    if algorithm.startswith(("ACS3-", "ACS4-")):
        raise Refused(Refusal("InvalidSignatureMethod", who="user"))
    given = request.parameters
    if "Signature" in given:
        return rpc.claim(request)
    if "x-acs-bearer-token" in request.headers or "BearerToken" in given:
        raise not_supported("bearer_token_not_supported")
    if "x-kms-apiname" in request.headers:
        raise not_supported("instance_gateway_not_supported")
    if algorithm:
        raise incomplete("authorization_malformed")
    raise missing("Signature" if "AccessKeyId" in given else "AccessKeyId")


def mismatch(request: Request, claim: Claim) -> Refusal:
    """The string to sign helps whoever debugs a client. For RPC it would hold every parameter, plaintext included, and
    end up in the client's log; V3 and V4 have one with a digest only."""
    facts = {}
    if claim.algorithm != rpc.ALGORITHM:
        strings = (v4 if claim.algorithm == v4.ALGORITHM else v3).strings_to_sign(request, claim)
        facts = {"string_to_sign": strings[0]} if strings else {}
    return Refusal("SignatureDoesNotMatch", facts, who="user")


def why_not(secret: str, request: Request, claim: Claim, now: datetime) -> Refusal | None:
    """The verdict, None for a good signature; in the order of the vendor's codes: token, time, signature.

    now: the real time. The nonce is not judged here: it may be used up only by a request that passed this.
    """
    if claim.security_token:
        return Refusal("InvalidSecurityToken.NotSupported")
    if refusal := window.why_not(claim.timestamp, now):
        return refusal
    if not SCHEMES[claim.algorithm].matches(secret, request, claim):
        return mismatch(request, claim)
    return None
