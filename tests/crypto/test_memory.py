"""The in-memory provider: a real one for tests, that also fails on order."""

from __future__ import annotations

import pytest

from crypto.errors import MaterialGone, Unavailable
from crypto.memory import MemoryProvider
from crypto.specs import AES_256
from tests.crypto.conformance import ALICE, ProviderConformance


class TestMemory(ProviderConformance):
    @pytest.fixture
    def provider(self):
        return MemoryProvider()


def test_destroyed_is_gone():
    provider = MemoryProvider()
    material = provider.generate(AES_256, ALICE)
    provider.destroy(material)
    with pytest.raises(MaterialGone):
        provider.encrypt(material, b"x", b"")


def test_it_fails_on_order_and_once():
    provider = MemoryProvider()
    material = provider.generate(AES_256, ALICE)
    provider.fail_next(Unavailable())
    with pytest.raises(Unavailable):
        provider.encrypt(material, b"x", b"")
    assert provider.encrypt(material, b"x", b"")
