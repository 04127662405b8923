"""gunicorn's worker that serves the API: one event loop with the fast lane (`api.fast`) behind its own HTTP connections.

gunicorn keeps the processes; its HTTP is not used here. It would write HTML for what it cannot parse and log its first line.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import ssl
import sys
import time
from typing import Any

import uvloop
from gunicorn.glogging import Logger
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker as Base

from api import failures

TICK_SECONDS = 1.0
# A request in flight is some fifty objects, and hardly any of them is part of a cycle: by default the collector would look at
# those of all that wait every dozen requests, which is a fifth of a request's time.
COLLECT = (20_000, 20, 50)


class QuietLogger(Logger):
    """gunicorn's log without what requests hold: debug lines quote them, and exceptions are logged by type and place."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        pass

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        pass

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if (error := sys.exc_info()[1]) is not None and not isinstance(error, TimeoutError | BlockingIOError):
            failures.log(self.error_log, "server", error)


class Worker(Base):
    """Takes connections one by one, so that several processes share them; ends gently on SIGTERM."""

    def load_wsgi(self) -> None:
        """There is no WSGI application; Django is set up instead."""
        import django

        django.setup()

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    def lane(self, loop: asyncio.AbstractEventLoop) -> Any:
        """What answers. Imported here: Django has to be set up first."""
        from api.fast.lane import Lane

        return Lane(loop)

    async def _serve(self) -> None:
        from api import metrics
        from api.fast.server import Server

        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, context: self._complain(context))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        lane = self.lane(loop)
        gc.freeze()  # what is there now stays; the collector need not look at it again
        gc.set_threshold(*COLLECT)
        tls = ssl_context(self.cfg) if self.cfg.is_ssl else None
        server = Server(loop, lane, [listener.sock for listener in self.sockets], tls)
        while not ended.is_set() and self.ppid == os.getppid():
            self.notify()
            server.tidy(time.monotonic())
            metrics.tally.leave()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), TICK_SECONDS)
        await server.finish(self.cfg.graceful_timeout)
        await asyncio.to_thread(lane.stop)
        metrics.tally.leave()

    def _complain(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, OSError | ssl.SSLError):
            failures.log(self.log.error_log, "server", error)
