"""`docs/vectors.md` says what is run and how many; it is compared with what is run."""

from __future__ import annotations

import re
from pathlib import Path

import cryptography
import cryptography_vectors

from tests.vectors.reading import FAMILIES, of, vectors

DOCUMENT = (Path(__file__).parents[2] / "docs" / "vectors.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `?([^|`]+?)`? \| (\d+) \| (\d+) \|", re.MULTILINE)


def counted(chosen):
    return len(chosen), sum(vector.through_api for vector in chosen)


def test_the_counts_are_true():
    told = {name: (int(engine), int(api)) for name, engine, api in ROW.findall(DOCUMENT)}
    families = {family: counted(of(family)) for family in FAMILIES}
    sources = {source: counted([vector for vector in vectors() if vector.source == source])
               for source in {vector.source for vector in vectors()}}
    assert told == families | sources | {"all": counted(vectors())}


def test_the_vectors_are_those_of_the_library_in_use():
    assert cryptography_vectors.__version__ == cryptography.__version__
    assert f"`cryptography_vectors` {cryptography.__version__}" in DOCUMENT
