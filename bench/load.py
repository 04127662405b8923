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
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


class _Client(asyncio.Protocol):
    """One connection: the next request goes when the answer to the last one is whole. A server that keeps no connection
    gets a new one for each request."""

    def __init__(self, port: int, requests: Iterator[bytes], result: Result, done: asyncio.Future[None]) -> None:
        self._port, self._requests, self._result, self._done = port, requests, result, done
        self._again: asyncio.Task[Any] | None = None
        self._buffer, self._sent = b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
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
        if head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower():
            self._sent = 0.0
        else:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._sent and not self._done.done():
            loop = asyncio.get_running_loop()
            self._again = loop.create_task(loop.create_connection(lambda: self, "127.0.0.1", self._port))  # type: ignore[arg-type]
        elif not self._done.done():
            self._done.set_exception(error or ConnectionError("the server hung up"))


async def _run(port: int, requests: list[bytes], connections: int) -> Result:
    loop, result, waiting = asyncio.get_running_loop(), Result(), iter(requests)
    ends = [loop.create_future() for _ in range(connections)]
    start = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: _Client(port, waiting, result, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - start
    return result


def run(port: int, requests: list[bytes], connections: int = 64) -> Result:
    """Every request once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, connections))
