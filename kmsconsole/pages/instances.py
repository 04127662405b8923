"""Instance pages. They show keys too, so they stand above both floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import lists, pages
from access.dates import days_between
from access.pages import caller_of, done, page, posted
from base.caller import Caller
from base.refusal import Refusal
from instances import gate, lookup, operations, rules
from instances.forms import TERMS
from instances.models import Instance, WrappingKey
from instances.pages import instance_or_404
from instances.rules import Facts
from instances.states import SHOWN_AFTER_RELEASE
from instances.states import State as InstanceState
from keys import creation, forms, listing, quota, rewrapping, showing, tallies
from keys import lookup as key_lookup
from keys import operations as key_operations
from keys.models import Key, KeyMaterial
from keys.operations.releasing import why_not_release, why_release_waits
from keys.states import State
from kmsconsole.pages.hsm import hsm_of

FEW = 10
SOON_DAYS = 30
NEAR = 0.8
SCALE = 1000
ACTIONS = ("ConnectKmsInstance", "RenewInstance", "SetRenewal", "SetGracePolicy", "UpdateKmsInstance", "ModifyInstance",
           "SetDefaultKmsInstance", "TagKmsInstance")


@dataclass(frozen=True, slots=True)
class Shown:
    """An instance with what its pages say about it. used, keys: key versions that count, and keys; of a large instance they
    are estimates. bar: of SCALE."""

    instance: Instance
    facts: Facts
    used: lists.Count
    keys: lists.Count
    days_left: int

    @property
    def left(self) -> lists.Count:
        return lists.Count(max(0, self.instance.key_quota - self.used.n), about=self.used.about)

    @property
    def bar(self) -> int:
        return min(SCALE, SCALE * self.used.n // max(1, self.instance.key_quota))

    @property
    def near(self) -> bool:
        return self.used.n >= NEAR * self.instance.key_quota

    @property
    def soon(self) -> bool:
        return self.facts.state not in (InstanceState.EXPIRED, InstanceState.RELEASED) and self.days_left <= SOON_DAYS

    @property
    def expired(self) -> bool:
        return self.facts.state is InstanceState.EXPIRED


def shown(caller: Caller, instances: Sequence[Instance]) -> list[Shown]:
    """Four queries for all lines."""
    held = tallies.of(caller.at, instances)
    return [Shown(row, lookup.facts(caller, row), held[row.pk].units, held[row.pk].keys, days_between(caller.at, row.end_at))
            for row in instances]


@require_safe
def instance_list(request: HttpRequest) -> HttpResponse:
    caller, asked = caller_of(request), request.GET
    tab = asked.get("tab", "")
    if tab not in (Instance.Type.HARDWARE, "external"):
        tab = Instance.Type.SOFTWARE
    found = operations.list_kms_instances(caller, page_number=pages.whole_number(asked.get("page", ""), 1),
                                          page_size=pages.page_size(request), type=tab)
    since = caller.at - SHOWN_AFTER_RELEASE
    gone = Instance.objects.of(caller.account).filter(type=tab, released_at__gt=since).order_by("-released_at", "id")
    return page(request, "instances/list.html", tab=tab, found=found, rows=shown(caller, found.items), gone=gone,
                why_not_order=lookup.why_nobody_orders(caller))


@require_safe
def detail(request: HttpRequest, instance_id: str) -> HttpResponse:
    caller, instance = caller_of(request), instance_or_404(request, instance_id, "GetKmsInstance")
    operations.get_kms_instance(caller, instance)
    one = shown(caller, [instance])[0]
    late = one.expired and one.facts.renew_by <= caller.at
    found = key_operations.browse_keys(caller, listing.Asked(instance=instance.pk), size=FEW)
    return page(request, "instances/detail.html", one=one, instance=instance, facts=one.facts, found=found,
                rows=showing.rows(caller, found.items), pending=_pending(caller, instance), term=_term(caller, one),
                renew_days=days_between(caller.at, one.facts.renew_by), why_not_create=_why_not_create(caller, one),
                why_not_switch=_why_not_switch(caller, instance), own=_protected(caller, instance),
                blocked=_blocked(caller, instance), tags=lookup.tags_of(instance), terms=TERMS, late=late,
                waits=why_release_waits(caller, instance) if late and not instance.auto_renewal_months else (),
                access=quota.access_about(instance), hsm=hsm_of(instance), rekeying=_rekeying(instance))


@require_http_methods(["GET", "HEAD", "POST"])
def protection(request: HttpRequest, instance_id: str) -> HttpResponse:
    """The switch for the instance and all its keys. Turned off, it says how many keys become deletable."""
    caller, instance = caller_of(request), instance_or_404(request, instance_id, "SetDeletionProtection")
    name, back = str(instance), reverse("instances:detail", args=[instance.pk])
    names = [name.strip(), instance.pk]
    form = forms.Protection(posted(request), names=names)
    if form.is_valid():
        with form.catching(caller, "SetDeletionProtection"):
            operations.set_deletion_protection(caller, instance, enabled=form.on, description=form.cleaned_data["description"],
                                               revision=form.cleaned_data["revision"])
            return done(request, back, _("Deletion protection is on.") if form.on else _("Deletion protection is off."))
    own = _protected(caller, instance)
    freed = lists.count(_could_be_scheduled(caller, instance).filter(deletion_protection=False))
    return page(request, "instances/protection.html", status=form.status, fragments=("modal",), instance=instance, form=form,
                name=name, back=back, must="\n".join(names), why_not=_why_not_switch(caller, instance), freed=freed, own=own)


@dataclass(frozen=True, slots=True)
class Rekeying:
    """The instance key and how far its rotation is. moved, total: key versions, counted while it goes on; under_way: older ones
    are still there."""

    generation: int
    moved: int
    total: int
    under_way: bool

    @property
    def bar(self) -> int:
        return SCALE * self.moved // max(1, self.total)


def _rekeying(instance: Instance) -> Rekeying | None:
    """None where there is no instance key: before the instance is enabled, and after its release."""
    if not WrappingKey.objects.of(instance.account_id, instance.pk).filter(destroyed_at=None).exists():
        return None
    found = rewrapping.progress(instance.account_id, instance.pk)
    under_way = found.destroyed < found.generation - 1
    total = KeyMaterial.objects.filter(wrapping_key__instance=instance).count() if under_way else 0
    return Rekeying(found.generation, total - found.remaining, total, under_way)


def _blocked(caller: Caller, instance: Instance) -> dict[str, tuple[Refusal, ...]]:
    """action of the page -> the reasons against it."""
    found = {action: gate.reasons(action, caller, instance) for action in ACTIONS}
    action = "RefundInstance" if instance.has_term else "ReleaseKmsInstance"
    # The dialog lets the reader do without a backup, so a missing one does not close the door to it.
    found["Release"] = why_not_release(action, caller, instance, forced=True)
    return {action: reasons for action, reasons in found.items() if reasons}


def _why_not_switch(caller: Caller, instance: Instance) -> tuple[Refusal, ...]:
    return rules.why_not("SetDeletionProtection", lookup.facts(caller, instance, "SetDeletionProtection"))


def _protected(caller: Caller, instance: Instance) -> lists.Count:
    """Keys that have a protection of their own as well."""
    return lists.count(_could_be_scheduled(caller, instance).filter(deletion_protection=True))


def _could_be_scheduled(caller: Caller, instance: Instance) -> QuerySet[Key]:
    return Key.objects.living(caller.at).filter(instance=instance).exclude(state=State.PENDING_DELETION)


def _pending(caller: Caller, instance: Instance) -> lists.Count:
    """Those to come from the index alone; of those whose date has come the few that something holds."""
    rows = Key.objects.filter(instance=instance, state=lists.literal(State.PENDING_DELETION)).order_by()
    ahead = lists.count(rows.filter(delete_at__gt=caller.at))
    held = lists.count(rows.living(caller.at).filter(delete_at__lte=caller.at))
    return lists.Count(min(lists.CAP, ahead.n + held.n), ahead.more or held.more or ahead.n + held.n > lists.CAP)


def _why_not_create(caller: Caller, one: Shown) -> tuple[Refusal, ...]:
    home = creation.Home(one.facts, one.used.n, one.instance.key_quota)
    return creation.why_not_create(creation.Proposal(), home, key_lookup.why_nobody_creates(caller))


def _term(caller: Caller, one: Shown) -> dict[str, int]:
    """Of SCALE: what has passed, where the end is, and the days after it in which it can still be renewed."""
    start, end, last = one.instance.started_at, one.instance.end_at, one.facts.renew_by
    whole = (last - start).total_seconds()
    passed = min(SCALE, max(0, round(SCALE * (caller.at - start).total_seconds() / whole)))
    stop = round(SCALE * (end - start).total_seconds() / whole)
    return {"passed": min(passed, stop), "end": stop, "late": max(0, passed - stop), "rest": SCALE - stop}
