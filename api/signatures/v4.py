"""V4: ``ACS4-HMAC-SHA256``, V3's canonical request under a key derived for one day, region and product (reference 5.3)."""

from __future__ import annotations

import hmac
import re

from api.request import Request
from api.signatures import headers
from api.signatures.claim import Claim, incomplete
from api.signatures.encoding import same

ALGORITHM = "ACS4-HMAC-SHA256"
TERMINATOR = "aliyun_v4_request"
_AUTHORIZATION = re.compile(r"ACS4-HMAC-SHA256 +Credential=([^,\s/]{1,128})/([0-9]{8})/([A-Za-z0-9-]{1,64})/(Kms)/"
                            r"aliyun_v4_request, ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})")


def claim(request: Request) -> Claim:
    """The region is whatever the client thinks it is. Raises Refused (IncompleteSignature)."""
    whole = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if not whole:
        raise incomplete("authorization_malformed")
    given = request.headers.get
    access_key_id, day, region, product, listed, signature = whole.groups()
    if given("x-acs-date", "")[:10].replace("-", "") != day:
        raise incomplete("credential_of_another_day")
    if given("x-acs-accesskey-id", access_key_id) != access_key_id:
        raise incomplete("two_access_keys")
    return Claim(ALGORITHM, access_key_id, given("x-acs-action", ""), given("x-acs-version", ""),
                 given("x-acs-date", ""), given("x-acs-signature-nonce", ""), signature,
                 given("x-acs-security-token", ""), headers.signed_headers(request, listed), (day, region, product))


def strings_to_sign(request: Request, claim: Claim) -> tuple[str, ...]:
    return tuple(f"{ALGORITHM}\n{headers.digest('sha256', canonical)}"
                 for canonical in headers.canonical_requests(request, claim.signed_headers, "sha256"))


def signing_key(secret: str, scope: tuple[str, ...]) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for part in (*scope, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def matches(secret: str, request: Request, claim: Claim) -> bool:
    key = signing_key(secret, claim.scope)
    verdicts = [same(hmac.new(key, text.encode(), "sha256").hexdigest(), claim.signature)
                for text in strings_to_sign(request, claim)]
    return any(verdicts)
