"""A load generator in one event loop: keep-alive connections that send prepared requests and read the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop


@dataclass
class Result:
    """Of all requests but the first of each connection, which waits for its connection to be made."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


class _Client(asyncio.Protocol):
    """One connection: the next request goes when the answer to the last one is whole. A server that keeps no connection
    gets a new one for each request."""

    def __init__(self, port: int, requests: Iterator[bytes], result: Result, warm: asyncio.Future[None],
                 done: asyncio.Future[None]) -> None:
        self._port, self._requests, self._result, self._warm, self._done = port, requests, result, warm, done
        self._again: asyncio.Task[Any] | None = None
        self._buffer, self._sent = b"", 0.0
        self._open = self._going = False

    def connection_made(self, transport: Any) -> None:
        self._transport, self._open = transport, True
        if self._going or not self._warm.done():
            self._next()

    def go_on(self) -> None:
        self._going = True
        if self._open:
            self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self._done.set_result(None)
            return
        self._buffer, self._sent = b"", time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        self._result.latencies.append(time.perf_counter() - self._sent)
        if b" 200 " not in head[:16]:
            self._result.refused.append(body[:200])
        if not self._warm.done():
            self._warm.set_result(None)
        if head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower():
            self._sent, self._open = 0.0, False
        elif self._going:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._open and not self._done.done():
            loop = asyncio.get_running_loop()
            self._again = loop.create_task(loop.create_connection(lambda: self, "127.0.0.1", self._port))  # type: ignore[arg-type]
        elif not self._done.done():
            self._done.set_exception(error or ConnectionError("the server hung up"))


async def _run(port: int, requests: list[bytes], connections: int) -> Result:
    loop, result, waiting = asyncio.get_running_loop(), Result(), iter(requests)
    warm, ends = ([loop.create_future() for _ in range(connections)] for _ in range(2))
    clients = [_Client(port, waiting, result, one, end) for one, end in zip(warm, ends, strict=True)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*warm)
    result.latencies.clear()
    start = time.perf_counter()
    for client in clients:
        client.go_on()
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - start
    return result


def run(port: int, requests: list[bytes], connections: int = 64) -> Result:
    """Every request once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, connections))
