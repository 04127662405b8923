"""How a state shows: a word, a tone and an icon. A colour never stands alone."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise


class Label(NamedTuple):
    word: str | Promise
    tone: str
    icon: str
