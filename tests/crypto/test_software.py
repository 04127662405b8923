"""The software provider, and what makes it one: sealed bytes that only their own instance key opens."""

from __future__ import annotations

import pytest

from crypto.engine import material_identity
from crypto.envelope import WrappingKey
from crypto.errors import MaterialGone, Unsupported
from crypto.registry import open_provider
from crypto.software import SoftwareProvider
from crypto.specs import AES_256
from tests.crypto.conformance import ALICE, ProviderConformance


class TestSoftware(ProviderConformance):
    @pytest.fixture
    def provider(self):
        return SoftwareProvider(WrappingKey.generate()[0])


def test_another_instance_key_does_not_open_it():
    material = SoftwareProvider(WrappingKey.generate()[0]).generate(AES_256, ALICE)
    with pytest.raises(MaterialGone):
        SoftwareProvider(WrappingKey.generate()[0]).encrypt(material, b"x", b"")


def test_it_takes_raw_material_of_the_right_length_only():
    provider = SoftwareProvider(WrappingKey.generate()[0])
    known = provider.import_raw(AES_256, ALICE, b"k" * 32)
    assert b"k" * 32 not in known.stored
    again = provider.import_raw(AES_256, material_identity("1", "key-c", "key-c-1"), b"k" * 32)
    assert provider.decrypt(again, provider.encrypt(known, b"hello", b""), b"") == b"hello"
    with pytest.raises(Unsupported):
        provider.import_raw(AES_256, ALICE, b"k" * 31)


def test_the_registry_opens_it_by_name():
    wrapping = WrappingKey.generate()[0]
    assert isinstance(open_provider("software", wrapping), SoftwareProvider)
    with pytest.raises(Unsupported):
        open_provider("quantum", wrapping)
