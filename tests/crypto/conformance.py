"""What every provider must do, whatever holds its keys. Each test file of a provider subclasses this."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import pytest

from crypto import asymmetric
from crypto.algorithms import ENCRYPTIONS, SIGNINGS, encryption_for, mac_for, signing_for
from crypto.engine import Engine, material_identity
from crypto.errors import BadCiphertext, MaterialGone, Unsupported
from crypto.provider import Provider
from crypto.specs import AES_256, ENCRYPT_DECRYPT, SIGN_VERIFY, SPECS, Spec

T = TypeVar("T", bound=Callable[..., None])
ALICE = material_identity("1000000000000001", "key-a", "key-a-1")
BOB = material_identity("1000000000000001", "key-b", "key-b-1")


def each(which: Callable[[Spec], bool]) -> Callable[[T], T]:
    """Runs the test once for each spec that `which` picks of those the provider serves."""

    def mark(test: T) -> T:
        test.which = which  # type: ignore[attr-defined]
        return test

    return mark


class ProviderConformance:
    """A provider that does not serve every spec says which it does (`serves`), and must refuse the others; its test file asserts
    the list as a whole. tries: those of them that are tried, where each takes long and another class tries them all."""

    serves: frozenset[str] = frozenset(SPECS)
    tries: frozenset[str] = frozenset()

    @pytest.fixture
    def provider(self) -> Provider:
        raise AssertionError("give a provider")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if which := getattr(metafunc.function, "which", None):
            tried = [SPECS[name] for name in SPECS if name in (self.tries or self.serves)]
            metafunc.parametrize("spec", [spec for spec in tried if which(spec)], ids=lambda spec: spec.name)

    def test_it_is_a_provider(self, provider):
        assert isinstance(provider, Provider)

    @each(lambda spec: spec.symmetric)
    @pytest.mark.parametrize("length", [0, 1, 16, 6144])
    def test_what_goes_in_comes_out(self, provider, spec, length):
        material = provider.generate(spec, ALICE)
        sealed = provider.encrypt(material, b"x" * length, b"context")
        assert len(sealed) == 12 + length + 16
        assert provider.decrypt(material, sealed, b"context") == b"x" * length

    @each(lambda spec: SIGN_VERIFY in spec.usages)
    def test_signatures_verify_and_every_part_counts(self, provider, spec):
        engine, material = Engine(provider), provider.generate(spec, ALICE)
        fitting = [algorithm for algorithm in SIGNINGS.values() if signing_for(spec, algorithm.name)]
        assert fitting
        for algorithm in fitting:
            digest = b"d" * algorithm.digests[0]
            signature = engine.sign(material, algorithm, digest)
            assert engine.verify(material, algorithm, digest, signature)
            assert not engine.verify(material, algorithm, b"e" + digest[1:], signature)
            assert not engine.verify(material, algorithm, digest, signature[:-1] + bytes([signature[-1] ^ 1]))
            assert not engine.verify(material, algorithm, digest, b"")

    @each(lambda spec: spec.asymmetric and ENCRYPT_DECRYPT in spec.usages)
    def test_what_is_encrypted_to_the_public_key_opens(self, provider, spec):
        engine, material = Engine(provider), provider.generate(spec, ALICE)
        for algorithm in [each for each in ENCRYPTIONS.values() if encryption_for(spec, each.name)]:
            plain = b"x" * algorithm.most(spec)
            sealed = engine.public_encrypt(material, algorithm, plain)
            assert engine.private_decrypt(material, algorithm, sealed) == plain
            for bad in (b"", sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"\0" * len(sealed)):
                with pytest.raises(BadCiphertext):
                    engine.private_decrypt(material, algorithm, bad)

    @each(lambda spec: spec.family == "HMAC")
    def test_macs_depend_on_key_and_message(self, provider, spec):
        engine, hash_name = Engine(provider), mac_for(spec, spec.name)
        one, two = provider.generate(spec, ALICE), provider.generate(spec, BOB)
        assert engine.mac(one, hash_name, b"m") == engine.mac(one, hash_name, b"m")
        assert len({engine.mac(one, hash_name, b"m"), engine.mac(two, hash_name, b"m"), engine.mac(one, hash_name, b"n")}) == 3
        assert len(engine.mac(one, hash_name, b"m")) * 8 == spec.bits

    @each(lambda spec: spec.asymmetric)
    def test_only_key_pairs_have_a_public_key(self, provider, spec):
        assert asymmetric.public_pem(provider.generate(spec, ALICE).public).startswith("-----BEGIN PUBLIC KEY-----\n")
        assert provider.generate(AES_256, BOB).public == b""

    def test_every_encryption_is_fresh(self, provider):
        material = provider.generate(AES_256, ALICE)
        assert len({provider.encrypt(material, b"same", b"")[:12] for _ in range(200)}) == 200

    def test_every_bit_of_the_ciphertext_counts(self, provider):
        material = provider.generate(AES_256, ALICE)
        sealed = provider.encrypt(material, b"hello", b"")
        for position in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[position // 8] ^= 1 << position % 8
            with pytest.raises(BadCiphertext):
                provider.decrypt(material, bytes(changed), b"")

    def test_other_associated_data_is_refused(self, provider):
        material = provider.generate(AES_256, ALICE)
        sealed = provider.encrypt(material, b"hello", b"a")
        for other in (b"", b"b", b"aa"):
            with pytest.raises(BadCiphertext):
                provider.decrypt(material, sealed, other)

    @pytest.mark.parametrize("sealed", [b"", b"\0", b"\0" * 27, b"\0" * 28])
    def test_what_is_no_ciphertext_is_refused(self, provider, sealed):
        with pytest.raises(BadCiphertext):
            provider.decrypt(provider.generate(AES_256, ALICE), sealed, b"")

    def test_keys_are_independent(self, provider):
        one, two = provider.generate(AES_256, ALICE), provider.generate(AES_256, BOB)
        with pytest.raises(BadCiphertext):
            provider.decrypt(two, provider.encrypt(one, b"hello", b""), b"")

    def test_material_of_another_identity_does_not_open(self, provider):
        stolen = dataclasses.replace(provider.generate(AES_256, ALICE), identity=BOB)
        with pytest.raises(MaterialGone):
            provider.encrypt(stolen, b"hello", b"")

    def test_garbled_material_does_not_open(self, provider):
        material = provider.generate(AES_256, ALICE)
        for stored in (b"", b"\0" * 128, material.stored[:-1]):
            with pytest.raises(MaterialGone):
                provider.encrypt(dataclasses.replace(material, stored=stored), b"hello", b"")

    def test_destroying_twice_succeeds(self, provider):
        material = provider.generate(AES_256, ALICE)
        provider.destroy(material)
        provider.destroy(material)

    def test_an_unknown_spec_is_unsupported_and_so_is_any_other(self, provider):
        for spec in (Spec("EC_SM2", "SM2", 256), *(SPECS[name] for name in SPECS.keys() - self.serves)):
            with pytest.raises(Unsupported):
                provider.generate(spec, ALICE)

    def test_nothing_secret_in_repr(self, provider):
        material = provider.generate(AES_256, ALICE)
        assert "stored" not in repr(material)
        assert material.stored.hex() not in repr(provider)
