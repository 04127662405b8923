"""Whether two copies of a version's material are one key: what one of them sealed or signed, the other must open."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from crypto import blobs
from crypto.algorithms import ENCRYPTIONS, SIGNINGS, encryption_for, signing_for
from crypto.engine import Engine
from crypto.errors import BadCiphertext, MaterialGone
from crypto.provider import Material
from crypto.specs import ENCRYPT_DECRYPT, SIGN_VERIFY


@dataclass(frozen=True, slots=True)
class Side:
    """A copy, and the engine of the store it lies in."""

    engine: Engine
    material: Material


@dataclass(frozen=True, slots=True)
class Canary:
    """sealed: a CiphertextBlob, Base64 of a ciphertext, or of a signature. mark: SHA-256 of what was sealed, hex; what was
    signed, hex. Nothing in it is worth protecting: the plaintext was random and is gone."""

    version: str
    algorithm: str
    sealed: str
    mark: str


def algorithm_of(side: Side, usage: str) -> str:
    """Empty for symmetric keys, whose Encrypt knows one algorithm."""
    spec = side.material.spec
    if spec.symmetric:
        return ""
    if usage == SIGN_VERIFY:
        return next(name for name in SIGNINGS if signing_for(spec, name) is not None)
    if usage == ENCRYPT_DECRYPT:
        return next(name for name in ENCRYPTIONS if encryption_for(spec, name) is not None)
    raise ValueError(usage)


def _mark(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def canary(side: Side, usage: str) -> Canary:
    """Raises `crypto.errors` of the provider."""
    version, algorithm = side.material.identity.version, algorithm_of(side, usage)
    secret = os.urandom(32)
    if not algorithm:
        text = base64.b64encode(secret).decode("ascii")
        return Canary(version, "", side.engine.encrypt(side.material, text, {}), _mark(text.encode()))
    if usage == SIGN_VERIFY:
        digest = secret[:SIGNINGS[algorithm].digests[-1]].ljust(SIGNINGS[algorithm].digests[-1], b"\0")
        signature = side.engine.sign(side.material, SIGNINGS[algorithm], digest)
        return Canary(version, algorithm, base64.b64encode(signature).decode(), digest.hex())
    sealed = side.engine.public_encrypt(side.material, ENCRYPTIONS[algorithm], secret)
    return Canary(version, algorithm, base64.b64encode(sealed).decode(), _mark(secret))


def opens(side: Side, sign: Canary, usage: str) -> bool:
    """Raises `crypto.errors` where the provider does not answer; a copy that opens nothing is an answer."""
    try:
        if not sign.algorithm:
            version, sealed = blobs.unpack(sign.sealed)
            return version == sign.version and _mark(side.engine.decrypt(side.material, sealed, {}).encode()) == sign.mark
        sealed = base64.b64decode(sign.sealed)
        if usage == SIGN_VERIFY:
            return _verifies(side, sign, sealed)
        return _mark(side.engine.private_decrypt(side.material, ENCRYPTIONS[sign.algorithm], sealed)) == sign.mark
    except (BadCiphertext, MaterialGone):
        return False


def _verifies(side: Side, sign: Canary, signature: bytes) -> bool:
    """The public half fits the other side's private half, and the own private half fits the public one."""
    way, digest = SIGNINGS[sign.algorithm], bytes.fromhex(sign.mark)
    own = side.engine.sign(side.material, way, digest)
    return side.engine.verify(side.material, way, digest, signature) and side.engine.verify(side.material, way, digest, own)


def prove(before: Side, after: Side, usage: str) -> Canary | None:
    """The canary of `before`, where each side opens what the other made; None where they are not the same key."""
    mine, theirs = canary(before, usage), canary(after, usage)
    if before.material.public != after.material.public:
        return None
    return mine if opens(after, mine, usage) and opens(before, theirs, usage) else None
