"""RPC ("V2"): the signature is one of the parameters, HMAC-SHA1 over all the others of query and form (reference 5.2)."""

from __future__ import annotations

import base64
import hmac

from api.request import Request
from api.signatures.claim import Claim, missing
from api.signatures.encoding import enc, same
from base.refusal import Refusal, Refused

ALGORITHM = "HMAC-SHA1"
# SHA256withRSA is the client key of an application access point, which this service does not have yet.
NOT_SUPPORTED = {"SHA256withRSA": "client_key_not_supported"}


def claim(request: Request) -> Claim:
    """Raises Refused: a Missing… code for an absent system parameter, InvalidSignatureMethod for an unknown method."""
    given = request.parameters
    method = given.get("SignatureMethod", "")
    if reason := NOT_SUPPORTED.get(method):
        raise Refused(Refusal("UnsupportedOperation", {"method": method}, reason=reason))
    for name in ("AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"):
        if not given.get(name):
            raise missing(name)
    if method != ALGORITHM or given["SignatureVersion"] != "1.0" or given.get("SignatureType"):
        raise Refused(Refusal("InvalidSignatureMethod", who="user"))
    # The signed parameters decide, not the x-acs-* headers that come along unsigned.
    return Claim(ALGORITHM, given["AccessKeyId"], given.get("Action", ""), given.get("Version", ""), given["Timestamp"],
                 given["SignatureNonce"], given["Signature"], given.get("SecurityToken", ""))


def string_to_sign(request: Request) -> str:
    """Empty parameters stay in. The order is by name, as code points."""
    pairs = sorted((name, value) for name, value in request.parameters.items() if name != "Signature")
    canonical = "&".join(f"{enc(name)}={enc(value)}" for name, value in pairs)
    return f"{request.method}&%2F&{enc(canonical)}"


def signature(secret: str, string: str) -> str:
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), string.encode(), "sha1")).decode()


def matches(secret: str, request: Request, claim: Claim) -> bool:
    return same(signature(secret, string_to_sign(request)), claim.signature)
