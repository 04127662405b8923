"""Which events people outside hear of, and in which words. To tell of one more, add a line to NOTICES."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext

from audit import outbox
from audit.models import Event
from audit.undelivered import Undelivered
from base import clock
from kmsconsole import addresses


def _done(event: Event) -> bool:
    return event.outcome == "ok"


def _not_done(event: Event) -> bool:
    return event.outcome != "ok"


def _broke(event: Event) -> bool:
    """Not what was refused because somebody may not, or was faster."""
    return event.outcome in ("ServiceUnavailableTemporary", "InternalFailure")


def _not_passed(event: Event) -> bool:
    return _broke(event) or _facts(event).get("passed") is False or bool(_facts(event).get("failed"))


@dataclass(frozen=True, slots=True)
class Notice:
    """title: a line for people; when: which of the action's events count."""

    title: str | Promise
    when: Callable[[Event], bool] = _done


NOTICES: dict[str, Notice] = {
    # instances
    "RemindExpiry": Notice(gettext_lazy("An instance expires soon")),
    "ExpireInstance": Notice(gettext_lazy("An instance has expired")),
    "RenewInstance": Notice(gettext_lazy("An instance was renewed")),
    "ReleaseDelayed": Notice(gettext_lazy("The release of an instance is delayed")),
    "ReleaseExpiredInstance": Notice(gettext_lazy("An instance was released")),
    "ReleaseKmsInstance": Notice(gettext_lazy("An instance was released")),
    "RefundInstance": Notice(gettext_lazy("An instance was released")),
    # keys
    "ScheduleKeyDeletion": Notice(gettext_lazy("A key is scheduled for deletion")),
    "CancelKeyDeletion": Notice(gettext_lazy("The deletion of a key was cancelled")),
    "DestroyKey": Notice(gettext_lazy("A key was destroyed")),
    "ExpireKeyMaterial": Notice(gettext_lazy("Imported key material has expired")),
    "RotateKey": Notice(gettext_lazy("A key could not be rotated"), _not_done),
    # what keeps them safe
    "CheckHsmCluster": Notice(gettext_lazy("A check of an HSM cluster failed"), _not_passed),
    "RunBackup": Notice(gettext_lazy("A backup failed"), _broke),
    "FailBackup": Notice(gettext_lazy("A backup failed")),  # its process died
    "RunDrill": Notice(gettext_lazy("A restore drill failed"), _not_passed),
    "RotateRootKey": Notice(gettext_lazy("The root key was rotated")),
    "ExportRootKey": Notice(gettext_lazy("The root key was exported as shares")),
    "RestoreRootKey": Notice(gettext_lazy("The root key was restored from shares")),
}


def senders() -> dict[str, outbox.Sender]:
    """The channels that are set up."""
    found: dict[str, outbox.Sender] = {}
    post, hook = settings.KMS_MAIL, settings.KMS_WEBHOOK
    if post is not None:
        found["mail"] = lambda event: post.send(str(event.pk), *mail(event))
    if hook is not None:
        found["webhook"] = lambda event: hook.post(str(event.pk), int(clock.real_now().timestamp()), content(event))
    return found


def send(now: datetime) -> int:
    """The sweep: queues what is new and sends what is due; returns how many were delivered."""
    channels = senders()
    outbox.queue(now, lambda event: NOTICES[event.action].when(event), NOTICES, channels)
    outbox.forget(now)
    return outbox.deliver(now, channels)


def _facts(event: Event) -> Mapping[str, Any]:
    found = json.loads(event.detail)
    return found if isinstance(found, dict) else {}


def content(event: Event) -> dict[str, Any]:
    """What a webhook says: the event without address and AccessKey."""
    return {"id": event.pk, "type": event.action, "at": clock.iso(event.at), "region": settings.KMS_REGION,
            "account": event.account, "principal": event.principal, "object_kind": event.object_kind,
            "object_id": event.object_id, "outcome": event.outcome, "detail": _facts(event), "request_id": event.request_id}


def mail(event: Event) -> tuple[str, str]:
    """(subject, text) in the language of the setting."""
    with translation.override(settings.KMS_MAIL_LANGUAGE):
        title = str(NOTICES[event.action].title) if event.action in NOTICES else event.action
        rows = [
            (pgettext("mail", "When"), clock.iso(event.at)), (pgettext("mail", "Who"), event.principal),
            (pgettext("mail", "Account"), event.account),
            (pgettext("mail", "Object"), f"{event.object_kind} {event.object_id}".strip()),
            (pgettext("mail", "Operation"), event.action), (pgettext("mail", "Result"), event.outcome),
            (pgettext("mail", "Region"), settings.KMS_REGION),
            *((name, _shown(value)) for name, value in sorted(_facts(event).items()))]
        lines = [title, "", *(f"{name}: {value}" for name, value in rows if value), "", _page_of(event)]
    return f"[KMS] {title}: {event.object_id}", "\n".join(lines).rstrip() + "\n"


def _shown(value: Any) -> str:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(letter if letter.isprintable() else " " for letter in shown)[:1000]


def _page_of(event: Event) -> str:
    folder = {"key": "keys", "instance": "instances"}.get(event.object_kind)
    return f"{addresses.console()}{folder}/{event.object_id}/" if folder and event.object_id else ""


def try_out(at: datetime, channels: Iterable[str]) -> dict[str, str]:
    """Sends an invented event through each channel now; "" or what went wrong."""
    invented = Event(pk=0, at=at, principal="system/operator", door="shell", action="TestNotifications", outcome="ok")
    found = {}
    for name in channels:
        try:
            senders()[name](invented)
            found[name] = ""
        except Undelivered as failure:
            found[name] = str(failure)
    return found
