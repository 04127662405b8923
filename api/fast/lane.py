"""One request from end to end. Hot calls run in the event loop on what the process has seen; all others, and every hot call that
meets something unusual (a name that is not there, a wrong signature, an HSM), take the way through `dispatch`, in a thread.

1. The loop parses, checks the signature and runs the operation itself, with rows of `seen`; its event is collected, not stored.
2. The request waits for its group (`group`), which decides whether all it rests on still holds.
3. It is answered; or, where something had changed, dispatch does it from the start.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections

from api import authentication, dispatch, errors, failures, responding
from api.calls import CALLS
from api.errors import Answer
from api.fast.group import DONE, NONCE_USED, STALE, UNAVAILABLE, Ticket, Writer
from api.fast.seen import Seen, SeenKey, Sight, Unseen, here
from api.parameters import KeyId
from api.rates import CLASS_OF
from api.request import Request
from api.signatures import schemes, window
from api.signatures.claim import Claim
from audit import recording
from audit.recording import Entry
from base import clock, ids
from base.caller import Caller
from base.refusal import Refused
from keys import lookup
from keys.aliasing import PREFIX
from keys.models import Key, KeyMaterial, KeyVersion
from keys.operations import using

HOT = frozenset({
    "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "AsymmetricEncrypt", "AsymmetricDecrypt",
    "AsymmetricSign", "AsymmetricVerify", "GenerateMac", "VerifyMac"})
THREADS = 8  # for calls through dispatch; each keeps its database connection
LOOKS = 6  # how much a request may have to read first: AccessKey, alias, keys and versions
encode = json.JSONEncoder(separators=(",", ":")).encode
log = logging.getLogger(__name__)
Respond = Callable[[Answer, bytes, str], None]


class Elsewhere(BaseException):
    """Not for the fast lane; dispatch will say what there is to say. No `Exception`, for the reason of `Unseen`."""


class Blocking(BaseException):
    """For a thread of the pool, because it takes too long for the loop."""


class _Rows(using.Rows):
    """The rows of one request, out of what has been seen."""

    def __init__(self, seen: Seen, *, may_block: bool) -> None:
        self._seen, self._may_block = seen, may_block
        self.rests_on: set[Sight] = set()
        self.uses: list[tuple[str, Caller, Key]] = []
        self._opened: dict[str, Any] = {}

    def _see(self, kind: str, name: Any) -> Any:
        sight = self._seen.get(kind, name)
        self.rests_on.add(sight)
        return sight

    def access(self, name: str) -> Any:
        return self._see("access", name)

    def key_for(self, caller: Caller, text: str) -> Key:
        """`lookup.key_for`, for keys of the caller's own account."""
        account, name = caller.account, text
        if parts := ids.split_arn(text):
            region, account, resource = parts
            name = resource.removeprefix("key/")
            if region != settings.KMS_REGION:
                raise Elsewhere
        if name.startswith(PREFIX):
            text, name = name, self._see("alias", (account, name)).key_id
        key: Key = self._see("key", name).key
        if not caller.account == account == key.account_id:
            raise Elsewhere
        return lookup.living(caller, key, text)

    def version(self, version_id: str) -> KeyVersion | None:
        found: KeyVersion = self._see("version", version_id).version
        return found

    def material(self, key: Key, version_id: str) -> KeyMaterial | None:
        sight: SeenKey = self._see("version", version_id) if version_id else self._see("key", key.pk)
        if sight.row is None or sight.key.pk != key.pk:
            raise Elsewhere
        if not self._may_block and not here(sight):
            raise Blocking
        self._opened[sight.row.version_id] = sight.opened
        return sight.row

    def opened(self, row: KeyMaterial, key: Key) -> Any:
        return self._opened[row.version_id]

    def record(self, caller: Caller, action: str, key: Key, row: KeyMaterial, facts: Mapping[str, Any]) -> None:
        recording.record(caller, action, key, version=row.version_id, **facts)
        self.uses.append((action, caller, key))


@dataclass(slots=True, eq=False)
class Asked(Ticket):
    """A ticket with its answer, ready to be sent."""

    request: Request
    request_id: str
    respond: Respond
    answer: Answer
    payload: bytes


class Lane:
    """Belongs to one event loop. `take` requests; `stop` when no more come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._seen = loop, Seen()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dispatch")
        self._writer = Writer(self._seen, lambda group: self._in_loop(self._deliver, group))
        self._writer.start()

    def take(self, request: Request, request_id: str, respond: Respond) -> None:
        """respond(answer, payload, request id) is called in the loop, once."""
        self._work(request, request_id, respond, may_block=False)

    def stop(self) -> None:
        self._pool.submit(connections.close_all)
        self._pool.shutdown()
        self._writer.stop()
        self._writer.join()

    def _work(self, request: Request, request_id: str, respond: Respond, *, may_block: bool, looks: int = LOOKS) -> None:
        try:
            ticket = self._worked(request, request_id, respond, may_block)
        except (Elsewhere, Refused):  # refused before anybody was recognised: dispatch records what has to be
            self._dispatch(request, request_id, respond)
        except Blocking:
            self._pool.submit(self._work, request, request_id, respond, may_block=True)
        except Unseen as unseen:
            self._pool.submit(self._look, unseen, request, request_id, respond, looks - 1)
        except Exception as error:  # noqa: BLE001 - the outermost door of this lane; dispatch has its own
            failures.log(log, f"request {request_id}", error)
            self._dispatch(request, request_id, respond)
        else:
            self._writer.add(ticket)

    def _look(self, unseen: Unseen, request: Request, request_id: str, respond: Respond, looks: int) -> None:
        """In a thread: reads what is missing, then back to the loop."""
        responding.drop_stale_connections()
        try:
            found = looks > 0 and self._seen.look(unseen)
        except Exception as error:  # noqa: BLE001 - dispatch meets it again, and answers it
            failures.log(log, f"request {request_id}", error)
            found = False
        if found:
            self._in_loop(lambda: self._work(request, request_id, respond, may_block=False, looks=looks))
        else:
            self._dispatched(request, request_id, respond)

    def _dispatch(self, request: Request, request_id: str, respond: Respond) -> None:
        self._pool.submit(self._dispatched, request, request_id, respond)

    def _dispatched(self, request: Request, request_id: str, respond: Respond) -> None:
        responding.drop_stale_connections()
        answer = responding.answer(request, request_id)
        responding.drop_stale_connections()
        payload = encode(answer.body).encode()
        self._in_loop(lambda: respond(answer, payload, request_id))

    def _in_loop(self, function: Callable[..., None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(function, *args)

    def _worked(self, request: Request, request_id: str, respond: Respond, may_block: bool) -> Asked:
        """Raises Refused, Elsewhere, Unseen or Blocking where the lane cannot answer by itself."""
        claim, rows, now = schemes.claim(request), _Rows(self._seen, may_block=may_block), clock.real_now()
        if claim.action not in HOT or CLASS_OF[claim.action] in settings.KMS_RATE_LIMITS:
            raise Elsewhere
        stranger = authentication.stranger(request, claim, at=clock.now(), request_id=request_id)
        access = rows.access(stranger.access_key_id)
        authentication.check_nonce(claim)
        if not access.key.active or not access.key.user.account_id or schemes.why_not(access.key.secret, request, claim, now):
            raise Elsewhere
        caller = access.key.user.caller("api", stranger.at, request_id=request_id, address=request.address,
                                        access_key_id=access.key.id, documents=access.documents)
        with recording.collected() as entries:
            token = using.ROWS.set(rows)
            try:
                answer = _performed(caller, claim, request, rows)
            finally:
                using.ROWS.reset(token)
        [entry] = entries
        return Asked((access.key.id, claim.nonce, window.keep_until(claim.timestamp, now)), entry, rows.rests_on, rows.uses,
                     lambda: _nonce_used(authentication.owned_by(stranger, access.key), claim, request)[0],
                     "", request, request_id, respond, answer, encode(answer.body).encode())

    def _deliver(self, group: Sequence[Asked]) -> None:
        for ticket in group:
            if ticket.outcome == DONE:
                ticket.respond(ticket.answer, ticket.payload, ticket.request_id)
            elif ticket.outcome == STALE:
                self._dispatch(ticket.request, ticket.request_id, ticket.respond)
            else:
                answer = _trouble(ticket)
                ticket.respond(answer, encode(answer.body).encode(), ticket.request_id)


def _performed(caller: Caller, claim: Claim, request: Request, rows: _Rows) -> Answer:
    """As `dispatch.answer` after the signature, with the one difference where names of keys are looked up."""
    call, given = CALLS[claim.action], request.parameters
    try:
        dispatch.well_formed(claim.action, claim.version, given)
        found = {argument: rows.key_for(caller, value) if isinstance(call.parameters[argument], KeyId) else value
                 for argument, value in call.read(given).items()}
        return Answer(200, {"RequestId": caller.request_id} | call.answer(caller, call.act(caller, found)))
    except Refused as refused:
        return dispatch.refusal(caller, claim.action, request, refused, authenticated=True)


def _nonce_used(stranger: Caller, claim: Claim, request: Request) -> tuple[Entry, Answer]:
    with recording.collected() as entries:
        answer = dispatch.refusal(stranger, claim.action, request, authentication.nonce_used(), authenticated=False)
    return entries[0], answer


def _trouble(ticket: Asked) -> Answer:
    host = ticket.request.headers.get("host", "")
    if ticket.outcome == NONCE_USED:
        return errors.answer(authentication.nonce_used(), ticket.request_id, host)
    code = "ServiceUnavailableTemporary" if ticket.outcome == UNAVAILABLE else "InternalFailure"
    return errors.failure(ticket.request_id, host, code)
