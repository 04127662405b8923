"""One HTTP request as the API sees it: method, headers, and parameters of query and form, decoded once and strictly.

Source: reference `api/README.md` 1, 2.1, 2.2 and 9. Host is not looked at: SDKs put odd but signed things there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from base.refusal import Refusal, Refused

QUERY_LIMIT = 512 * 1024  # a 30 KB secret of an old SDK is over 90 KB of query
BODY_LIMIT = 256 * 1024
FIELD_LIMIT = 1000
FORM = "application/x-www-form-urlencoded"

Pairs = tuple[tuple[str, str], ...]

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """headers: lower-case names; values as WSGI gives them, each character one byte. parameters: query and form merged,
    every name once. Whatever may hold plaintext stays out of repr, because a repr ends up in logs."""

    method: str
    headers: Mapping[str, str] = field(repr=False)
    query: Pairs = field(default=(), repr=False)
    form: Pairs = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    address: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self.query + self.form)


def unparsable(reason: str) -> Refused:
    return Refused(Refusal("ParseRequestParameterException", reason=reason, who="user"))


def named(name: str) -> dict[str, str]:
    """Facts that name a parameter, if it is shaped like one: garbage without a ``=`` is all name, and may be anything."""
    return {"name": name} if _NAME.fullmatch(name) else {}


def decode_form(raw: bytes) -> Pairs:
    """Form decoding as the signatures need it: blanks kept, ``+`` a space, strict percent signs and strict UTF-8.

    Raises Refused (ParseRequestParameterException): a lenient decoder would give two spellings of one signed value.
    """
    if _BROKEN_PERCENT.search(raw):
        raise unparsable("broken_percent_encoding")
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > FIELD_LIMIT:
        raise unparsable("too_many_parameters")
    pairs = []
    for piece in pieces:
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        try:
            pairs.append((unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()))
        except UnicodeDecodeError:
            raise unparsable("broken_utf8") from None
    return tuple(pairs)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    found = {name[5:].lower().replace("_", "-"): value.strip(" \t")
             for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            found[name.lower().replace("_", "-")] = environ[name].strip(" \t")
    return found


def _too_large(status_reason: str) -> Refused:
    return Refused(Refusal("RequestTooLarge", {"limit": BODY_LIMIT}, reason=status_reason, who="user"))


def _body(environ: Mapping[str, Any]) -> bytes:
    """The whole body, chunked or not. Errors of the transfer itself are the server's: they pass through."""
    source, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    if length:
        if not length.isascii() or not length.isdecimal():
            raise unparsable("broken_content_length")
        if int(length[:20]) > BODY_LIMIT:
            raise _too_large("body_too_large")
        body = source.read(int(length))
        if len(body) != int(length):
            raise unparsable("body_cut_short")
        return bytes(body)
    if not environ.get("wsgi.input_terminated"):
        return b""  # without a length and without an end a read would wait for ever
    parts, size = [], 0
    while size <= BODY_LIMIT and (part := source.read(BODY_LIMIT + 1 - size)):
        parts.append(part)
        size += len(part)
    if size > BODY_LIMIT:
        raise _too_large("body_too_large")
    return b"".join(parts)


def _refuse_twice(pairs: Pairs) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:  # which copy was meant, and signed, is undefined
            raise Refused(Refusal("InvalidParameter", named(name), reason="parameter_twice", who="user"))
        seen.add(name)


def read(environ: Mapping[str, Any]) -> Request:
    """The request in `environ`. Raises Refused in the vendor's codes; reads the body in every case that could go on."""
    method = str(environ.get("REQUEST_METHOD", ""))
    if method not in ("GET", "POST"):
        raise Refused(Refusal("UnsupportedHTTPMethod", who="user"))
    # "" is the path of an absolute target without one; every signature has "/" for both.
    if environ.get("PATH_INFO", "/") not in ("", "/"):
        raise Refused(Refusal("InvalidApi.NotFound", who="user"))
    raw_query = str(environ.get("QUERY_STRING", "")).encode("latin-1")
    if len(raw_query) > QUERY_LIMIT:
        raise _too_large("query_too_large")
    headers, body = _headers(environ), _body(environ)
    is_form = headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
    if body and not is_form:
        raise unparsable("body_is_no_form")
    query, form = decode_form(raw_query), decode_form(body)
    _refuse_twice(query + form)
    return Request(method, headers, query, form, body, str(environ.get("REMOTE_ADDR", "")))
