"""The HSM provider on SoftHSM, two tokens as a cluster: conformance, and what only tokens have."""

from __future__ import annotations

import secrets

import pytest

from crypto.envelope import WrappingKey
from crypto.hsm.cluster import cluster_for
from crypto.hsm.provider import HsmProvider
from crypto.specs import SPECS
from tests.crypto.conformance import ProviderConformance

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
