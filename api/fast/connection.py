"""HTTP/1.1 as this API needs it, over `httptools`: request lines of any SDK, JSON for whatever is broken, slow clients cut.

A connection answers one request at a time, in order. Nothing of a request is ever logged: the URI of an Encrypt holds plaintext.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol

import httptools

from api import errors, metrics, responding
from api import request as requests
from api.errors import Answer
from api.fast import outlines
from api.fast.outlines import Found, Outline, Planned
from api.fast.plans import Name
from api.request import BODY_LIMIT, QUERY_LIMIT, Request
from base import ids
from base.refusal import Refusal, Refused

LINE_LIMIT = QUERY_LIMIT + 1024
FIELD_LIMIT, FIELDS_LIMIT = 16 * 1024, 100
HEAD_LIMIT = LINE_LIMIT + FIELD_LIMIT * 4
READ_SECONDS = 20.0  # for the rest of a request that has begun
IDLE_SECONDS = 65.0  # longer than clients keep idle connections, so that none is closed under a request
LINGER_SECONDS = 2.0  # a client that still sends must be able to read why it is refused
_NAMES: dict[bytes, str] = {}
_LINE = re.compile(rb"[A-Za-z]{1,32} \S+ HTTP/1\.[01]\r?\n")
_STATUS = {status: errors.status_line(status) for status in (200, 400, 403, 404, 409, 413, 414, 429, 500, 503)}
_FIXED = "".join(f"{name}: {value}\r\n" for name, value in responding.HEADERS)
_FIXED_TEXT = _FIXED.replace(responding.CONTENT_TYPE, metrics.CONTENT_TYPE)
Respond = Callable[[Answer, bytes, str], None]


class Takes(Protocol):
    """Answers requests (`api.fast.lane`): calls `respond` once for each. Where `take` says that a plan has served one, later
    messages that look like it go to `take_again`, which says False where it cannot."""

    def take(self, request: Request, request_id: str, respond: Respond) -> Planned | None: ...
    def take_again(self, known: Outline, found: Found, request_id: str, respond: Respond) -> bool: ...


class Scrape:
    """Somebody who may asks for the numbers."""


class Connection(asyncio.Protocol):
    """others: every open connection of the server."""

    def __init__(self, lane: Takes, others: set[Connection]) -> None:
        self._lane, self._others = lane, others
        self._kinds: deque[Name] = deque(maxlen=outlines.MOST)
        self._outlines: deque[Outline] = deque(maxlen=outlines.MOST)
        self._message = b""  # of the request that is read, if it came in one piece
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request | Refused | Scrape] = deque()
        self._busy = self._closing = self._deaf = False
        self._since = time.monotonic()
        self._address = ""
        self._head_size = 0
        self._in_request = False
        self._refused: Refused | None = None

    # --- the transport ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._others.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._others.discard(self)
        self._transport, self._deaf = None, True
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._in_request:
            self._message = b""
        elif self._outlines and self._took_again(data):
            return
        else:
            self._in_request, self._head_size, self._since, self._message = True, 0, time.monotonic(), data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._closing = True  # nothing here speaks another protocol; the request itself has been read
        except httptools.HttpParserError as error:
            self._refuse(self._refused or _refusal_of(error, data))
            return
        if self._refused is not None:
            self._refuse(self._refused)
        elif self._reading_head and (size := self._head_size + len(data)) > HEAD_LIMIT:
            self._refuse(requests.too_large("query_too_large" if len(self._url) > QUERY_LIMIT else ""))
        elif self._reading_head:
            self._head_size = size

    def _took_again(self, message: bytes) -> bool:
        if self._busy or self._waiting or self._closing:
            return False
        for known in self._outlines:
            if found := known.fits(message):
                self._busy = self._lane.take_again(known, found, ids.request_id(), self._send)
                return self._busy
        return False

    def _learn(self, message: bytes, planned: Planned) -> None:
        """An outline costs as much as reading two messages, so it is made of what comes again."""
        if planned.name not in self._kinds:
            self._kinds.appendleft(planned.name)
        elif known := outlines.outline(message, planned):
            self._outlines.appendleft(known)

    def eof_received(self) -> bool:
        if self._in_request and not self._deaf and not self._waiting:
            self._refuse(requests.unparsable("body_cut_short"))
        self._closing = True
        return self._busy or self._deaf  # half open until the answer is sent

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and len(self._waiting) == 0:
            self._transport.resume_reading()

    # --- the parser -------------------------------------------------------------------------------------------------------

    _reading_head = False
    _url = b""

    def on_message_begin(self) -> None:
        self._url, self._size = b"", 0
        self._headers: dict[str, str] = {}
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._reading_head, self._refused = True, None

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > LINE_LIMIT:
            self._refused = requests.too_large("query_too_large")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        self._reading_head, headers = False, self._headers
        if len(self._fields) > FIELDS_LIMIT:
            self._refused = requests.too_large("")
        for name, value in self._fields:
            if len(value) > FIELD_LIMIT:
                self._refused = requests.too_large("")
            key = _NAMES.get(name) or _name(name)
            if "_" in key:  # WSGI cannot tell it from a dash, so no server of ours lets it through
                continue
            text = value.decode("latin-1").strip(" \t")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        if "expect" in headers and headers["expect"].lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = headers.get("content-length", "0")
        if length != "0" and length.isdecimal() and int(length[:20]) > BODY_LIMIT:
            self._refused = requests.too_large("body_too_large")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > BODY_LIMIT:
            self._refused = requests.too_large("body_too_large")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_request = False
        if self._refused is not None:
            return
        self._method = self._parser.get_method().decode("ascii", "replace")
        if not self._parser.should_keep_alive():
            self._closing = True
        parsed: Request | Refused | Scrape
        try:
            path, query = _target(self._url)
            if self._is_scrape(path):
                parsed = Scrape()
            else:
                requests.check_line(self._method, path, query)
                parsed = requests.assemble(self._method, query, self._headers, b"".join(self._body), self._address)
        except Refused as refused:
            refused.noted = {"host": self._headers.get("host", ""), "method": self._method}
            parsed = refused
        if self._busy:
            self._waiting.append(parsed)
            if self._transport is not None:
                self._transport.pause_reading()
        else:
            self._begin(parsed, self._message)

    def _is_scrape(self, path: str) -> bool:
        return path == metrics.PATH and self._method == "GET" and metrics.may_read(self._headers, self._address)

    # --- answers ----------------------------------------------------------------------------------------------------------

    def _begin(self, parsed: Request | Refused | Scrape, message: bytes = b"") -> None:
        self._busy = True
        request_id = ids.request_id()
        if isinstance(parsed, Refused):
            host, method = parsed.noted.get("host", ""), parsed.noted.get("method", "")
            answer = errors.answer(parsed, request_id, host)
            payload = b"" if method == "HEAD" else _encode(answer)
            self._send(answer, payload, request_id, length=len(_encode(answer)))
        elif isinstance(parsed, Scrape):
            self._send(Answer(200, {}), metrics.of_the_api(), request_id, fixed=_FIXED_TEXT)
        elif (planned := self._lane.take(parsed, request_id, self._send)) and message:
            self._learn(message, planned)

    def _send(self, answer: Answer, payload: bytes, request_id: str, *, length: int | None = None, fixed: str = _FIXED) -> None:
        self._busy, self._since = False, time.monotonic()
        if self._transport is None:
            return
        last = self._closing and not self._waiting
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers) if answer.headers else ""
        if last:
            more += "Connection: close\r\n"
        status = _STATUS.get(answer.status) or errors.status_line(answer.status)
        head = (f"HTTP/1.1 {status}\r\n{fixed}x-acs-request-id: {request_id}\r\nDate: {_Date.now()}\r\n{more}"
                f"Content-Length: {len(payload) if length is None else length}\r\n\r\n")
        self._transport.write(head.encode("latin-1") + payload)
        if self._waiting:
            parsed = self._waiting.popleft()
            if not self._waiting:
                self._transport.resume_reading()
            self._begin(parsed)
        elif last:
            self._hang_up()

    def _refuse(self, refused: Refused) -> None:
        """The last answer of this connection: where the next request would begin is unknown. Requests read before go first."""
        self._deaf = self._closing = True
        self._in_request = False
        refused.noted = {}
        if self._busy:
            self._waiting.append(refused)
        else:
            self._begin(refused)

    def _hang_up(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if not self._deaf:
            transport.close()
            return
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.close)

    # --- the server -------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self._busy or self._in_request or bool(self._waiting)

    def finish(self) -> None:
        """Closes after the request that is running; at once where there is none."""
        self._closing = True
        if not self.busy and self._transport is not None:
            self._transport.close()

    def tidy(self, now: float) -> None:
        """Closes what has been waited for too long."""
        if self._transport is None or self._busy:
            return
        if now - self._since > (READ_SECONDS if self._in_request else IDLE_SECONDS):
            self._transport.close()


def _name(name: bytes) -> str:
    """Clients use few names; the first thousand spellings are kept."""
    lower = name.decode("latin-1").lower()
    if len(_NAMES) < 1000 and len(name) < 64:
        _NAMES[name] = lower
    return lower


class _Date:
    """The text of the Date header, made once a second."""

    _second, _text = 0, ""

    @classmethod
    def now(cls) -> str:
        if (second := int(time.monotonic())) != cls._second:
            cls._second, cls._text = second, formatdate(usegmt=True)
        return cls._text


def _encode(answer: Answer) -> bytes:
    return json.dumps(answer.body, separators=(",", ":")).encode()


def _target(url: bytes) -> tuple[str, bytes]:
    """(path, raw query). An absolute target has them behind its host."""
    if not url.startswith(b"/"):
        _, _, rest = url.partition(b"://")
        url = rest[rest.find(b"/"):] if b"/" in rest.partition(b"?")[0] else b"?" + rest.partition(b"?")[2]
    path, _, query = url.partition(b"#")[0].partition(b"?")
    return path.decode("latin-1"), query


def _refusal_of(error: Exception, data: bytes) -> Refused:
    """Broken HTTP in the vendor's words. A method that only we do not know is not broken."""
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _LINE.match(data):
        return Refused(Refusal("UnsupportedHTTPMethod"))
    return requests.unparsable("broken_http")
