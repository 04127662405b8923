"""Base64 is taken in one form only, and read as the standard library reads it."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import b64

WELL_FORMED = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@given(st.text(alphabet="AZaz09+/=\n _-é\ud800", max_size=12) | st.text(alphabet="AQ=", max_size=9))
def test_nothing_but_the_one_form_is_taken(text):
    if WELL_FORMED.fullmatch(text):
        assert b64.decoded(text) == b64.decoded(text.encode()) == base64.b64decode(text)
    else:
        with pytest.raises(ValueError, match="base64|ASCII|padding"):
            b64.decoded(text)


@pytest.mark.parametrize("text", ["hunter2hunter2!", "hunter2hunter2é", "hunter2hunter"])
def test_an_error_does_not_hold_the_text(text):
    with pytest.raises(ValueError) as caught:
        b64.decoded(text)
    assert "hunter2" not in str(caught.value)


@given(st.binary(max_size=300))
def test_what_is_encoded_is_decoded(raw):
    assert b64.encoded(raw) == base64.b64encode(raw).decode()
    assert b64.decoded(b64.encoded(raw)) == raw
