"""One request from end to end. Hot calls run in the event loop on what the process has seen; all others, and every hot call that
meets something unusual (a name that is not there, a wrong signature, an HSM), take the way through `dispatch`, in a thread.

1. The loop parses, checks the signature and runs the operation itself, with rows of `seen`; its event is collected, not stored.
2. The request waits for its group (`group`), which decides whether all it rests on still holds.
3. It is answered; or, where something had changed, dispatch does it from the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connections

from access import nonces
from access.access_keys import is_to_note, note_use
from access.nonces import Nonce
from api import authentication, dispatch, errors, failures, metrics, responding
from api.calls import CALLS
from api.errors import Answer
from api.fast import plans
from api.fast.connection import Respond
from api.fast.group import DONE, MOST, NONCE_USED, STALE, UNAVAILABLE, Ticket, Writer
from api.fast.outlines import Found, Outline, Planned
from api.fast.plans import Name, Plan, Plans
from api.fast.rows import Blocking, Elsewhere, SeenRows
from api.fast.seen import PEOPLE, Seen, SeenAccess, Unseen
from api.parameters import KeyId
from api.rates import CLASS_OF
from api.request import Request
from api.signatures import schemes, window
from api.signatures.claim import Claim
from audit import recording
from audit.recording import Entry
from base import clock
from base.caller import Caller
from base.refusal import Refused
from crypto.errors import ProviderError
from keys.operations import using

HOT = frozenset({
    "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "AsymmetricEncrypt", "AsymmetricDecrypt",
    "AsymmetricSign", "AsymmetricVerify", "GenerateMac", "VerifyMac"})
THREADS = 8  # for calls through dispatch; each keeps its database connection
LOOKS = 6  # how much a request may have to read first: AccessKey, alias, keys and versions
_SECOND = timedelta(seconds=1)
encode = json.JSONEncoder(separators=(",", ":")).encode
log = logging.getLogger(__name__)
_GOOD = Answer(200, {})  # of a plan, which writes its payload by itself


@dataclass(slots=True, eq=False)
class Asked:
    """A request whose signature is good, and where its answer goes. whole: the request and its claim, for the few that have to be
    looked at again."""

    request_id: str
    respond: Respond
    access: SeenAccess
    whole: Callable[[], tuple[Request, Claim]]


@dataclass(slots=True, eq=False)
class Worked(Ticket):
    """A ticket with its answer, ready to be sent."""

    asked: Asked
    answer: Answer
    payload: bytes
    plan: Name = ()

    def nonce_used(self) -> Entry:
        with recording.collected() as entries:
            _nonce_used(self.asked)
        return entries[0]


class Again(NamedTuple):
    """A request that fits an outline, and the plan that is to serve it. Its signature has not been looked at."""

    plan: Plan
    known: Outline
    found: Found
    asked: Asked


class Lane:
    """Belongs to one event loop. `take` requests; `stop` when no more come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._seen, self._plans = loop, Seen(), Plans()
        self._noted: dict[str, datetime] = {}  # when this process noted the use of an AccessKey
        self._offset = clock.offset()
        self._second = self._at = datetime.min.replace(tzinfo=UTC)
        self._limits = settings.KMS_RATE_LIMITS  # a limited call is counted in the database first, by dispatch
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dispatch")
        self._ready: list[Worked] = []
        self._again: list[Again] = []
        self._writer = Writer(self._seen, lambda group: self._in_loop(self._deliver, group))
        self._writer.start()

    def take(self, request: Request, request_id: str, respond: Respond) -> Planned | None:
        """respond(answer, payload, request id) is called in the loop, once. Of a request that a plan serves, what an outline can
        be made of, for `take_again`."""
        action = request.headers.get("x-acs-action") or dict(request.query).get("Action", "")
        ticket = self._work(request, request_id, _counted(respond, action), may_block=False)
        return Planned(ticket.plan, *ticket.asked.whole()) if ticket and ticket.plan else None

    def take_again(self, known: Outline, found: Found, request_id: str, respond: Respond) -> bool:
        """False where the message has to be read as any other: its plan is over, or it is too old."""
        now = clock.real_now()
        plan = self._plans.get(plans.with_payload(known.name, found.text), self._product_time(now))
        if plan is None or window.why_not(found.date.decode(), now):
            return False
        try:
            access: SeenAccess = self._seen.get("access", known.claim.access_key_id)
        except Unseen:
            return False
        if access not in plan.rests_on:
            return False
        asked = Asked(request_id, _counted(respond, known.claim.action), access, partial(known.whole, found))
        self._expect()
        self._again.append(Again(plan, known, found, asked))
        return True

    def stop(self) -> None:
        everybody = Barrier(THREADS)
        for _ in range(THREADS):
            self._pool.submit(_hang_up, everybody)
        self._pool.shutdown()
        self._writer.stop()
        self._writer.join()

    def _work(self, request: Request, request_id: str, respond: Respond, *, may_block: bool, looks: int = LOOKS
              ) -> Worked | None:
        """The ticket, where there is one at once."""
        try:
            ticket = self._worked(request, request_id, respond, may_block)
        except (Elsewhere, Refused):  # refused before anybody was recognised: dispatch records what has to be
            self._dispatch(request, request_id, respond)
        except Blocking:
            self._pool.submit(self._block, request, request_id, respond)
        except Unseen as unseen:
            self._pool.submit(self._look, unseen, request, request_id, respond, looks - 1)
        except Exception as error:  # noqa: BLE001 - the outermost door of this lane; dispatch has its own
            failures.log(log, f"request {request_id}", error)
            self._dispatch(request, request_id, respond)
        else:
            if may_block:
                self._writer.add([ticket])
            else:
                self._expect()
                self._ready.append(ticket)
            return ticket
        return None

    def _expect(self) -> None:
        """A ticket goes with all that arrives until a look at the connections brings nothing more: one group of sixty costs
        half of what two of thirty do, and waking the writer for each ticket would cost as much as the signature."""
        if not self._ready and not self._again:
            self._loop.call_soon(self._hand_over, 0)

    def _hand_over(self, before: int) -> None:
        """before: how many there were when the loop last looked."""
        count = len(self._ready) + len(self._again)
        if before < count < MOST:
            self._loop.call_soon(self._hand_over, count)
            return
        ready, again, self._ready, self._again = self._ready, self._again, [], []
        if ready := ready + self._worked_again(again):
            self._writer.add(ready)

    def _worked_again(self, again: Sequence[Again]) -> list[Worked]:
        """Step by step for all of them: whatever the processor has in its caches serves the next one, too. One request after the
        other, a signature by P-256 takes twice as long, and all of an Encrypt a third longer. Those whose signature or payload is
        not as it should be go the whole way, which says what is wrong."""
        now = clock.real_now()
        at = self._product_time(now)
        signed = [one.known.signed(one.asked.access.key.secret, one.found) for one in again]
        made = [_made(one.plan, one.found.text) if good else None for one, good in zip(again, signed, strict=True)]
        ready = []
        for (plan, known, found, asked), fields in zip(again, made, strict=True):
            if fields is None:
                self._work(asked.whole()[0], asked.request_id, asked.respond, may_block=False)
            else:
                self._note_use(asked.access, at)
                nonce = (nonces.digest(asked.access.key.id, found.nonce.decode()), window.keep_until(found.date.decode(), now))
                ready.append(_planned(plan, known.name, fields, nonce, asked, known.request.address))
        return ready

    def _block(self, request: Request, request_id: str, respond: Respond) -> None:
        responding.drop_stale_connections()
        self._work(request, request_id, respond, may_block=True)

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

    def _in_loop(self, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon_threadsafe(function, *args)

    def _worked(self, request: Request, request_id: str, respond: Respond, may_block: bool) -> Worked:
        """Raises Refused, Elsewhere, Unseen or Blocking where the lane cannot answer by itself."""
        claim, now = schemes.claim(request), clock.real_now()
        if claim.action not in HOT or CLASS_OF[claim.action] in self._limits:
            raise Elsewhere
        access: SeenAccess = self._seen.get("access", claim.access_key_id)
        authentication.check_nonce(claim)
        if not access.usable or schemes.why_not(access.key.secret, request, claim, now):
            raise Elsewhere
        at = self._product_time(now)
        self._note_use(access, at)
        nonce = (nonces.digest(access.key.id, claim.nonce), window.keep_until(claim.timestamp, now))
        asked = Asked(request_id, respond, access, lambda: (request, claim))
        name, payload = plans.name_of(access.key.id, claim.action, claim.version, request.query)
        plan = None if may_block or request.form else self._plans.get(name, at)
        if plan is not None and access in plan.rests_on and (fields := _made(plan, payload)) is not None:
            return _planned(plan, name, fields, nonce, asked, request.address)
        rows = SeenRows(self._seen, access, may_block=may_block)
        caller = access.key.user.caller("api", at, request_id=request_id, address=request.address,
                                        access_key_id=access.key.id, documents=access.documents)
        with recording.collected() as entries:
            token = using.ROWS.set(rows)
            try:
                answer = _performed(caller, claim, request, rows)
            finally:
                using.ROWS.reset(token)
        [entry] = entries
        if answer.status == 200 and not may_block and not request.form:
            self._plans.put(name, plans.made(claim.action, request, rows, entry, answer))
        return Worked(nonce, entry, request_id, frozenset(rows.rests_on), rows.uses, "", asked, answer,
                      encode(answer.body).encode())

    def _product_time(self, now: datetime) -> datetime:
        """now: the real time. Made once a second."""
        if now.second != self._second.second or now - self._second >= _SECOND:
            self._second = now.replace(microsecond=0)
            self._at = (now + self._offset if self._offset else now).replace(microsecond=0)
        return self._at

    def _note_use(self, access: SeenAccess, at: datetime) -> None:
        """Once in a while, and nobody waits for it: the uses themselves are in the trail."""
        pk = access.key.id
        known = self._noted.get(pk) or access.key.last_used_at
        if is_to_note(known, at):
            if len(self._noted) >= PEOPLE:
                self._noted.clear()
            self._noted[pk] = at
            self._pool.submit(_note, pk, known, at)

    def _deliver(self, group: Sequence[Worked]) -> None:
        metrics.tally.committed(len(group))
        for ticket in group:
            asked = ticket.asked
            if ticket.outcome == DONE:
                asked.respond(ticket.answer, ticket.payload, asked.request_id)
            elif ticket.outcome == STALE:
                self._plans.forget()
                self._dispatch(asked.whole()[0], asked.request_id, asked.respond)
            else:
                answer = _trouble(ticket)
                asked.respond(answer, encode(answer.body).encode(), asked.request_id)


def _note(access_key_id: str, known: datetime | None, at: datetime) -> None:
    responding.drop_stale_connections()
    try:
        note_use(access_key_id, known, at)
    except DatabaseError as error:
        failures.log(log, "noting the use of an AccessKey", error)


def _hang_up(everybody: Barrier) -> None:
    """Each thread closes its own connection: they wait for each other, so that none does it for two."""
    with contextlib.suppress(BrokenBarrierError):
        everybody.wait(1)
    connections.close_all()


def _performed(caller: Caller, claim: Claim, request: Request, rows: SeenRows) -> Answer:
    """As `dispatch.answer` after the signature, with the one difference where names of keys are looked up."""
    call, given = CALLS[claim.action], request.parameters
    try:
        dispatch.well_formed(claim.action, claim.version, given)
        found = {argument: rows.key_for(caller, value) if isinstance(call.parameters[argument], KeyId) else value
                 for argument, value in call.read(given).items()}
        return Answer(200, {"RequestId": caller.request_id} | call.answer(caller, call.act(caller, found)))
    except Refused as refused:
        return dispatch.refusal(caller, claim.action, request, refused, authenticated=True)


def _counted(respond: Respond, action: str) -> Respond:
    began = time.perf_counter()

    def counted(answer: Answer, payload: bytes, request_id: str) -> None:
        outcome = recording.OK if answer.status == 200 else str(answer.body["Code"])
        metrics.tally.answered(action, outcome, time.perf_counter() - began)
        respond(answer, payload, request_id)

    return counted


def _made(plan: Plan, payload: str) -> Mapping[str, str] | None:
    """None where the payload is not as it should be: the whole way says what is wrong."""
    try:
        return plan.kind.work(plan, payload)
    except (Refused, ProviderError):
        return None
    except Exception as error:  # noqa: BLE001 - what breaks for one request is not to end others; the whole way meets it again
        failures.log(log, "a plan", error)
        return None


def _planned(plan: Plan, name: Name, made: Mapping[str, str], nonce: Nonce, asked: Asked, address: str) -> Worked:
    return Worked(nonce, plan.event(address), asked.request_id, plan.rests_on, plan.uses, "", asked, _GOOD,
                  plan.payload(asked.request_id, made), name)


def _nonce_used(asked: Asked) -> Answer:
    """To the owner of the AccessKey it is a stranger's request, as in `authentication`; it stands in the trail as one."""
    request, claim = asked.whole()
    stranger = authentication.stranger(request, claim, at=clock.now(), request_id=asked.request_id)
    return dispatch.refusal(authentication.owned_by(stranger, asked.access.key), claim.action, request,
                            authentication.nonce_used(), authenticated=False)


def _trouble(ticket: Worked) -> Answer:
    host, request_id = ticket.asked.whole()[0].headers.get("host", ""), ticket.asked.request_id
    if ticket.outcome == NONCE_USED:
        return errors.answer(authentication.nonce_used(), request_id, host)
    code = "ServiceUnavailableTemporary" if ticket.outcome == UNAVAILABLE else "InternalFailure"
    return errors.failure(request_id, host, code)
