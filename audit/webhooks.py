"""One POST of JSON, signed as "Standard Webhooks" are (standardwebhooks.com), so that receivers find libraries for it:

    webhook-id         the id of the event; the same for every try
    webhook-timestamp  Unix seconds of this try
    webhook-signature  v1,<Base64 of HMAC-SHA256 over "id.timestamp.body">

Certificates are verified, redirects are not followed, and of the answer only the status is looked at.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from audit.undelivered import Undelivered

TIMEOUT_SECONDS = 10
_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    """url: http or https; secret: any text, or whsec_ and Base64; empty means unsigned."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError, which does not quote the URL: it may hold a token."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment or parts.port == 0:
            raise ValueError("it must look like https://host/path, without user and fragment")
        self._key()

    def _key(self) -> bytes:
        if not self.secret.startswith(_PREFIX):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a secret that begins with whsec_ goes on with Base64") from None

    def headers(self, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        found = {"Content-Type": "application/json", "User-Agent": "kms-console", "webhook-id": event_id,
                 "webhook-timestamp": str(timestamp)}
        if self.secret:
            signed = hmac.digest(self._key(), f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
            found["webhook-signature"] = "v1," + base64.b64encode(signed).decode()
        return found

    def post(self, event_id: str, timestamp: int, content: Mapping[str, Any]) -> None:
        """Raises Undelivered for everything but a 2xx."""
        body, parts = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), urlsplit(self.url)
        with contextlib.closing(self._connection()) as connection:
            try:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", path, body, self.headers(event_id, timestamp, body))
                status = connection.getresponse().status
            except ssl.SSLCertVerificationError:
                raise Undelivered("the receiver's certificate is not trusted", down=True) from None
            except (OSError, http.client.HTTPException) as error:
                raise Undelivered(f"the receiver does not answer: {type(error).__name__}", down=True) from None
        if not 200 <= status < 300:
            redirect = " (redirects are not followed)" if 300 <= status < 400 else ""
            raise Undelivered(f"the receiver answered {status}{redirect}")

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
