"""A canary: something that a version's material made at the time of the backup, and that only the same material can open.

Whoever has the material back proves it by the canary: the drill for every version every day, a restore before it keeps a key.
It is sealed by the key's own provider, so it holds for material in an HSM as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping

from crypto import blobs
from crypto.algorithms import ENCRYPTIONS, MACS, SIGNINGS, encryption_for, signing_for
from crypto.engine import Engine
from crypto.errors import BadCiphertext
from crypto.provider import Material
from crypto.specs import SIGN_VERIFY, Spec

CONTEXT = {"kms-console": "backup canary"}
Canary = Mapping[str, str]


def made(engine: Engine, material: Material, usage: str) -> Canary:
    """Raises what the provider raises."""
    spec, secret = material.spec, os.urandom(32)
    if spec.symmetric:
        blob = engine.encrypt(material, base64.b64encode(secret).decode(), CONTEXT)
        return {"sealed": _text(blobs.unpack(blob)[1]), "hash": _hash(base64.b64encode(secret))}
    if spec.family == "HMAC":
        return {"message": _text(secret), "mac": _text(engine.mac(material, MACS[spec.name], secret))}
    if usage == SIGN_VERIFY:
        name, digest = _signing(spec)
        return {"algorithm": name, "digest": _text(digest), "signature": _text(engine.sign(material, SIGNINGS[name], digest))}
    name = next(name for name in ENCRYPTIONS if encryption_for(spec, name))
    return {"algorithm": name, "sealed": _text(engine.public_encrypt(material, ENCRYPTIONS[name], secret)), "hash": _hash(secret)}


def lives(canary: Canary, engine: Engine, material: Material) -> bool:
    """Whether `material` is what made the canary. Raises what the provider raises where it does not answer at all."""
    spec = material.spec
    try:
        if "mac" in canary:
            return hmac.compare_digest(engine.mac(material, MACS[spec.name], _bytes(canary["message"])), _bytes(canary["mac"]))
        if "signature" in canary:
            return _signs(canary, engine, material)
        if spec.symmetric:
            plain = engine.decrypt(material, _bytes(canary["sealed"]), CONTEXT).encode()
        else:
            plain = engine.private_decrypt(material, ENCRYPTIONS[canary["algorithm"]], _bytes(canary["sealed"]))
    except (BadCiphertext, KeyError, ValueError):
        return False
    return hmac.compare_digest(_hash(plain), canary.get("hash", ""))


def _signs(canary: Canary, engine: Engine, material: Material) -> bool:
    """The old signature verifies with the public key of the backup, and so does one that the material makes now."""
    algorithm, digest = SIGNINGS[canary["algorithm"]], _bytes(canary["digest"])
    if signing_for(material.spec, algorithm.name) is None or len(digest) not in algorithm.digests:
        return False
    return (engine.verify(material, algorithm, digest, _bytes(canary["signature"]))
            and engine.verify(material, algorithm, digest, engine.sign(material, algorithm, digest)))


def _signing(spec: Spec) -> tuple[str, bytes]:
    name = next(name for name in SIGNINGS if signing_for(spec, name))
    return name, os.urandom(SIGNINGS[name].digests[0])


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
