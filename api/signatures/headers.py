"""The canonical request of V3 and V4: headers signed one by one, the body by its digest."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from api.request import Request
from api.signatures.claim import incomplete
from api.signatures.encoding import canonical_queries

REQUIRED = frozenset({"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce",
                      "x-acs-content-sha256"})
EMPTY = {name: hashlib.new(name, b"").hexdigest() for name in {"sha256", "sm3"} & hashlib.algorithms_available}
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


def digest(name: str, data: bytes) -> str:
    if name == "sha256":
        return hashlib.sha256(data).hexdigest()
    return hashlib.new(name, data).hexdigest()


def signed_headers(request: Request, listed: str) -> tuple[str, ...]:
    """The names in SignedHeaders. Raises Refused unless they are sorted, lower case, once each, and cover what they must:
    the required ones, every x-acs-* header that is there, and the type of a body.

    A header that is not covered could be added or changed on the way.
    """
    names, reason = _judged(listed, tuple(request.headers), bool(request.body))
    if reason:
        raise incomplete(reason)
    return names


@lru_cache(maxsize=256)
def _judged(listed: str, headers: tuple[str, ...], with_body: bool) -> tuple[tuple[str, ...], str]:
    """The names of a list, and what is wrong with it. A client sends the same list with the same headers always."""
    names = tuple(listed.split(";"))
    if not all(map(_NAME.fullmatch, names)) or list(names) != sorted(set(names)):
        return (), "signed_headers_malformed"
    present = {name for name in headers if name.startswith("x-acs-")}
    if with_body:
        present.add("content-type")
    return names, "" if (REQUIRED | present) <= set(names) else "header_not_signed"


def canonical_requests(request: Request, names: tuple[str, ...], hash_name: str) -> tuple[bytes, ...]:
    """Every acceptable spelling; empty where a listed header is missing or the body is not the one that was hashed."""
    given = request.headers
    try:
        head = "".join([f"{name}:{given[name]}\n" for name in names])
    except KeyError:
        return ()
    body = digest(hash_name, request.body) if request.body else EMPTY[hash_name]
    if given["x-acs-content-sha256"] != body:
        return ()
    # Header values are bytes in latin-1 clothes (WSGI); the client hashed its UTF-8.
    rest = f"{head}\n{';'.join(names)}\n{body}".encode("latin-1")
    queries = (request.canonical,) if request.canonical else canonical_queries(request.query)
    return tuple([f"{request.method}\n/\n{query}\n".encode() + rest for query in queries])
