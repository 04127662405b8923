"""One HTTP request as the API sees it: method, headers, and parameters of query and form, decoded once and strictly.

Source: reference `api/README.md` 1, 2.1, 2.2 and 9. Host is not looked at: SDKs put odd but signed things there.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from base import b64
from base.refusal import Refusal, Refused

QUERY_LIMIT = 512 * 1024  # a 30 KB secret of an old SDK is over 90 KB of query
BODY_LIMIT = 256 * 1024
FIELD_LIMIT = 1000
FORM = "application/x-www-form-urlencoded"

Pairs = tuple[tuple[str, str], ...]

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")
# Encoded as signatures encode: unreserved characters as they are, every other byte as %XX in upper case.
_ESCAPED = rb"(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF])"
VALUE = rb"(?:[A-Za-z0-9._~-]++|%" + _ESCAPED + rb")*+"
_OTHER_ESCAPE = re.compile(rb"%(?!2[BF]|3D)")  # than those of +, / and =
_CANONICAL = re.compile(rb"(?:[A-Za-z0-9._~-]++=" + VALUE + rb"(?:&(?!\Z)|\Z))++")


class Request(NamedTuple):
    """headers: lower-case names; values as WSGI gives them, each character one byte. parameters: query and form merged,
    every name once. canonical: the query as it came, where that is the form that signatures cover; empty where it has to be
    built first. Whatever may hold plaintext stays out of repr, because a repr ends up in logs."""

    method: str
    headers: Mapping[str, str]
    query: Pairs = ()
    form: Pairs = ()
    body: bytes = b""
    address: str = ""
    canonical: str = ""

    def __repr__(self) -> str:
        return f"Request({self.method!r}, address={self.address!r})"

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


def decode_canonical(raw: bytes) -> Pairs | None:
    """The pairs of a query that is in canonical form already: encoded as signatures encode, sorted, every name once. None
    for any other, which `decode_form` reads; where both read a query they read the same."""
    if not _CANONICAL.fullmatch(raw) or raw.count(b"&") >= FIELD_LIMIT:
        return None
    pairs, last = [], ""
    try:
        for piece in raw.decode("ascii").split("&"):
            name, _, value = piece.partition("=")
            if name <= last:
                return None
            pairs.append((name, decode_value(value)))
            last = name
    except UnicodeDecodeError:
        return None
    return tuple(pairs)


def base64_value(raw: bytes) -> str | None:
    """The text of a value that is Base64, encoded as `VALUE`; None of any other. Over long texts half the time of reading it with
    no such expectation."""
    if b"+" in raw or b"/" in raw or b"=" in raw or _OTHER_ESCAPE.search(raw):
        return None
    try:
        text = decode_value(raw.decode("ascii"))
        b64.decoded(text)
    except ValueError:
        return None
    return text


def decode_value(value: str) -> str:
    """Of a value that fits `VALUE`. Raises UnicodeDecodeError. But for its sign this is the encoding of quoted-printable, whose
    decoder takes a seventh of the time of the one for URLs over Base64; a value holds neither blanks nor lines, which differ."""
    return a2b_qp(value.replace("%", "=")).decode() if "%" in value else value


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    found = {name[5:].lower().replace("_", "-"): value.strip(" \t")
             for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            found[name.lower().replace("_", "-")] = environ[name].strip(" \t")
    return found


def too_large(status_reason: str) -> Refused:
    return Refused(Refusal("RequestTooLarge", {"limit": BODY_LIMIT}, reason=status_reason, who="user"))


def _body(environ: Mapping[str, Any]) -> bytes:
    """The whole body, chunked or not. Errors of the transfer itself are the server's: they pass through."""
    source, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    if length:
        if not length.isascii() or not length.isdecimal():
            raise unparsable("broken_content_length")
        if int(length[:20]) > BODY_LIMIT:
            raise too_large("body_too_large")
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
        raise too_large("body_too_large")
    return b"".join(parts)


def _refuse_twice(pairs: Pairs) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:  # which copy was meant, and signed, is undefined
            raise Refused(Refusal("InvalidParameter", named(name), reason="parameter_twice", who="user"))
        seen.add(name)


def read(environ: Mapping[str, Any]) -> Request:
    """The request in `environ`. Raises Refused in the vendor's codes; reads the body in every case that could go on."""
    method, raw_query = str(environ.get("REQUEST_METHOD", "")), str(environ.get("QUERY_STRING", "")).encode("latin-1")
    check_line(method, str(environ.get("PATH_INFO", "/")), raw_query)
    return assemble(method, raw_query, _headers(environ), _body(environ), str(environ.get("REMOTE_ADDR", "")))


def check_line(method: str, path: str, raw_query: bytes) -> None:
    """What is wrong before any header is looked at. Raises Refused."""
    if method not in ("GET", "POST"):
        raise Refused(Refusal("UnsupportedHTTPMethod", who="user"))
    # "" is the path of an absolute target without one; every signature has "/" for both.
    if path not in ("", "/"):
        raise Refused(Refusal("InvalidApi.NotFound", who="user"))
    if len(raw_query) > QUERY_LIMIT:
        raise too_large("query_too_large")


def assemble(method: str, raw_query: bytes, headers: Mapping[str, str], body: bytes, address: str) -> Request:
    """The request of a line that `check_line` has passed. Raises Refused."""
    if body and headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise unparsable("body_is_no_form")
    query = decode_canonical(raw_query)
    if query is not None and not body:
        return Request(method, headers, query, (), b"", address, raw_query.decode("ascii"))
    query, form = decode_form(raw_query), decode_form(body)
    _refuse_twice(query + form)
    return Request(method, headers, query, form, body, address)
