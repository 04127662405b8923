"""What the key pages show of a key: its name, the lifecycle rail, the checks before a deletion. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from access import dates
from base.caller import Caller
from base.refusal import Refusal
from crypto.algorithms import ENCRYPTIONS, SIGNINGS, encryption_for, signing_for
from crypto.specs import GENERATE_VERIFY_MAC, SIGN_VERIFY, SPECS
from keys import gate, lookup
from keys.aliasing import PREFIX
from keys.evidence import Evidence
from keys.models import Alias, Key, KeyVersion
from keys.states import State

RECENT_DAYS = 30
ROW_ACTIONS = ("EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "SetDeletionProtection")
PAGE_ACTIONS = (*ROW_ACTIONS, "UpdateKeyDescription", "CreateAlias", "DeleteAlias")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list. blocked: action -> the reasons against it."""

    key: Key
    state: State
    name: str
    aliases: int
    blocked: dict[str, tuple[Refusal, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of the lifecycle rail. place: past, now, next or last; tone colours `now`."""

    word: str
    place: str
    note: str = ""
    at: datetime | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A line of a checklist. kind: stop, care or pass."""

    kind: str
    title: str
    sentence: str


def name_of(key: Key, aliases: Iterable[str]) -> str:
    """What people call the key: its first alias without the API's prefix, or its id."""
    first = min(aliases, default="")
    return first.removeprefix(PREFIX) if first else key.pk


def blocked(caller: Caller, key: Key, actions: Iterable[str]) -> dict[str, tuple[Refusal, ...]]:
    if key.known_tags is None:
        lookup.know_tags(caller, [key])
    if key.known_freeze is None:
        lookup.know_freeze(caller, [key])
    return {action: reasons for action in actions if (reasons := gate.reasons(action, caller, key))}


def names(key_ids: Iterable[str]) -> dict[str, str]:
    """id -> what people call the key, of those that have an alias."""
    found: dict[str, list[str]] = {}
    for key_id, name in Alias.objects.filter(key__in=list(key_ids)).values_list("key_id", "name"):
        found.setdefault(key_id, []).append(name)
    return {key_id: min(those).removeprefix(PREFIX) for key_id, those in found.items()}


def rows(caller: Caller, keys: list[Key]) -> list[Row]:
    """One query for the aliases of all lines, and one for the tags where permissions depend on them."""
    lookup.know_tags(caller, keys)
    lookup.know_freeze(caller, keys)
    names: dict[str, list[str]] = {}
    for key_id, name in Alias.objects.filter(key__in=keys).values_list("key_id", "name"):
        names.setdefault(key_id, []).append(name)
    return [Row(key, key.state_at(caller.at), name_of(key, names.get(key.pk, [])), len(names.get(key.pk, [])),
                blocked(caller, key, ROW_ACTIONS)) for key in keys]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of key the page for a new one offers. id: as `keys.forms.KINDS` knows it."""

    id: str
    title: str
    sentence: str


def kinds() -> list[Kind]:
    return [
        Kind("encrypt", _("Encrypt data"), _("AES-256, made by KMS. The right choice for almost everything.")),
        Kind("sign", _("Sign"), _("EC P-256: short signatures that others verify with the public key.")),
        Kind("sign-rsa", _("Sign, with RSA"), _("RSA 2048: for partners who cannot verify EC signatures.")),
        Kind("public", _("Encrypt to a public key"), _("RSA 2048: others encrypt with the public key, only KMS decrypts.")),
        Kind("mac", _("Authenticate messages"), _("HMAC SHA-256: only KMS makes the codes and checks them.")),
    ]


def is_pair(key: Key) -> bool:
    """A key pair has no primary version: callers name the one they mean."""
    return key.spec in SPECS and SPECS[key.spec].asymmetric


@dataclass(frozen=True, slots=True)
class Call:
    """The example on a key's page. kind: encrypt, sign, public or mac; hash: of hashlib, for the digest to sign."""

    kind: str
    algorithm: str = ""
    hash: str = ""
    version: str = ""


def call_of(key: Key, versions: Sequence[KeyVersion]) -> Call | None:
    """A call this key answers, under its newest version; None where it has none yet, or none is known for its spec."""
    spec = SPECS.get(key.spec)
    if spec is None or spec.symmetric:
        return Call("encrypt")
    if key.usage == GENERATE_VERIFY_MAC:
        return Call("mac", spec.name)
    if not versions:
        return None
    if key.usage == SIGN_VERIFY:
        way = next((one for one in SIGNINGS.values() if signing_for(spec, one.name)), None)
        return Call("sign", way.name, way.hash or "sha256", versions[0].pk) if way else None
    name = next((name for name in ENCRYPTIONS if encryption_for(spec, name)), "")
    return Call("public", name, version=versions[0].pk) if name else None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Automatic rotation. word: Enabled, Disabled or Suspended; every: the interval in words; next_at: only while enabled."""

    word: str
    every: str = ""
    next_at: datetime | None = None


def rotation(key: Key, state: State) -> Rotation:
    if not key.automatic_rotation:
        return Rotation(pgettext("rotation", "Disabled"))
    every = _interval(key.rotation_interval_seconds or 0)
    if state is not State.ENABLED:
        return Rotation(pgettext("rotation", "Suspended"), every)
    return Rotation(pgettext("rotation", "Enabled"), every, key.next_rotation_at)


def _interval(seconds: int) -> str:
    days, hours = seconds // 86_400, seconds // 3_600
    if seconds % 86_400 == 0:
        return ngettext("every %(n)d day", "every %(n)d days", days) % {"n": days}
    if seconds % 3_600 == 0:
        return ngettext("every %(n)d hour", "every %(n)d hours", hours) % {"n": hours}
    return ngettext("every %(n)d second", "every %(n)d seconds", seconds) % {"n": seconds}


def rail(key: Key, state: State) -> list[Step]:
    enabled, disabled = pgettext("state of a key", "Enabled"), pgettext("state of a key", "Disabled")
    pending, destroyed = pgettext("state of a key", "Pending deletion"), pgettext("state of a key", "Destroyed")
    created = Step(pgettext("lifecycle", "Created"), "past", at=key.created_at)
    may_wait = Step(pending, "next", _("7 to 366 days"))
    end = Step(destroyed, "last", pgettext("lifecycle", "final"))
    if state is State.DESTROYED:
        return [created, Step(pending, "past", at=key.deletion_scheduled_at),
                Step(destroyed, "now", at=key.destroyed_at or key.destroyed_from(), tone="mute")]
    if state is State.PENDING_DELETION:
        return [created, Step(enabled, "past"), Step(pending, "now", pgettext("lifecycle", "can be cancelled"), tone="pend"),
                Step(destroyed, "last", at=key.destroyed_from())]
    if key.kind == Key.Kind.SERVICE or (key.edition == Key.Edition.V1 and state is State.ENABLED):
        # What comes next is not decided on these pages.
        return [created, Step(enabled, "now", pgettext("lifecycle", "in use now"))]
    if state is State.UNAVAILABLE:
        since = key.instance.end_at if key.instance else None
        return [created, Step(enabled, "past"), Step(pgettext("state of a key", "Unavailable"), "now", at=since, tone="bad"),
                may_wait, end]
    if state is State.PENDING_IMPORT:
        return [created, Step(_("Waiting for material"), "now"), Step(enabled, "next"), may_wait, end]
    if state is State.DISABLED:
        return [created, Step(enabled, "past"), Step(disabled, "now", pgettext("lifecycle", "reversible"), tone="mute"),
                may_wait, end]
    return [created, Step(enabled, "now", pgettext("lifecycle", "in use now")),
            Step(disabled, "next", pgettext("lifecycle", "reversible")), may_wait, end]


def passed_checks(key: Key, reasons: tuple[Refusal, ...]) -> list[Check]:
    """What does not stand against a deletion, beside the reasons that do."""
    against = {reason.slug for reason in reasons}
    checks = []
    if not against & {"deletion_protection_key", "deletion_protection_instance"}:
        checks.append(Check("pass", _("Deletion protection is off"), _("Neither the key nor its instance is protected.")
                            if key.instance else _("The key is not protected.")))
    if "legacy_read_only" not in against:
        checks.append(Check("pass", _("Managed in 3.0"), _("Not a 1.0 key.")))
    if "service_key" not in against:
        checks.append(Check("pass", _("Not a service key"), _("It belongs to your account.")))
    if not against & {"Forbidden.NoPermission", "denied_by_policy"}:
        checks.append(Check("pass", _("Your role allows it"), _("You may schedule deletions.")))
    return checks


def cares(now: datetime, state: State, aliases: int, facts: Evidence) -> list[Check]:
    """What to think of before a deletion, from what is known of the key; nothing here stops it."""
    checks = [*_stopping(now, state, facts)]
    if facts.ciphertexts:
        checks.append(Check("care", ngettext("It gave out %(n)d ciphertext", "It gave out %(n)d ciphertexts", facts.ciphertexts)
                            % {"n": facts.ciphertexts}, _("What still exists of them can never be decrypted again.")))
    if aliases:
        checks.append(Check("care", ngettext("%(n)d alias points at it", "%(n)d aliases point at it", aliases)
                            % {"n": aliases}, _("Programs that use a name stop as well.")))
    if facts.accounts:
        checks.append(Check("care", _("Other accounts may use it"), ", ".join(facts.accounts)))
    if facts.imported:
        checks.append(Check("care", _("The material was imported"),
                            _("The same material in a new key does not open what this key has encrypted.")))
    return checks


def _stopping(now: datetime, state: State, facts: Evidence) -> Iterator[Check]:
    """Whether it was stopped before, and what failed since."""
    if state is State.ENABLED:
        yield Check("care", _("The key is enabled"), _("Programs may be using it. Disable it first and watch for failures."))
    last = facts.last_used
    if last is not None and now - last.last_at < timedelta(days=RECENT_DAYS):
        yield Check("care", _("Used %(when)s") % {"when": dates.distance(last.last_at, now)}, f"{last.principal} · {last.action}")
    if facts.refused_since:
        count = sum(one.count for one in facts.refused_since)
        yield Check("care", ngettext("%(n)d call failed since it stopped", "%(n)d calls failed since it stopped", count)
                    % {"n": count}, _("Something still needs it: %(who)s")
                    % {"who": ", ".join(sorted({one.principal for one in facts.refused_since}))})
    elif state is State.DISABLED and facts.days_stopped is not None:
        yield Check("pass", ngettext("Disabled for %(n)d day", "Disabled for %(n)d days", facts.days_stopped)
                    % {"n": facts.days_stopped}, _("No call has failed since."))
