"""What is this, does it work now, and what would make it work? For anything somebody holds in hand: the name of a key in any
form, a ciphertext, an instance, an AccessKey, or the RequestId of an error. Reads, and decides nothing: rules answer.

Names of other accounts' things are answered like names of nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from access import trail
from access.models import AccessKey, User
from audit.models import Event
from audit.recording import OK
from audit.searching import Wanted
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import blobs
from crypto.errors import BadCiphertext
from crypto.specs import GENERATE_VERIFY_MAC, SIGN_VERIFY, SPECS
from instances import lookup as instance_lookup
from instances import rules as instance_rules
from instances.models import Instance
from keys import gate, lookup, showing, states
from keys.aliasing import PREFIX
from keys.models import Alias, Key, KeyMaterial, KeyVersion

LONGEST = 20_000
EVENTS = 20
_REQUEST = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ACCESS_KEY = re.compile(r"LTAI[A-Za-z0-9]{8,60}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
MANAGEMENT = ("EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "SetDeletionProtection")


@dataclass(frozen=True, slots=True)
class Ability:
    """One operation: possible where there are no reasons against it."""

    action: str
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """kind: what the text is, of `KINDS`; name: what people call it. key (in key_state now), instance, version, access_key:
    what was found. events: all that happened under a RequestId. whose: where the abilities are somebody else's than the
    reader's."""

    kind: str
    name: str = ""
    abilities: tuple[Ability, ...] = ()
    key: Key | None = None
    instance: Instance | None = None
    version: KeyVersion | None = None
    access_key: AccessKey | None = None
    events: tuple[Event, ...] = ()
    key_state: str = ""
    whose: str = ""
    refusals: tuple[Refusal, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def together(self) -> list[tuple[list[str], tuple[Refusal, ...]]]:
        """Operations that the same reasons stand against, said once; what works stands together too."""
        groups: list[tuple[list[str], tuple[Refusal, ...]]] = []
        for one in self.abilities:
            known = next((names for names, reasons in groups if reasons == one.reasons), None)
            if known is None:
                groups.append(([one.action], one.reasons))
            else:
                known.append(one.action)
        return groups

    @property
    def works(self) -> bool:
        return bool(self.abilities) and not any(one.reasons for one in self.abilities)


KINDS = ("key", "version", "ciphertext", "foreign-ciphertext", "destroyed", "instance", "access-key", "request", "nothing")


def diagnose(caller: Caller, text: str) -> Diagnosis:
    """The first reading of `text` that finds something; `nothing` where none does."""
    text = "".join(text.split())[:LONGEST]
    for reading in (_ciphertext, _instance, _access_key, _key, _version, _request):
        if found := reading(caller, text):
            return found
    return Diagnosis("nothing", text[:100])


def _instance(caller: Caller, text: str) -> Diagnosis | None:
    name = text.rsplit("/", 1)[-1]
    instance = Instance.objects.of(caller.account).filter(pk=name).first() if name.startswith("kst-") else None
    if instance is None:
        return None
    abilities = []
    for action in ("CreateKey", "RenewInstance", "SetDeletionProtection"):
        facts = instance_lookup.facts(caller, instance, action)
        abilities.append(Ability(action, instance_rules.why_not(action, facts)))
    return Diagnosis("instance", str(instance), tuple(abilities), instance=instance)


def _access_key(caller: Caller, text: str) -> Diagnosis | None:
    if not _ACCESS_KEY.fullmatch(text):
        return None
    row = AccessKey.objects.select_related("user").filter(pk=text, user__account=caller.account).first()
    return Diagnosis("access-key", text, access_key=row) if row else None


def _key(caller: Caller, text: str) -> Diagnosis | None:
    for name in (text, PREFIX + text):
        try:
            return _of_key(caller, lookup.key_for(caller, name))
        except Refused as refused:
            if refused.first.slug == "key_destroyed":
                return _destroyed(caller, refused)
    return None


def _destroyed(caller: Caller, refused: Refused, kind: str = "destroyed") -> Diagnosis:
    key = Key.objects.select_related("instance").get(pk=refused.first.facts["key"])
    return Diagnosis(kind, key.pk, key=key, refusals=refused.refusals)


def _of_key(caller: Caller, key: Key) -> Diagnosis:
    uses = [Ability(action, gate.reasons(action, _at_the_api(caller), key)) for action in _uses(key)]
    manages = [Ability(action, gate.reasons(action, caller, key)) for action in _managing(key)]
    names = Alias.objects.filter(key=key).values_list("name", flat=True)
    return Diagnosis("key", showing.name_of(key, names), (*uses, *manages), key=key, key_state=key.state_at(caller.at))


def _at_the_api(caller: Caller) -> Caller:
    """Cryptography goes through the API, also where the console only looks."""
    return replace(caller, door="api")


def _uses(key: Key) -> tuple[str, ...]:
    spec = SPECS.get(key.spec)
    if key.usage == GENERATE_VERIFY_MAC:
        return "GenerateMac", "VerifyMac"
    if key.usage == SIGN_VERIFY:
        return "AsymmetricSign", "AsymmetricVerify"
    if spec is not None and spec.asymmetric:
        return "AsymmetricEncrypt", "AsymmetricDecrypt"
    return "Encrypt", "Decrypt", "GenerateDataKey"


def _managing(key: Key) -> Iterator[str]:
    """What makes sense to ask: of enabling and disabling, and of deleting and cancelling, the one that changes something."""
    pending, enabled = key.state == states.State.PENDING_DELETION, key.state == states.State.ENABLED
    left_out = {"CancelKeyDeletion" if not pending else "ScheduleKeyDeletion", "EnableKey" if enabled else "DisableKey"}
    yield from (action for action in MANAGEMENT if action not in left_out)
    if key.origin == "EXTERNAL":
        yield "ImportKeyMaterial"


def _version(caller: Caller, text: str) -> Diagnosis | None:
    """A version by its id alone, as answers of the API name it."""
    if len(text) != blobs.VERSION_ID:
        return None
    version = KeyVersion.objects.select_related("key__instance").filter(pk=text).first()
    return _of_version(caller, version, "version") if version else None


def _of_version(caller: Caller, version: KeyVersion, kind: str) -> Diagnosis | None:
    try:
        key = lookup.living(caller, lookup.visible(caller, version.key), version.pk)
    except Refused as refused:
        return _destroyed(caller, refused, "destroyed") if refused.first.slug == "key_destroyed" else None
    if key.account_id != caller.account:
        return None
    found = _of_key(caller, key)
    if kind != "ciphertext":
        return replace(found, kind=kind, version=version)
    reasons = gate.reasons("Decrypt", _at_the_api(caller), key)
    if not reasons and not KeyMaterial.objects.filter(version=version).exists():
        reasons = (Refusal("Rejected.PendingImport", {"key": key.pk}, who="administrator", lifted_by="ImportKeyMaterial"),)
    return replace(found, kind=kind, version=version, abilities=(Ability("Decrypt", reasons),))


def _ciphertext(caller: Caller, text: str) -> Diagnosis | None:
    """A CiphertextBlob names its version. Ciphertext of key pairs names nothing, and neither do blobs of other services."""
    try:
        version_id, sealed = blobs.unpack(text)
    except BadCiphertext:
        long = _BASE64.fullmatch(text) and not text.isalnum()
        return Diagnosis("foreign-ciphertext", facts={"length": len(text)}) if long else None
    version = KeyVersion.objects.select_related("key__instance").filter(pk=version_id).first()
    found = _of_version(caller, version, "ciphertext") if version else None
    return found or Diagnosis("foreign-ciphertext", facts={"length": len(sealed), "version": version_id})


def _request(caller: Caller, text: str) -> Diagnosis | None:
    """What happened under a RequestId, and whether the same would work now for whoever asked."""
    if not _REQUEST.fullmatch(text):
        return None
    if why_not := trail.why_not_look(caller):
        return Diagnosis("request", text, refusals=why_not)
    events = trail.lookup_events(caller, wanted=Wanted(request_id=text), size=EVENTS).events
    if not events:
        return None
    event = events[0]
    found = Diagnosis("request", text, events=tuple(events), facts=_said(event))
    asker = _asker(caller, event)
    if asker is None or event.object_kind != "key" or event.action not in states.GATE:
        return found
    try:
        key = lookup.key_for(asker, event.object_id)
    except Refused as refused:
        return replace(found, refusals=refused.refusals)
    ability = Ability(event.action, gate.reasons(event.action, asker, key))
    return replace(found, key=key, abilities=(ability,), whose=event.principal)


def _said(event: Event) -> dict[str, Any]:
    """code: how it was refused; reasons: by what slugs the trail remembers."""
    reasons = json.loads(event.detail).get("reasons", [])
    return {"code": event.outcome, "reasons": reasons} if event.outcome != OK else {}


def _asker(caller: Caller, event: Event) -> Caller | None:
    """Whoever the event is of, as they would stand at the same door now; None where it was nobody who logs in or signs."""
    kind, _, name = event.principal.partition("/")
    user = User.objects.filter(username=name, account=caller.account).first() if kind == "user" else None
    return user.caller(event.door, caller.at, request_id=ids.request_id()) if user else None
