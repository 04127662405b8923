"""Every vector through the engine, over material that came in as an import does."""

from __future__ import annotations

import pytest

from crypto import asymmetric
from crypto.algorithms import ENCRYPTIONS, MACS, SIGNINGS
from crypto.engine import Engine, material_identity
from crypto.envelope import WrappingKey
from crypto.errors import BadCiphertext
from crypto.memory import MemoryProvider
from crypto.provider import Material
from crypto.software import SoftwareProvider
from crypto.specs import SPECS
from tests.vectors.reading import FAMILIES, Vector, of, vectors

IDENTITY = material_identity("1", "key-1", "v" * 36)


@pytest.fixture(params=["software", "memory"])
def engine(request):
    return Engine(SoftwareProvider(WrappingKey(bytes(32))) if request.param == "software" else MemoryProvider())


def material_of(engine: Engine, vector: Vector) -> Material:
    spec = SPECS[vector.spec]
    if not vector.private:
        return Material(spec, IDENTITY, b"", vector.public)
    imported = engine.import_raw(spec, IDENTITY, vector.private)
    assert not vector.public or imported.public == vector.public
    return imported


def agrees(engine: Engine, vector: Vector) -> bool:
    material = material_of(engine, vector)
    if vector.family == "HMAC":
        return engine.mac(material, MACS[vector.algorithm], vector.given) == vector.expected
    if vector.signature:
        return engine.verify(material, SIGNINGS[vector.algorithm], vector.given, vector.signature) == vector.valid
    try:
        # The engine's own decrypt hashes a context; the vectors bring their associated data as it is.
        opened = engine.private_decrypt(material, ENCRYPTIONS[vector.algorithm], vector.given) if vector.algorithm else \
            engine.provider.decrypt(material, vector.given, vector.aad)
    except BadCiphertext:
        return not vector.valid
    return vector.valid and opened == vector.expected


@pytest.mark.parametrize("family", FAMILIES)
def test_the_engine_agrees_with_every_vector(engine, family):
    assert [vector for vector in of(family) if not agrees(engine, vector)] == []


def test_what_the_engine_signs_under_a_vectors_key_verifies_and_a_changed_bit_spoils_any_valid_vector(engine):
    for vector in vectors():
        if vector.valid and vector.signature and vector.source.endswith("SigGen.txt"):
            material, algorithm = material_of(engine, vector), SIGNINGS[vector.algorithm]
            assert asymmetric.verify(vector.public, algorithm, vector.given, engine.sign(material, algorithm, vector.given))
            assert not engine.verify(material, algorithm, bytes([vector.given[0] ^ 1]) + vector.given[1:], vector.signature)
