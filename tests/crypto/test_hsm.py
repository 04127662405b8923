"""The HSM provider on SoftHSM, two tokens as a cluster: conformance, and what only tokens have."""

from __future__ import annotations

import secrets

import pytest

from crypto.algorithms import SIGNINGS
from crypto.asymmetric import verify
from crypto.envelope import WrappingKey
from crypto.errors import BadCiphertext, MaterialGone
from crypto.hsm.cluster import cluster_for
from crypto.hsm.provider import HsmProvider
from crypto.specs import AES_256, SPECS
from tests.crypto.conformance import ALICE, BOB, ProviderConformance

SERVED = frozenset({"Aliyun_AES_256", "Aliyun_AES_192", "Aliyun_AES_128", "RSA_2048", "RSA_3072", "RSA_4096", "EC_P256",
                    "EC_P256K", "X_EC_P384"})
STORAGE = b"kst-of-tests"


@pytest.fixture(scope="module")
def cluster(softhsm):
    made = cluster_for(softhsm.cluster("hsm-conformance"))
    made.found()
    made.add_storage_key(STORAGE)
    return made


class InTokens(HsmProvider):
    """Gives each object a name of its own, as callers of `make` do: an identity here is used by many tests."""

    def __init__(self, cluster):
        super().__init__(WrappingKey.generate()[0], cluster, STORAGE.decode())
        self.names = []

    def generate(self, spec, identity):
        self.names.append(f"{identity.version}/{secrets.token_hex(4)}")
        return self.make(self.names[-1], spec, identity)


class InDatabase(HsmProvider):
    """The same provider, its keys in the database."""

    def make(self, name, spec, identity, raw=None):
        return self.make_wrapped(spec, identity, raw)


@pytest.fixture
def inside(cluster):
    provider = InTokens(cluster)
    yield provider
    for name in provider.names:
        cluster.destroy(name.encode())


class TestPointers:
    """What a backup keeps of material, and what another instance makes of it, with a wrapping and a storage key of its own."""

    @pytest.fixture
    def other(self, cluster):
        cluster.add_storage_key(b"kst-other")
        return HsmProvider(WrappingKey.generate()[0], cluster, "kst-other")

    def test_of_an_object(self, cluster, inside, other):
        material = inside.generate(AES_256, ALICE)
        sealed = inside.encrypt(material, b"text", b"")
        found = other.pointed(inside.pointer(material), AES_256, ALICE)
        assert found.name == material.name
        assert other.decrypt(found, sealed, b"") == b"text"
        assert cluster.holds(found.name.encode(), AES_256)
        assert not cluster.holds(b"nobody", AES_256)

    def test_of_a_wrapped_key(self, cluster, inside, other):
        before = [member.names() for member in cluster.members]
        for spec in (AES_256, SPECS["EC_P256"]):
            material = inside.make_wrapped(spec, ALICE)
            pointer = inside.pointer(material)
            found = other.pointed(pointer, spec, ALICE, material.public)
            assert found.name == ""
            assert other.pointer(found) != pointer
            assert found.public == material.public
            if spec is AES_256:
                assert other.decrypt(found, inside.encrypt(material, b"text", b""), b"") == b"text"
            else:
                signature = other.sign(found, SIGNINGS["ECDSA_SHA_256"], b"d" * 32)
                assert verify(material.public, SIGNINGS["ECDSA_SHA_256"], b"d" * 32, signature)
        assert [member.names() for member in cluster.members] == before

    def test_nothing_else_is_taken_for_one(self, cluster, inside, other):
        name = inside.generate(AES_256, BOB).name.encode()
        wrapped = inside.pointer(inside.make_wrapped(AES_256, ALICE))
        for pointer in (b"", b"\1", b"\1" + name, b"\1" + cluster.id, b"\1" + b"key-a-1x", b"\2", b"\2\xff", b"\3" + name,
                        wrapped[:-1], wrapped[:-8] + bytes(8)):
            with pytest.raises(BadCiphertext):
                other.pointed(pointer, AES_256, ALICE)
        with pytest.raises(MaterialGone):
            other.pointed(b"\2\x04gone" + wrapped[-40:], AES_256, ALICE)


class TestHsmInternal(ProviderConformance):
    serves = SERVED
    test_macs_depend_on_key_and_message = None  # no HMAC in hardware instances: see SERVED

    @pytest.fixture
    def provider(self, inside):
        return inside


class TestHsmEncryptedDatabase(ProviderConformance):
    serves = SERVED
    tries = frozenset({"Aliyun_AES_256", "Aliyun_AES_128", "RSA_2048", "EC_P256"})
    test_macs_depend_on_key_and_message = None

    @pytest.fixture
    def provider(self, cluster):
        return InDatabase(WrappingKey.generate()[0], cluster, STORAGE.decode())


def test_the_specs_a_token_serves_are_those_of_hardware_instances(cluster):
    assert set(cluster.specs()) == SERVED == {name for name, spec in SPECS.items() if spec.hardware}
