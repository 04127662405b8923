"""Prepared requests: whole HTTP messages, signed with a nonce each."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from tests.live import Product

EMPTY_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Call:
    """One call of the API; or `raw`, a message of a peer as it stands. count: requests a round, 0 for the usual number. keys:
    that are named in turn."""

    action: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    count: int = 0
    keys: tuple[str, ...] = ()

    def turn(self, number: int) -> Call:
        key = {"KeyId": self.keys[number % len(self.keys)]} if self.keys else {}
        return replace(self, parameters=self.parameters | key)


def prepared(product: Product, call: Call, port: int) -> bytes:
    """By ACS3-HMAC-SHA256."""
    if call.raw:
        return call.raw
    headers = {"host": f"127.0.0.1:{port}", "x-acs-action": call.action, "x-acs-content-sha256": EMPTY_BODY,
               "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "x-acs-signature-nonce": uuid.uuid4().hex,
               "x-acs-version": "2016-01-20"}
    query = urlencode(sorted(call.parameters.items()), quote_via=quote, safe="-_.~")
    names = ";".join(headers)
    canonical = "\n".join(["POST", "/", query, *(f"{name}:{value}" for name, value in headers.items()), "", names, EMPTY_BODY])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.digest(product.access_key_secret.encode(), text.encode(), "sha256").hex()
    headers["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={product.access_key_id},SignedHeaders={names},"
                                f"Signature={signature}")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /?{query} HTTP/1.1\r\n{head}Content-Length: 0\r\n\r\n".encode()
