"""One parsed request: who asks, for what, and the answer. Every refusal from here on stands in the audit trail, once.

What cannot even be parsed, or claims no AccessKey, is no operation of anybody's and is not recorded. A wrong signature
is, also for an AccessKey that does not exist: somebody is trying keys.
"""

from __future__ import annotations

import re

from api import authentication, errors, throttle
from api.calls import CALLS
from api.errors import Answer
from api.not_yet import LEGACY, NOT_YET
from api.parameters import Given
from api.request import Request
from api.signatures import schemes
from api.signatures.claim import missing
from audit import recording
from base import clock
from base.caller import Caller
from base.refusal import Refusal, Refused

VERSION = "2016-01-20"
FORMATS = ("", "JSON", "json", "XML", "xml", "None")  # the old SDK's deprecated call sends None; JSON answers them all
_KEY_NAME = re.compile(r"(key-|alias/|acs:kms:|[0-9a-f]{8}-)[A-Za-z0-9:/_-]{1,280}")
_SYNTAX = ("MissingParameter", "InvalidParameter")


def answer(request: Request, request_id: str) -> Answer:
    """Raises Refused only for requests of nobody; everything else is answered here."""
    claim = schemes.claim(request)
    caller = authentication.stranger(request, claim, at=clock.now(), request_id=request_id)
    key = authentication.opened(caller)
    if key is not None:
        caller = authentication.owned_by(caller, key)
    authenticated = False
    try:
        caller = authentication.authenticate(request, claim, caller, key, now=clock.real_now())
        authenticated = True
        throttle.admit(caller, claim.action)
        body = perform(caller, claim.action, claim.version, request.parameters)
    except Refused as refused:
        return refusal(caller, claim.action, request, refused, authenticated=authenticated)
    return Answer(200, {"RequestId": request_id} | body)


def refusal(caller: Caller, action: str, request: Request, refused: Refused, *, authenticated: bool) -> Answer:
    """The answer to a refused request, which stands in the audit trail then. Every door of the API ends here."""
    given, host = request.parameters, request.headers.get("host", "")
    recording.refusal(caller, _action_name(action), refused.target or _named_key(given), refused)
    if authenticated and action in CALLS and CALLS[action].can_be_dry and _dry_run(given):
        return _dry(refused, caller.request_id, host)
    return errors.answer(refused, caller.request_id, host, explained=authenticated)


def perform(caller: Caller, action: str, version: str, given: Given) -> dict[str, object]:
    """The body of the answer, without RequestId. Raises Refused."""
    well_formed(action, version, given)
    call = CALLS.get(action)
    if call is not None:
        return call.perform(caller, given)
    if action in NOT_YET or action in LEGACY:
        reason = "action_not_yet" if action in NOT_YET else "action_legacy"
        raise Refused(Refusal("UnsupportedOperation", {"action": action}, reason=reason))
    raise Refused(Refusal("InvalidAction.NotFound", who="user"))


def well_formed(action: str, version: str, given: Given) -> None:
    """What all actions have in common. Raises Refused."""
    if not action or not version:
        raise missing("Action" if not action else "Version")
    if given.get("Format", "") not in FORMATS:
        raise Refused(Refusal("InvalidParameter.Format", {"name": "Format"}, who="user"))
    if version != VERSION:
        raise Refused(Refusal("InvalidVersion", who="user"))
    if action in CALLS and _dry_run(given) and not CALLS[action].can_be_dry:
        # The vendor ignores it here. Somebody who wrote it did not mean to schedule a deletion.
        raise Refused(Refusal("UnsupportedOperation", {"action": action}, reason="dry_run_not_supported", who="user"))


def _action_name(action: str) -> str:
    """For the audit trail: what is no action's name may be anything, a plaintext in the wrong place included."""
    return action if action in CALLS or action in NOT_YET or action in LEGACY else "Unknown"


def _named_key(given: Given) -> tuple[str, str] | None:
    """What a refused request wanted to touch, as far as it looks like the name of a key or alias."""
    for kind, parameter in (("key", "KeyId"), ("key", "DestinationKeyId"), ("alias", "AliasName")):
        if _KEY_NAME.fullmatch(given.get(parameter, "")):
            return kind, given[parameter]
    return None


def _dry_run(given: Given) -> bool:
    return given.get("DryRun", "").lower() == "true"


def _dry(refused: Refused, request_id: str, host: str) -> Answer:
    """A dry run answers in codes of its own for parameters and permission; states stay themselves (`keys.md` 5.2)."""
    first = refused.first
    if first.code in _SYNTAX:
        refused = Refused(Refusal("ValidationError", first.facts, first.slug, first.who), *refused.refusals)
    elif first.code == "Forbidden.NoPermission":
        refused = Refused(Refusal("AccessDeniedError", first.facts, first.slug, first.who, first.lifted_by),
                          *refused.refusals)
    return errors.answer(refused, request_id, host, explained=True)
