"""Base64 as the API has it: standard alphabet, padded, nothing else. By a library that works on many characters at once and takes
a tenth of the standard library's time over 4 KiB. Pure; knows no Django."""

from __future__ import annotations

import pybase64


def encoded(raw: bytes) -> str:
    return pybase64.b64encode_as_string(raw)


def decoded(text: str | bytes) -> bytes:
    """Raises ValueError, which never holds the text."""
    return pybase64.b64decode(text, None, True)  # by place: names take longer than 32 bytes do
