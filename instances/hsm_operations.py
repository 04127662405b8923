"""HSM clusters: registered by the operator of the machine, checked, and connected to hardware instances. The vendor's API has no
call for any of it: an instance is connected on its page or by a command."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from access.models import Account
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.errors import Unavailable
from crypto.hsm.configuration import Place
from crypto.hsm.steps import Check
from crypto.hsm.troubles import Lost, Trouble
from crypto.registry import HSM
from instances import hsm_opening, hsm_rules, lookup, opening, states
from instances.hsm_models import HsmCluster, HsmMember, HsmObject, MemberState, ObjectState
from instances.models import Instance

if TYPE_CHECKING:
    from crypto.hsm.cluster import Cluster

CHECK_EVERY = timedelta(minutes=5)
# Looking after a broken member more often would only make its log longer; uses try it by themselves.
CHECK_BROKEN_EVERY = timedelta(minutes=1)


def cluster_named(caller: Caller, name: str) -> HsmCluster:
    """By id, of the caller's account. The same refusal for "absent" and "not yours"."""
    cluster = HsmCluster.objects.select_related("instance").filter(account_id=caller.account, pk=name).first()
    if cluster is None:
        raise Refused(Refusal("Forbidden.ResourceNotFound", {"cluster": name[:64]}, reason="hsm_not_found", who="user"))
    return cluster


def members_of(cluster: HsmCluster) -> list[HsmMember]:
    return list(HsmMember.objects.filter(cluster=cluster).order_by("position"))


@recording.operation("RegisterHsmCluster")
def register_hsm_cluster(caller: Caller, account: Account, *, name: str, module: str, tokens: Sequence[str], replication: str,
                         pin_source: str) -> HsmCluster:
    """tokens: labels or serials. Every check must pass; then the cluster key is made, which proves that what is made on one
    member comes to the others, and by which a token is known as a member from then on."""
    reasons = [*why_not_permitted(caller, "RegisterHsmCluster"), *hsm_rules.why_not_register(
        name, HsmCluster.objects.filter(account=account, name=name).exists(), tokens, replication, pin_source)]
    if reasons:
        raise Refused(*reasons)
    try:
        places = tuple(_place(module, token) for token in tokens)
        cluster_id = ids.hsm_id(caller.at)
        cluster = hsm_opening.cluster_for(hsm_opening.configuration(cluster_id, places, pin_source, replication))
        _passed(hsm_opening.examined(cluster, stranger=True))
        cluster.found()
    except Lost as lost:
        raise Refused(hsm_rules.check_failed("", str(lost.trouble), lost.detail)) from None
    checks = hsm_opening.examined(cluster)
    with transaction.atomic():
        made = HsmCluster.objects.create(id=cluster_id, account=account, name=name, replication=replication,
                                         pin_source=pin_source, created_at=caller.at)
        HsmMember.objects.bulk_create(
            HsmMember(cluster=made, position=position, module=place.module, serial=place.serial, label=place.label,
                      module_sha256=_sha256(place.module)) for position, place in enumerate(places))
        _note(caller, made, cluster, checks)
        recording.record(caller, "RegisterHsmCluster", made, members=[place.label for place in places], replication=replication)
    return made


def _place(module: str, token: str) -> Place:
    """Raises Lost, Refused."""
    found = [place for place in hsm_opening.shown_tokens(module) if token in (place.label, place.serial)]
    if len(found) > 1:
        raise Refused(Refusal("InvalidParameter", {"name": "Token", "value": token[:64]}, reason="hsm_label_twice", who="user"))
    if not found:
        raise Refused(hsm_rules.check_failed(token, str(Trouble.TOKEN), ""))
    return found[0]


def _sha256(path: str) -> str:
    """Of the library's file, so that another one under the same name shows."""
    with contextlib.suppress(OSError):
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return ""


def _passed(checks: Sequence[Check]) -> None:
    """Raises Refused with every check that did not pass."""
    if failed := [hsm_rules.check_failed(check.member, check.trouble, check.detail) for check in checks if not check.passed]:
        raise Refused(*failed)


@recording.operation("CheckHsmCluster")
def check_hsm_cluster(caller: Caller, cluster: HsmCluster, *, pin: bool = False) -> list[Check]:
    """Tries out everything now, and notes what came of it. pin: a PIN that was refused may be tried once more."""
    if denied := why_not_permitted(caller, "CheckHsmCluster"):
        raise Refused(*denied)
    opened, checks = _examined(cluster, pin=pin)
    with transaction.atomic():
        _note(caller, cluster, opened, checks)
        recording.record(caller, "CheckHsmCluster", cluster, failed=_failed(checks))
    return checks


def look_after(caller: Caller, cluster: HsmCluster) -> list[Check]:
    """The clock's check: an event only where the outcome is another one than last time."""
    opened, checks = _examined(cluster)
    before = [Check(**check) for check in cluster.checks]
    with transaction.atomic():
        _note(caller, cluster, opened, checks)
        if _failed(checks) != _failed(before):
            recording.record(caller, "CheckHsmCluster", cluster, failed=_failed(checks))
    return checks


def _examined(cluster: HsmCluster, *, pin: bool = False) -> tuple[Cluster, list[Check]]:
    opened = hsm_opening.opened(cluster)
    checks = hsm_opening.examined(opened, pin=pin)
    if all(check.passed for check in checks):
        kept = HsmObject.objects.filter(cluster=cluster, state=ObjectState.KEPT)
        checks += hsm_opening.complete(opened, set(kept.values_list("name", flat=True)))
    return opened, checks


def _failed(checks: Sequence[Check]) -> list[str]:
    return [f"{check.member} {check.step}: {check.trouble}" for check in checks if not check.passed]


def _note(caller: Caller, cluster: HsmCluster, opened: Cluster, checks: Sequence[Check]) -> None:
    sessions = {member.place.label: member.sessions[1] for member in opened.members}
    for row in members_of(cluster):
        failed = next((check for check in checks if check.member == row.label and not check.passed), None)
        row.state = MemberState.AWAY if failed else MemberState.ANSWERS
        row.trouble, row.detail = (failed.trouble, failed.detail[:128]) if failed else ("", "")
        row.failing_since = (row.failing_since or caller.at) if failed else None
        row.checked_at, row.sessions = caller.at, sessions.get(row.label, 0)
        row.save()
    sound = all(check.passed for check in checks)
    with contextlib.suppress(Unavailable):  # what was known of the members stays known while one is away
        cluster.specs = list(opened.specs())
    HsmCluster.objects.filter(pk=cluster.pk).update(
        specs=cluster.specs, checks=[asdict(check) for check in checks], checked_at=caller.at,
        next_check_at=caller.at + (CHECK_EVERY if sound else CHECK_BROKEN_EVERY))
    cluster.refresh_from_db(fields=["checks", "checked_at", "next_check_at"])


@recording.operation("ConnectKmsInstance")
def connect_hardware_instance(caller: Caller, instance: Instance, *, cluster: HsmCluster) -> Instance:
    """Enables a hardware instance with `cluster`, or connects it again after it was disconnected. Bound as long as the
    instance lives.

    1. Every check passes. 2. The storage key of the instance is noted, and made in the tokens. 3. Instance key, binding and
    status are written together. A crash in between leaves a note of a storage key that the next try, or a sweep, takes up.
    """
    if reasons := why_not_connect(caller, instance, cluster):
        raise Refused(*reasons)
    opened = hsm_opening.opened(cluster)
    _passed(hsm_opening.examined(opened, pin=True))
    first = instance.status == states.Status.UNINITIALIZED
    if first:
        HsmObject.objects.update_or_create(cluster=cluster, name=instance.pk,
                                           defaults={"state": ObjectState.WANTED, "since": caller.at, "next_try_at": None})
        try:
            opened.add_storage_key(instance.pk.encode())
        except Unavailable:
            raise Refused(Refusal("ServiceUnavailableTemporary", {"cluster": cluster.name}, reason="hsm_all_members_needed",
                                  who="operator")) from None
    with transaction.atomic():
        if first:
            opening.make_wrapping_key(caller, instance.account, instance, provider=HSM)
            wanted = HsmObject.objects.filter(cluster=cluster, name=instance.pk, state=ObjectState.WANTED)
            if not wanted.update(state=ObjectState.KEPT):
                raise Refused(Refusal("ServiceUnavailableTemporary", {"instance": instance.pk}, reason="hsm_too_slow",
                                      who="operator"))
            cluster.move(instance=instance)
        default = instance.is_default or lookup.default_instance(instance.account_id) is None
        instance.move(status=states.Status.CONNECTED, is_default=default)
        recording.record(caller, "ConnectKmsInstance", instance, cluster=cluster.pk, default=default)
    return instance


def why_not_connect(caller: Caller, instance: Instance, cluster: HsmCluster) -> tuple[Refusal, ...]:
    return hsm_rules.why_not_connect(lookup.facts(caller, instance, "ConnectKmsInstance"),
                                     hardware=instance.type == Instance.Type.HARDWARE, cluster=cluster.name,
                                     bound_to=cluster.instance_id or "")


@recording.operation("DisconnectKmsInstance")
def disconnect_hardware_instance(caller: Caller, instance: Instance) -> Instance:
    """The instance's keys are unavailable from now on, until it is connected again. Nothing in the tokens changes."""
    if reasons := why_not_disconnect(caller, instance):
        raise Refused(*reasons)
    with transaction.atomic():
        instance.move(status=states.Status.DISCONNECTED)
        recording.record(caller, "DisconnectKmsInstance", instance)
    return instance


def why_not_disconnect(caller: Caller, instance: Instance) -> tuple[Refusal, ...]:
    return hsm_rules.why_not_disconnect(lookup.facts(caller, instance, "DisconnectKmsInstance"),
                                        hardware=instance.type == Instance.Type.HARDWARE)
