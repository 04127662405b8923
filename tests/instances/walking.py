"""One instance on one day, asked by every door. Everything that is tried is undone again; only the clock's work stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import reverse

from api.calls import CALLS
from audit.models import Event
from base import clock
from base.refusal import Refused
from instances.models import Instance
from keys import operations as keys
from keys.models import Key, KeyVersion
from kmsconsole.schedule import SWEEPS
from tests.keys.calls import DIGEST, ECDSA, TEXT
from tests.make import Person
from tests.rows import OK

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NOTHING = "–"
OF_KEYS = ("DescribeKey", "Encrypt", "Decrypt", "Sign", "Verify", "EnableKey", "ScheduleKeyDeletion")


class _Undone(Exception):
    pass


def tried(call: Callable[[], object]) -> str:
    """``ok`` or the code of the refusal, without what it changed."""
    code = OK
    with suppress(_Undone), transaction.atomic():
        try:
            with transaction.atomic():
                call()
        except Refused as refused:
            code = refused.first.code
        raise _Undone
    return code


def short(code: str) -> str:
    return code.rpartition(".")[2]


class Walk:
    """A key to encrypt, one to sign and what they made while the instance served."""

    def __init__(self, alice: Person, client: Client, monkeypatch: Any, home: Instance) -> None:
        self.alice, self.client, self.monkeypatch, self.home = alice, client, monkeypatch, home
        self.key: Key | None = None

    def make_keys(self, at: datetime) -> None:
        caller = self.alice(at=at)
        self.key, self.signer = keys.create_key(caller, instance=self.home), keys.create_key(
            caller, instance=self.home, spec="EC_P256", usage="SIGN/VERIFY")
        self.version = KeyVersion.objects.get(key=self.signer).pk
        self.blob = keys.encrypt(caller, self.key, plaintext=TEXT).ciphertext_blob
        self.value = keys.asymmetric_sign(caller, self.signer, key_version_id=self.version, algorithm=ECDSA, digest=DIGEST).value

    def api(self, at: datetime, operation: str, **given: str) -> str:
        """By the table of the API: names are looked up as for a request."""
        return tried(lambda: CALLS[operation].perform(self.alice(at=at), given))

    def row(self, at: datetime) -> dict[str, str]:
        """What each door says at this instant, before the clock has done anything for it."""
        home = Instance.objects.get(pk=self.home.pk)
        cells = {"instance": str(home.state_at(at)), **dict.fromkeys(OF_KEYS, NOTHING)}
        if self.key is not None:
            pair = {"KeyId": self.signer.pk, "KeyVersionId": self.version, "Algorithm": ECDSA, "Digest": DIGEST}
            cells |= {
                "DescribeKey": self.api(at, "DescribeKey", KeyId=self.key.pk),
                "Encrypt": self.api(at, "Encrypt", KeyId=self.key.pk, Plaintext=TEXT),
                "Decrypt": self.api(at, "Decrypt", CiphertextBlob=self.blob),
                "Sign": self.api(at, "AsymmetricSign", **pair),
                "Verify": self.api(at, "AsymmetricVerify", **pair, Value=self.value),
                "EnableKey": self.api(at, "EnableKey", KeyId=self.key.pk),
                "ScheduleKeyDeletion": self.api(at, "ScheduleKeyDeletion", KeyId=self.key.pk, PendingWindowInDays="7"),
            }
        cells |= {
            "CreateKey": self.api(at, "CreateKey", DKMSInstanceId=self.home.pk),
            "RenewInstance": self.api(at, "RenewInstance", KmsInstanceId=self.home.pk, RenewPeriod="1"),
            "ReleaseKmsInstance": self.api(at, "ReleaseKmsInstance", KmsInstanceId=self.home.pk),
            "RefundInstance": self.api(at, "RefundInstance", KmsInstanceId=self.home.pk),
        }
        self.same_by_console(at, cells)
        return cells

    def same_by_console(self, at: datetime, cells: dict[str, str]) -> None:
        """The page of each action answers what the API does; a page of what is not there is 404."""
        self.monkeypatch.setattr(clock, "now", lambda: at)
        name = {"confirm": self.home.pk}
        pages: dict[str, tuple[str, dict[str, str]]] = {
            "CreateKey": (reverse("keys:new"), {"instance": self.home.pk}),
            "RenewInstance": (reverse("instances:renew", args=[self.home.pk]), {"months": "1"}),
            "RefundInstance": (reverse("instances:release", args=[self.home.pk]), name),
        }
        if self.key is not None:
            pages["EnableKey"] = (reverse("keys:enable", args=[self.key.pk]), {})
            pages["ScheduleKeyDeletion"] = (reverse("keys:schedule_deletion", args=[self.key.pk]),
                                            {"days": "7", "confirm": self.key.pk})
        for action, (url, fields) in pages.items():
            expected = "404" if cells[action].endswith("NotFound") and action != "CreateKey" else cells[action]
            assert self.posted(url, fields) == expected, (at, action)
        shown = self.client.get(reverse("instances:detail", args=[self.home.pk])).status_code
        assert shown == (404 if cells["RenewInstance"].endswith("NotFound") else 200)
        self.monkeypatch.undo()

    def posted(self, url: str, fields: dict[str, str]) -> str:
        said = ""
        with suppress(_Undone), transaction.atomic():
            answer = self.client.post(url, fields)
            if answer.status_code in (303, 404):
                said = OK if answer.status_code == 303 else "404"
            else:
                said = answer.context["form"].refusals[0].code
            raise _Undone
        return said

    def clock(self, at: datetime) -> str:
        """Runs every sweep and tells which events they wrote."""
        before = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
        for sweep in SWEEPS.values():
            sweep(at)
        found = Counter(Event.objects.filter(id__gt=before, door="clock").order_by("id").values_list("action", flat=True))
        return ", ".join(action if count == 1 else f"{action} ×{count}" for action, count in found.items()) or NOTHING


