"""Message authentication codes with HMAC keys, under the key's primary version (reference `keys.md` 5.9)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from audit import recording
from base.caller import Caller
from crypto.algorithms import MACS
from crypto.engine import MAX_PLAINTEXT
from keys.gate import permit
from keys.models import Key
from keys.operations import using
from keys.operations.asymmetric import known

# The vendor's pages name no limit. What Encrypt takes is enough for a digest or a token, and keeps one call short.
MAX_MESSAGE = MAX_PLAINTEXT


@dataclass(frozen=True, slots=True)
class Mac:
    """mac: Base64, in the full length of the hash."""

    mac: str = field(repr=False)
    algorithm: str
    key_id: str


@dataclass(frozen=True, slots=True)
class MacVerified:
    value: bool
    algorithm: str
    key_id: str


def checked_message(text: str) -> bytes:
    message = using.from_base64("Message", text)
    if not 1 <= len(message) <= MAX_MESSAGE:
        raise using.invalid("Message", "bytes_out_of_range", limit=MAX_MESSAGE)
    return message


@recording.operation("GenerateMac")
def generate_mac(caller: Caller, key: Key, *, algorithm: str, message: str, dry_run: bool = False) -> Mac:
    """Base64 `message`, 1 to 6,144 bytes decoded."""
    known("GenerateMac", algorithm)
    raw = checked_message(message)
    permit("GenerateMac", caller, key, algorithm=algorithm)
    row = using.material_of(key)
    using.only_if_real(dry_run)
    mac = using.use(caller, "GenerateMac", key, row,
                    lambda engine, material: engine.mac(material, MACS[algorithm], raw), algorithm=algorithm)
    return Mac(using.to_base64(mac), algorithm, key.pk)


@recording.operation("VerifyMac")
def verify_mac(caller: Caller, key: Key, *, algorithm: str, message: str, mac: str, dry_run: bool = False) -> MacVerified:
    """A wrong MAC, a cut one included, is an answer and not an error. Compared in constant time."""
    known("VerifyMac", algorithm)
    raw, given = checked_message(message), using.from_base64("Mac", mac)
    permit("VerifyMac", caller, key, algorithm=algorithm)
    row = using.material_of(key)
    using.only_if_real(dry_run)
    valid = using.use(caller, "VerifyMac", key, row,
                      lambda engine, material: hmac.compare_digest(engine.mac(material, MACS[algorithm], raw), given),
                      algorithm=algorithm)
    return MacVerified(valid, algorithm, key.pk)
