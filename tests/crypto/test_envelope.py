"""The stored format: what it binds, what it does not, and that its bytes never change by accident."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext

texts = st.text(st.characters(codec="utf-8"), max_size=40)
identities = st.builds(Identity, texts, texts, texts, texts)


@given(st.binary(max_size=200), identities)
def test_what_is_sealed_opens_with_its_identity(plain, identity):
    key = WrappingKey.generate()[0]
    assert key.open(key.seal(plain, identity), identity) == plain


@given(identities, identities)
def test_no_two_identities_look_alike(one, other):
    assert (one.associated_data() == other.associated_data()) == (one == other)


@pytest.mark.parametrize("field", ["purpose", "account", "owner", "version"])
def test_every_part_of_the_identity_is_bound(field):
    identity = Identity("key-material", "1", "key-a", "v1")
    key = WrappingKey.generate()[0]
    sealed = key.seal(b"material", identity)
    other = dataclasses.replace(identity, **{field: "x"})
    with pytest.raises(BadCiphertext):
        key.open(sealed, other)


def test_every_bit_counts():
    identity, key = Identity("p", "a", "o", "v"), WrappingKey.generate()[0]
    sealed = key.seal(b"material", identity)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(BadCiphertext):
            key.open(bytes(changed), identity)
    for length in range(len(sealed)):
        with pytest.raises(BadCiphertext):
            key.open(sealed[:length], identity)


def test_sealing_again_under_a_new_key_needs_no_new_identity():
    identity = Identity("key-material", "1", "key-a", "v1")
    old, new = WrappingKey.generate()[0], WrappingKey.generate()[0]
    moved = new.seal(old.open(old.seal(b"material", identity), identity), identity)
    assert new.open(moved, identity) == b"material"


def test_the_format_is_pinned():
    """Bytes stored by the first release open for ever; a change of format needs a new format byte, not new code here."""
    key = WrappingKey(bytes(range(32)))
    identity = Identity("key-material", "1234567890123456", "key-lcl00000000aaaaaaaaaa", "key-lcl00000000aaaaaaaaaa-bbbbbbbbbb")
    sealed = bytes.fromhex(PINNED)
    assert sealed[0] == 1
    assert sealed[1:9] == key.key_id
    assert key.open(sealed, identity) == b"thirty-two bytes of key material"
    assert key.check_value() == PINNED_CHECK


def test_a_wrapping_key_keeps_to_itself():
    raw = b"secret-secret-secret-secret-1234"
    key = WrappingKey(raw)
    assert raw.hex() not in repr(key)
    assert "secret" not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert key.derive("a").check_value() != key.derive("b").check_value()


PINNED = ("011ad733ccd48be3899475e892d595629190069581460ac6656233468a392cdf584988a3255de29802c6ad1e1eae6e5aab03"
          "6157bb032e73d4f02ad5fd90bb10c320a4734c")
PINNED_CHECK = "e767747cb95e19cc3eeff16a02c117fd07ee92e5b1f6460425d8d367f16b86d7"
