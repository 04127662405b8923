"""The text rules all schemes share."""

from __future__ import annotations

import hmac
import re
from urllib.parse import quote

from api.request import Pairs

# Raw, these could be cut into other pairs or other lines by somebody between client and server.
_AMBIGUOUS = re.compile(r"[&=%+#\s\x00-\x1f\x7f]")


def enc(text: str) -> str:
    """UTF-8, then every byte but letters, digits and ``-_.~`` as %XX in upper case; a space is %20."""
    return quote(text, safe="-_.~")


def same(one: str, other: str) -> bool:
    """Compares texts in constant time. Base64 is compared as text too: decoded, stray bits make two valid spellings."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def canonical_queries(query: Pairs) -> tuple[str, ...]:
    """The canonical query, and a second acceptable spelling where there is one.

    The published rule encodes names; the vendor's own clients leave them raw. The raw form counts only where no name
    holds a character that would make it ambiguous (reference 5.1).
    """
    pairs = sorted(query)
    encoded = "&".join(f"{enc(name)}={enc(value)}" for name, value in pairs)
    if any(_AMBIGUOUS.search(name) for name, _ in pairs):
        return (encoded,)
    raw = "&".join(f"{name}={enc(value)}" for name, value in pairs)
    return (encoded,) if raw == encoded else (encoded, raw)
