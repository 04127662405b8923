"""The engine: the vendor's blob around whatever the provider makes."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import blobs
from crypto.engine import Engine, material_identity
from crypto.errors import BadCiphertext
from crypto.memory import MemoryProvider
from crypto.specs import AES_256

VERSION = "key-hzz62f1cb66fa42qopd9s-17kedvabcd"
IDENTITY = material_identity("1", VERSION[:25], VERSION)


def test_the_blob_has_the_layout_of_the_vendor():
    """36 version id + 12 IV + 44 Base64 text of 32 bytes + 16 tag = 108 bytes = 144 characters (`keys.md` 5.4)."""
    engine = Engine(MemoryProvider())
    material = engine.generate(AES_256, IDENTITY)
    text, blob = engine.data_key(material, 32, {})
    assert len(text) == 44
    assert len(blob) == 144
    raw = base64.b64decode(blob)
    assert raw[:36].decode() == VERSION
    assert engine.decrypt(material, raw[36:], {}) == text


def test_the_text_itself_is_encrypted():
    engine = Engine(MemoryProvider())
    material = engine.generate(AES_256, IDENTITY)
    version, sealed = blobs.unpack(engine.encrypt(material, "SGk=", {"a": "b"}))
    assert version == VERSION
    assert engine.provider.decrypt(material, sealed, hashlib.sha256(b"a=b").digest()) == b"SGk="


def test_what_opens_but_is_no_text_of_ours_is_a_bad_ciphertext():
    """Whoever imported the material can seal any bytes under it."""
    engine = Engine(MemoryProvider())
    material = engine.generate(AES_256, IDENTITY)
    with pytest.raises(BadCiphertext):
        engine.decrypt(material, engine.provider.encrypt(material, b"\xff\xfe", b""), {})


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
def test_whatever_is_no_blob_is_refused_the_same_way(text):
    with pytest.raises(BadCiphertext):
        blobs.unpack(text)


def test_a_version_id_has_36_characters():
    with pytest.raises(ValueError, match="36"):
        blobs.pack("short", b"x")
