"""Workers with one check switched off each: controls that prove that the tests of safety would notice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from api.worker import Worker


class TrustingWorker(Worker):
    """Believes what it has seen, whatever has become of it."""

    def lane(self, loop: asyncio.AbstractEventLoop) -> Any:
        from api.fast import group

        group.stale_among = lambda tables, sights: set()
        return super().lane(loop)


class HastyWorker(Worker):
    """Answers first and commits then."""

    def lane(self, loop: asyncio.AbstractEventLoop) -> Any:
        from api.fast import group

        lane = super().lane(loop)
        writer, settle = lane._writer, lane._writer._settle

        def hasty(tickets: Any) -> None:
            for ticket in tickets:
                ticket.outcome = group.DONE
            writer._settled(tickets)
            time.sleep(0.05)  # as a slow disk: long enough that a kill falls in between
            settle(tickets)

        writer._settle = hasty
        answered, lane._deliver = set(), lane._deliver
        deliver = lane._deliver

        def once(tickets: Any) -> None:
            fresh = [ticket for ticket in tickets if id(ticket) not in answered]
            answered.symmetric_difference_update(map(id, tickets))
            deliver(fresh)

        writer._settled = lambda tickets: loop.call_soon_threadsafe(once, tickets)
        return lane
