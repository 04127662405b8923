"""EncryptionContext: the vendor's bytes for ordinary maps, and no two maps with one meaning."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto import context

maps = st.dictionaries(st.text("ab&=\0{}\":,", max_size=6), st.text("ab&=\0{}\":,", max_size=6), max_size=4)


def test_the_vendor_example():
    """Reference `keys.md` 5.3."""
    digest = "8e17bf42cba6cbd8f45ac42661c06db687f2f8acc596fa8f98cbdc09a14d56d1"
    assert context.associated_data({"Key2": "Value2", "Key1": "Value1"}).hex() == digest


def test_an_empty_map_equals_none():
    assert context.associated_data({}) == b""


def test_the_ambiguity_of_the_vendor_form_is_gone():
    assert context.canonical({"a": "1&b=2"}) != context.canonical({"a": "1", "b": "2"})


@given(maps, maps)
def test_equal_bytes_mean_equal_maps(one, other):
    if one and other:
        assert (context.associated_data(one) == context.associated_data(other)) == (one == other)


@given(maps)
def test_order_does_not_matter(one):
    assert context.canonical(one) == context.canonical(dict(reversed(one.items())))
