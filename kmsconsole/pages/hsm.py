"""HSM clusters: which there are, how their members are, and how an instance is connected to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.pages import ActionForm, caller_of, done, found_or_404, page, posted, refused_page
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refused
from crypto.hsm.troubles import Trouble
from instances import hsm_opening, hsm_operations
from instances.hsm_models import ClusterState, HsmCluster, HsmMember, HsmObject, MemberState, ObjectState
from instances.models import Instance
from instances.pages import instance_or_404
from keys.models import Key
from keys.states import HSM_ENCRYPTED_DATABASE, State
from kmsconsole import hsm_words


@dataclass(frozen=True, slots=True)
class MemberShown:
    """sessions: (in use, open) of the process that shows the page."""

    row: HsmMember
    sessions: tuple[int, int]

    @property
    def label(self) -> Any:
        return hsm_words.MEMBER[self.row.state]

    @property
    def trouble(self) -> tuple[Any, Any] | None:
        return hsm_words.TROUBLES.get(self.row.trouble)


@dataclass(frozen=True, slots=True)
class Shown:
    """A cluster with what its pages say of it. inside, waiting: keys in the tokens that are kept, and that are to go; left: of
    both, with the storage key."""

    cluster: HsmCluster
    members: list[MemberShown]
    inside: int
    waiting: int
    left: int
    in_database: int

    @property
    def state(self) -> ClusterState:
        return hsm_words.state_of(member.row for member in self.members)

    @property
    def label(self) -> Any:
        return hsm_words.CLUSTER[self.state]

    @property
    def failing(self) -> list[MemberShown]:
        return [member for member in self.members if member.trouble]

    @property
    def pin_refused(self) -> bool:
        return any(member.row.trouble in (Trouble.PIN, Trouble.LOCKED) for member in self.members)

    @property
    def failing_since(self) -> datetime | None:
        return min((member.row.failing_since for member in self.failing if member.row.failing_since), default=None)


def shown(cluster: HsmCluster) -> Shown:
    sessions = {member.place.serial: member.sessions for member in hsm_opening.opened(cluster).members}
    members = [MemberShown(row, sessions.get(row.serial, (0, 0))) for row in hsm_operations.members_of(cluster)]
    mine = HsmObject.objects.filter(cluster=cluster)
    counts = dict(mine.exclude(version_id="").order_by().values_list("state").annotate(n=Count("pk")))
    in_database = Key.objects.filter(instance=cluster.instance, storage_mechanism=HSM_ENCRYPTED_DATABASE) if cluster.instance \
        else Key.objects.none()
    return Shown(cluster, members, counts.get(ObjectState.KEPT, 0), counts.get(ObjectState.DOOMED, 0),
                 mine.count(), in_database.exclude(state=State.DESTROYED).count())


def hsm_of(instance: Instance) -> Shown | None:
    """What the page of an instance shows of its cluster."""
    if instance.type != Instance.Type.HARDWARE:
        return None
    cluster = HsmCluster.objects.select_related("instance").filter(instance=instance).first()
    return shown(cluster) if cluster else None


def _clusters(caller: Caller) -> QuerySet[HsmCluster]:
    return HsmCluster.objects.filter(account_id=caller.account).select_related("instance").order_by("name", "pk")


def failing(caller: Caller) -> list[Shown]:
    """Clusters that need somebody: one query where every member answers."""
    away = HsmMember.objects.filter(cluster__account_id=caller.account, state=MemberState.AWAY).values("cluster")
    return [shown(cluster) for cluster in _clusters(caller).filter(pk__in=away)]


def _permit(caller: Caller, action: str) -> None:
    if denied := why_not_permitted(caller, action):
        raise Refused(*denied)


@require_safe
def cluster_list(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    try:
        _permit(caller, "ListHsmClusters")
    except Refused as refused:
        recording.refusal(caller, "ListHsmClusters", None, refused)
        return refused_page(request, refused.refusals)
    recording.record(caller, "ListHsmClusters")
    return page(request, "hsm/list.html", rows=[shown(cluster) for cluster in _clusters(caller)])


def _cluster_or_404(request: HttpRequest, cluster_id: str, action: str) -> HsmCluster:
    return found_or_404(request, lambda caller: hsm_operations.cluster_named(caller, cluster_id), action)


@require_safe
def detail(request: HttpRequest, cluster_id: str) -> HttpResponse:
    caller, cluster = caller_of(request), _cluster_or_404(request, cluster_id, "DescribeHsmCluster")
    try:
        _permit(caller, "DescribeHsmCluster")
    except Refused as refused:
        recording.refusal(caller, "DescribeHsmCluster", cluster, refused)
        return refused_page(request, refused.refusals)
    recording.record(caller, "DescribeHsmCluster", cluster)
    return page(request, "hsm/detail.html", one=shown(cluster), cluster=cluster, checks=hsm_words.told(cluster.checks),
                why_not_check=why_not_permitted(caller, "CheckHsmCluster"))


@require_POST
def check(request: HttpRequest, cluster_id: str) -> HttpResponse:
    caller, cluster = caller_of(request), _cluster_or_404(request, cluster_id, "CheckHsmCluster")
    try:
        failed = [one for one in hsm_operations.check_hsm_cluster(caller, cluster, pin="pin" in request.POST) if not one.passed]
    except Refused as refused:
        return refused_page(request, refused.refusals)
    toast = _("A check did not pass.") if failed else _("Every check passed.")
    return done(request, reverse("hsm:detail", args=[cluster.pk]), toast)


class Connecting(ActionForm):
    """Names the cluster; `test` only tries it out."""

    cluster = forms.CharField(max_length=64)
    test = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, instance_id: str) -> HttpResponse:
    """Choose a cluster, see each check with its result, then connect. All of it works again after a disconnection."""
    caller, instance = caller_of(request), instance_or_404(request, instance_id, "ConnectKmsInstance")
    clusters = list(_clusters(caller).filter(instance=None)) + list(_clusters(caller).filter(instance=instance))
    form, checks, chosen = Connecting(posted(request)), None, clusters[0] if len(clusters) == 1 else None
    if form.is_valid():
        with form.catching(caller, "ConnectKmsInstance"):
            chosen = hsm_operations.cluster_named(caller, form.cleaned_data["cluster"])
            if form.cleaned_data["test"]:
                hsm_operations.check_hsm_cluster(caller, chosen, pin=True)
                checks = hsm_words.told(chosen.checks)
            else:
                hsm_operations.connect_hardware_instance(caller, instance, cluster=chosen)
                return done(request, reverse("instances:detail", args=[instance.pk]), _("The instance is connected to its HSM."))
    against = hsm_operations.why_not_connect(caller, instance, chosen or clusters[0]) if clusters else ()
    return page(request, "hsm/connect.html", status=form.status, instance=instance, clusters=clusters, chosen=chosen, form=form,
                checks=checks, why_not=against, back=reverse("instances:detail", args=[instance.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
def disconnect(request: HttpRequest, instance_id: str) -> HttpResponse:
    caller, instance = caller_of(request), instance_or_404(request, instance_id, "DisconnectKmsInstance")
    form, back = ActionForm(posted(request)), reverse("instances:detail", args=[instance.pk])
    if form.is_valid():
        with form.catching(caller, "DisconnectKmsInstance"):
            hsm_operations.disconnect_hardware_instance(caller, instance)
            return done(request, back, _("The instance is disconnected; its keys are unavailable."))
    living = Key.objects.living(caller.at).filter(instance=instance).count()
    return page(request, "hsm/disconnect.html", status=form.status, fragments=("modal",), instance=instance, form=form, back=back,
                living=living, why_not=hsm_operations.why_not_disconnect(caller, instance))
