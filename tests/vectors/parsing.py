"""The file formats of the vectors: NIST's CAVS answers, RSA Laboratories' PKCS #1 files, RFC blocks. Text in, blocks out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cryptography_vectors

ROOT = Path(cryptography_vectors.__file__).parent
Block = dict[str, str]
_PART = re.compile(r"(Modulus|Public exponent|Exponent|Prime 1|Prime 2|Prime exponent 1|Prime exponent 2|Coefficient|Message"
                   r"|Seed|Encryption)\s*:?$")
# Facts of a file that hold for all blocks after them, until said anew.
_LASTING = frozenset({"n", "e"})


def lines(path: str) -> list[str]:
    return [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


def blocks(path: str, needs: str) -> Iterator[Block]:
    """Blocks that have `needs`, with their section (``[...]`` lines) and what was said once before them."""
    section: Block = {}
    lasting: Block = {}
    block: Block = {}
    fresh = True
    for line in [*lines(path), ""]:
        if line.startswith("["):
            name, _, value = line.strip("[]").partition("=")
            # The first heading after a block starts a new section; those under it add to it.
            section = {} if fresh else section
            section[name.strip()] = value.strip()
            fresh = False
        elif line == "":
            if needs in block:
                yield {**section, **lasting, **block}
                fresh = True
            lasting |= {name: value for name, value in block.items() if name in _LASTING}
            block = {}
        elif not line.startswith("#"):
            name, _, value = line.partition("=")
            block[name.strip()] = value.strip()


def pkcs1(path: str) -> Iterator[Block]:
    """One block a message, with its private key: labels in comment lines, hex in the lines after them."""
    key: Block = {}
    message: Block = {}
    label = ""
    for line in [*lines(path), "# Message:"]:
        if line.startswith("#") or not line:
            text = line.lstrip("# ")
            found = _PART.match(text)
            if text.startswith(("Private key", "Public key")):
                label, key, message = "", {}, {}
            elif found:
                label = found[1]
                if label == "Message":
                    if "Encryption" in message:
                        yield {**key, **message}
                    message = {}
        elif label:
            into = message if label in ("Message", "Seed", "Encryption") else key
            into[label] = into.get(label, "") + line.replace(" ", "")
