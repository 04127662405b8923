"""Import tokens: a wrapping key pair for one key, and the text that names it.

The text is Base64 of id (16 bytes) | expiry in Unix seconds (8) | keyed fingerprint (32) over both and the key's id. So an
expired token is told from a garbled or foreign one by itself, also when its row is long gone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from access.root import purpose_key
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import asymmetric
from crypto.envelope import Identity
from keys.models import ImportToken, Key

PURPOSE = "import-token"
LIFETIME = timedelta(hours=24)
_BODY, _LENGTH = 24, 24 + 32


def _identity(key: Key, token_id: str) -> Identity:
    return Identity(PURPOSE, key.account_id, key.pk, token_id)


def _fingerprint(body: bytes, key: Key) -> bytes:
    return purpose_key(PURPOSE).fingerprint(body + key.account_id.encode() + b"/" + key.pk.encode())


def new_token(caller: Caller, key: Key, algorithm: str, private: bytes) -> ImportToken:
    """Not saved yet. The private half of the wrapping pair is sealed for this key and this token."""
    name = secrets.token_hex(16)
    return ImportToken(id=name, key=key, algorithm=algorithm,
                       sealed_private_key=purpose_key(PURPOSE).seal(private, _identity(key, name)),
                       expires_at=caller.at.replace(microsecond=0) + LIFETIME)


def text_of(token: ImportToken) -> str:
    body = bytes.fromhex(token.id) + int(token.expires_at.timestamp()).to_bytes(8, "big")
    return base64.b64encode(body + _fingerprint(body, token.key)).decode("ascii")


def token_for(caller: Caller, key: Key, text: str) -> ImportToken:
    """Raises Refused: InvalidImportToken for what we never made for this key, ExpiredImportToken after 24 hours."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    body = raw[:_BODY]
    if len(raw) != _LENGTH or not hmac.compare_digest(raw[_BODY:], _fingerprint(body, key)):
        raise _refused("InvalidImportToken", key)
    expires_at = datetime.fromtimestamp(int.from_bytes(body[16:], "big"), UTC)
    if expires_at <= caller.at:
        raise _refused("ExpiredImportToken", key, expires_at=expires_at)
    row = ImportToken.objects.filter(pk=body[:16].hex(), key=key).first()
    if row is None:
        raise _refused("InvalidImportToken", key)
    return row


def _refused(code: str, key: Key, **facts: object) -> Refused:
    return Refused(Refusal(code, {"key": key.pk, **facts}, who="user", lifted_by="GetParametersForImport"))


def private_key(token: ImportToken) -> bytes:
    """The private half (PKCS#8 DER)."""
    return purpose_key(PURPOSE).open(bytes(token.sealed_private_key), _identity(token.key, token.pk))


def public_key(token: ImportToken) -> bytes:
    """The public half (SubjectPublicKeyInfo DER), as its download had it."""
    return asymmetric.public_der(private_key(token))


def newest(key: Key, now: datetime) -> ImportToken | None:
    """What a page goes on with: the last download, as long as it is valid."""
    return ImportToken.objects.filter(key=key, expires_at__gt=now).order_by("-expires_at", "id").first()
