"""Objects in a token: templates, making, moving from token to token, public halves. Call everything here `alone`.

What goes from one token to another, or into the database, is wrapped by a key that never leaves the tokens in clear. What comes
to stay is sensitive and not extractable.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

from crypto.errors import Unsupported
from crypto.specs import Spec

SECRET, PRIVATE = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY
WRAP = Mechanism.AES_KEY_WRAP_PAD
# SHA-1 here is a mask for random bytes between two tokens; SoftHSM knows OAEP with no other.
_OAEP = (Mechanism.SHA_1, MGF.SHA1, None)
_TRANSPORT = {"mechanism": Mechanism.RSA_PKCS_OAEP, "mechanism_param": _OAEP}
_CURVES: dict[str, ec.EllipticCurve] = {"secp256r1": ec.SECP256R1(), "secp256k1": ec.SECP256K1(), "secp384r1": ec.SECP384R1()}
_TYPES = {"AES": KeyType.AES, "RSA": KeyType.RSA, "EC": KeyType.EC}
_NEEDS = {
    "AES": {Mechanism.AES_KEY_GEN, Mechanism.AES_GCM},
    "RSA": {Mechanism.RSA_PKCS_KEY_PAIR_GEN, Mechanism.RSA_PKCS, Mechanism.RSA_PKCS_PSS, Mechanism.RSA_PKCS_OAEP},
    "EC": {Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA},
}
MOVING = {Mechanism.RSA_PKCS_KEY_PAIR_GEN, Mechanism.RSA_PKCS_OAEP, WRAP}
_STAYS = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
_TRAVELS = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True}
# Tokens refuse attributes of another class of object, even when they are false.
_NOT_PRIVATE = {Attribute.ENCRYPT: DEFAULT, Attribute.VERIFY: DEFAULT, Attribute.WRAP: DEFAULT}


def kind_of(spec: Spec) -> ObjectClass:
    return PRIVATE if spec.asymmetric else SECRET


def served(spec: Spec, mechanisms: frozenset[Any]) -> bool:
    """Whether a token with these mechanisms does all that keys of `spec` are for."""
    return spec.hardware and spec.family in _NEEDS and _NEEDS[spec.family] <= mechanisms


def _capabilities(spec: Spec) -> MechanismFlag:
    if spec.family == "AES":
        return MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    return MechanismFlag.SIGN | MechanismFlag.DECRYPT if spec.family == "RSA" else MechanismFlag.SIGN


@contextlib.contextmanager
def passing(*keys: Any) -> Iterator[None]:
    """Destroys session objects at the end; they would go with the session anyway, but that lives long."""
    try:
        yield
    finally:
        for key in keys:
            with contextlib.suppress(PKCS11Error):
                key.destroy()


def generate(session: Any, spec: Spec) -> tuple[Any, bytes]:
    """(a key that lives as long as the session and may be wrapped, its public half as SubjectPublicKeyInfo DER). Raises
    Unsupported."""
    if spec.family == "AES":
        return session.generate_key(KeyType.AES, spec.bits, capabilities=_capabilities(spec), template=_TRAVELS), b""
    if spec.family == "RSA":
        public, private = session.generate_keypair(KeyType.RSA, spec.bits, capabilities=_capabilities(spec),
                                                   private_template=_TRAVELS)
    elif spec.family == "EC" and spec.curve in _CURVES:
        curve = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(spec.curve)}, local=True)
        public, private = curve.generate_keypair(capabilities=_capabilities(spec), private_template=_TRAVELS)
    else:
        raise Unsupported(spec.name)
    with passing(public):
        return private, _public_der(public, spec)


def _public_der(public: Any, spec: Spec) -> bytes:
    key: Any
    if spec.family == "RSA":
        key = _rsa_public(public)
    else:
        point = public[Attribute.EC_POINT]
        # An OCTET STRING around the point, as the standard wants it; some tokens leave it out.
        bare = point[2:] if len(point) == 2 + 2 * ((spec.bits + 7) // 8) + 1 else point
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[spec.curve], bare)
    raw: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw


def _rsa_public(public: Any) -> rsa.RSAPublicKey:
    numbers = (int.from_bytes(public[name], "big") for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
    return rsa.RSAPublicNumbers(*numbers).public_key()


def unwrap(wrapping: Any, wrapped: bytes, spec: Spec, *, name: bytes = b"", label: str = "", stays: bool = False,
           travels: bool = False, transport: bool = False) -> Any:
    """The key inside `wrapped`: on the token for good if it `stays`, otherwise for as long as the session; travels: it may be
    wrapped again. transport: it came under the public half of a pair of `transport_pair`."""
    how = _TRANSPORT if transport else {"mechanism": WRAP, "mechanism_param": None}
    return wrapping.unwrap_key(kind_of(spec), _TYPES[spec.family], wrapped, id=name or None, label=label or None,
                               capabilities=_capabilities(spec), store=stays, **how,
                               template={**(_TRAVELS if travels else _STAYS), **(_NOT_PRIVATE if spec.asymmetric else {})})


def transport_pair(session: Any) -> tuple[Any, Any]:
    """(public, private): a pair for one journey, which lives as long as the session."""
    pair: tuple[Any, Any] = session.generate_keypair(KeyType.RSA, 2048, capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                                                     private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False})
    return pair


def brought_in(session: Any, spec: Spec, raw: bytes) -> Any:
    """`raw` as a key that lives as long as the session and may be wrapped. A private key is too long for the transport pair: it
    comes under an AES key that came under that."""
    public, private = transport_pair(session)
    with passing(public, private):
        if spec.symmetric:
            return unwrap(private, wrap_raw(public, raw), spec, travels=True, transport=True)
        passage = os.urandom(32)
        wrapping = private.unwrap_key(SECRET, KeyType.AES, wrap_raw(public, passage), **_TRANSPORT, store=False,
                                      capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP, template=_STAYS)
        with passing(wrapping):
            return unwrap(wrapping, aes_key_wrap_with_padding(passage, raw), spec, travels=True)


def wrap_raw(public: Any, raw: bytes) -> bytes:
    """`raw` for the token that made `public`: it is plain in this process, and nowhere between it and the token."""
    sealed: bytes = _rsa_public(public).encrypt(raw, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303
    return sealed


def wrap_for(session: Any, key: Any, public: Any) -> bytes:
    """`key`, of the token of `session`, for the token that made `public`."""
    there = session.create_object({
        Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.KEY_TYPE: KeyType.RSA, Attribute.TOKEN: False, Attribute.WRAP: True,
        Attribute.MODULUS: public[Attribute.MODULUS], Attribute.PUBLIC_EXPONENT: public[Attribute.PUBLIC_EXPONENT]})
    with passing(there):
        wrapped: bytes = there.wrap_key(key, **_TRANSPORT)
        return wrapped


def wrapping_key(session: Any) -> Any:
    """An AES-256 key that may be moved, to become a cluster key or a storage key; lives as long as the session."""
    return session.generate_key(KeyType.AES, 256, capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP, template=_TRAVELS)


def settle(unwrapping: Any, wrapped: bytes, name: bytes, label: str, *, transport: bool = False) -> Any:
    """Puts a key of `wrapping_key` on the token for good."""
    how = _TRANSPORT if transport else {"mechanism": WRAP, "mechanism_param": None}
    return unwrapping.unwrap_key(SECRET, KeyType.AES, wrapped, id=name, label=label, store=True, template=_STAYS,
                                 capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP, **how)
