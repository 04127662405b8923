"""V3: ``Authorization: ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…``, and its SM3 variant (reference 5.1)."""

from __future__ import annotations

import hmac
import re

from api.request import Request
from api.signatures import headers
from api.signatures.claim import Claim, incomplete
from api.signatures.encoding import same

HASHES = {"ACS3-HMAC-SHA256": "sha256", "ACS3-HMAC-SM3": "sm3"}
_AUTHORIZATION = re.compile(r"(ACS3-HMAC-SHA256|ACS3-HMAC-SM3) +Credential=([^,\s/]{1,128}), ?"
                            r"SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})")


def claim(request: Request) -> Claim:
    """Raises Refused (IncompleteSignature) where the header is not built as the scheme demands."""
    whole = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if not whole:
        raise incomplete("authorization_malformed")
    given = request.headers.get
    algorithm, access_key_id, listed, signature = whole.groups()
    if given("x-acs-accesskey-id", access_key_id) != access_key_id:
        raise incomplete("two_access_keys")
    return Claim(algorithm, access_key_id, given("x-acs-action", ""), given("x-acs-version", ""),
                 given("x-acs-date", ""), given("x-acs-signature-nonce", ""), signature,
                 given("x-acs-security-token", ""), headers.signed_headers(request, listed))


def strings_to_sign(request: Request, claim: Claim) -> tuple[str, ...]:
    return tuple([string_to_sign(claim.algorithm, canonical)
                  for canonical in headers.canonical_requests(request, claim.signed_headers, HASHES[claim.algorithm])])


def string_to_sign(algorithm: str, canonical: bytes) -> str:
    return f"{algorithm}\n{headers.digest(HASHES[algorithm], canonical)}"


def signature(secret: str, algorithm: str, string_to_sign: str) -> str:
    return hmac.digest(secret.encode(), string_to_sign.encode(), HASHES[algorithm]).hex()


def matches(secret: str, request: Request, claim: Claim) -> bool:
    verdicts = [same(signature(secret, claim.algorithm, text), claim.signature) for text in strings_to_sign(request, claim)]
    return any(verdicts)
