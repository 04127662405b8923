"""The open connections of one process: taken one by one, tidied every second, finished at the end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Sequence

from api.fast.connection import Connection, Takes

MOST = 2000


class Server:
    def __init__(self, loop: asyncio.AbstractEventLoop, lane: Takes, listeners: Sequence[socket.socket],
                 tls: ssl.SSLContext | None = None) -> None:
        self._loop, self._lane, self._tls = loop, lane, tls
        self._listeners, self._open = listeners, set[Connection]()
        self._making, self._full = set[asyncio.Task[None]](), set[socket.socket]()
        for listener in listeners:
            listener.setblocking(False)
            loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """One at a time: the processes that share the port take turns, and none ends up with all connections."""
        if len(self._open) >= MOST:
            self._loop.remove_reader(listener)  # `tidy` asks again
            self._full.add(listener)
            return
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            taken, _ = listener.accept()
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._connect(taken))
            self._making.add(task)
            task.add_done_callback(self._making.discard)

    async def _connect(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            await self._loop.connect_accepted_socket(
                lambda: Connection(self._lane, self._open), taken, ssl=self._tls,
                ssl_handshake_timeout=10 if self._tls else None)

    def tidy(self, now: float) -> None:
        for connection in [*self._open]:
            connection.tidy(now)
        while self._full and len(self._open) < MOST:
            listener = self._full.pop()
            self._loop.add_reader(listener, self._accept, listener)

    async def finish(self, seconds: float) -> None:
        """No new connections; those with a request end after its answer, as long as `seconds` allow."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        deadline = time.monotonic() + seconds
        for connection in [*self._open]:
            connection.finish()
        while self._open and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
