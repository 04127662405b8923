"""What every server of the API has in common: a parsed request in, an answer out whatever happens, the headers of all answers."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import OperationalError, connections

from api import dispatch, errors, failures
from api.errors import Answer
from api.request import Request
from base.refusal import Refused

CONTENT_TYPE = "application/json;charset=utf-8"  # exactly so: SDKs pick their parser by it
# The same on every answer. Nothing may keep a copy: answers hold plaintext.
HEADERS = (("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
log = logging.getLogger(__name__)


def answer(request: Request, request_id: str) -> Answer:
    return guarded(lambda: dispatch.answer(request, request_id), request_id, request.headers.get("host", ""))


def guarded(work: Callable[[], Answer], request_id: str, host: str) -> Answer:
    """Its answer, or one for whatever it raises."""
    try:
        return work()
    except Refused as refused:
        return errors.answer(refused, request_id, host)
    except OperationalError as error:
        # The database is locked, full or gone: trying again later is right, and clients do so on this code.
        failures.log(log, f"request {request_id}", error)
        return errors.failure(request_id, host, "ServiceUnavailableTemporary")
    except Exception as error:  # noqa: BLE001 - the outermost door: whatever it is, the client gets JSON and no text of it
        failures.log(log, f"request {request_id}", error)
        return errors.failure(request_id, host)


def drop_stale_connections() -> None:
    """What Django's handler does around a request: broken and old connections end here, not in the next request. One
    inside a transaction is its owner's: a program that calls `application` directly, as tests do."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
