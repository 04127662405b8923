"""What Encrypt is compared with, each in the API's own worker and behind its own HTTP: an empty Django view without middleware,
called in a pool of threads as every call is that is not hot, and the fast lane with all work of the database taken out."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.errors import Answer
from api.worker import Worker


class EmptyView:
    """`take` is the lane's; the request is turned into WSGI's environ, and Django does what it always does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        from bench.empty import application

        self._loop, self._application = loop, application
        self._pool = ThreadPoolExecutor(8)

    def take(self, request: Any, request_id: str, respond: Any) -> None:
        self._pool.submit(self._answer, request, request_id, respond)

    def _answer(self, request: Any, request_id: str, respond: Any) -> None:
        environ = {"REQUEST_METHOD": request.method, "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
                   "SERVER_PORT": "80", "REMOTE_ADDR": request.address, "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(b"")}
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        answer = self._application(environ, lambda status, headers: None)
        body = b"".join(answer)
        answer.close()
        self._loop.call_soon_threadsafe(respond, Answer(200, {}), body, request_id)

    def stop(self) -> None:
        self._pool.shutdown()


class NoWriter:
    """Says of every ticket that it is done, without a database and without a thread."""

    def __init__(self, deliver: Any) -> None:
        self._deliver = deliver

    def add(self, tickets: Any) -> None:
        for ticket in tickets:
            ticket.outcome = "done"
        self._deliver(tickets)

    def stop(self) -> None: ...
    def join(self) -> None: ...


def without_database(loop: asyncio.AbstractEventLoop) -> Any:
    """The lane that has seen what it needs, and commits nothing."""
    from api.fast.lane import Lane

    lane = Lane(loop)
    lane._writer.stop()
    lane._writer.join()
    lane._writer = NoWriter(lane._deliver)  # type: ignore[assignment]
    return lane


class EmptyViewWorker(Worker):
    def lane(self, loop: asyncio.AbstractEventLoop) -> Any:
        return EmptyView(loop)


class NoDatabaseWorker(Worker):
    def lane(self, loop: asyncio.AbstractEventLoop) -> Any:
        return without_database(loop)
