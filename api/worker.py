"""gunicorn's threaded worker, made fit for this API: JSON for broken HTTP, no request line in any log, slow clients cut.

gunicorn writes HTML for requests it cannot parse, logs their first line, and logs the whole URI with what goes wrong; the
URI of an Encrypt holds the plaintext.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors as http
from gunicorn.http import message
from gunicorn.workers.gthread import ThreadWorker

from api import errors, failures
from api.request import QUERY_LIMIT
from base import ids
from base.refusal import Refusal, Refused

# gunicorn caps its own setting at 8,190 and knows only "no limit" above; no limit is a way to fill the memory.
REQUEST_LINE_LIMIT = QUERY_LIMIT + 1024
READ_TIMEOUT_SECONDS = 20
_TOO_LARGE = (http.LimitRequestLine, http.LimitRequestHeaders)


def refusal_of(error: BaseException) -> Refusal:
    """Broken HTTP in the vendor's words."""
    if isinstance(error, _TOO_LARGE):
        return Refusal("RequestTooLarge", reason="query_too_large" if isinstance(error, http.LimitRequestLine) else "")
    if isinstance(error, http.InvalidRequestMethod):
        return Refusal("UnsupportedHTTPMethod")
    if isinstance(error, http.ParseException) and not isinstance(error, http.ConfigurationProblem):
        return Refusal("ParseRequestParameterException", reason="broken_http")
    return Refusal("InternalFailure")


def raw_answer(error: BaseException) -> bytes:
    """A whole HTTP response; the connection ends with it, because where the next request would begin is unknown."""
    answer = errors.answer(Refused(refusal_of(error)), request_id := ids.request_id())
    payload = json.dumps(answer.body, separators=(",", ":")).encode()
    head = (f"HTTP/1.1 {errors.status_line(answer.status)}\r\nConnection: close\r\n"
            f"Content-Type: application/json;charset=utf-8\r\nx-acs-request-id: {request_id}\r\n"
            f"Cache-Control: no-store\r\nContent-Length: {len(payload)}\r\n\r\n")
    return head.encode("ascii") + payload


class QuietLogger(Logger):
    """gunicorn's log without what requests hold: debug lines quote them, and exceptions are logged by type and place."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        pass

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        pass

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if (error := sys.exc_info()[1]) is not None and not isinstance(error, TimeoutError | BlockingIOError):
            failures.log(self.error_log, "server", error)


class Worker(ThreadWorker):
    """One process with a pool of threads; each thread keeps its database connection."""

    def init_process(self) -> None:
        message.MAX_REQUEST_LINE = REQUEST_LINE_LIMIT
        super().init_process()

    def handle(self, conn: Any) -> Any:
        # A thread waits for the rest of a request; without an end to it a few slow clients would stop all others.
        wait = struct.pack("ll", READ_TIMEOUT_SECONDS, 0)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if refusal_of(exc).code == "InternalFailure":
            failures.log(self.log.error_log, "server", exc)
        with contextlib.suppress(OSError):  # the client may be gone
            client.sendall(raw_answer(exc))
