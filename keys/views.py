"""Key pages that read, and the one that creates."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import pages
from access.pages import caller_of, done, page, posted
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refused
from crypto.specs import SPECS, USAGES
from instances import lookup as instance_lookup
from instances.models import Instance
from keys import creation, forms, lookup, operations, showing
from keys.aliasing import PREFIX
from keys.models import Alias, Key
from keys.quota import home_of
from keys.states import State

MINE = Q(kind=Key.Kind.CUSTOMER, edition=Key.Edition.V3)
SHOWN_STATES = (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT, State.UNAVAILABLE)
ALL_ALIASES = 100


def key_or_404(request: HttpRequest, key_id: str, action: str) -> Key:
    """By id only: an alias would be a second address of the same page. Whoever asks for a key that is not there is
    noted, as at the API; showing the page of `action` is no try of it."""
    caller = caller_of(request)
    try:
        return lookup.key_for_id(caller, key_id)
    except Refused as refused:
        recording.refusal(caller, action if request.method == "POST" else "DescribeKey", None, refused)
        raise Http404 from refused


def searched(caller: Caller, text: str) -> Q:
    """Keys whose id or one of whose aliases begins with `text`; an ARN or a prefixed alias is fine too."""
    text = text.strip().rsplit(":", 1)[-1].removeprefix("key/").removeprefix(PREFIX)
    if not text:
        return Q()
    named = Alias.objects.filter(account_id=caller.account, name__istartswith=PREFIX + text)
    return Q(pk__istartswith=text) | Q(pk__in=named.values("key"))


@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    caller, asked = caller_of(request), request.GET
    tab = "default" if asked.get("tab") == "default" else "customer"
    home, state, text = asked.get("instance", ""), asked.get("state", ""), asked.get("q", "")[:300]
    filters = {"DKMSInstanceId": [home] if home else [], "KeyState": [state] if state in SHOWN_STATES else []}
    among = (MINE if tab == "customer" else ~MINE) & searched(caller, text)
    found = operations.list_keys(caller, filters=filters, page_number=pages.whole_number(asked.get("page", ""), 1),
                                 page_size=pages.page_size(request), among=among)
    return page(request, "keys/list.html", fragments=("list",), tab=tab, found=found, rows=showing.rows(caller, found.items),
                groups=_groups(caller, found.items) if tab == "default" else [], text=text, state=state, home=home,
                instances=Instance.objects.of(caller.account).filter(released_at=None), states=SHOWN_STATES,
                filtered=bool(home or text or filters["KeyState"]), offer=_offer(caller, tab, text, filters["KeyState"]),
                why_not_create=why_not_permitted(caller, "CreateKey"))


def _offer(caller: Caller, tab: str, text: str, states: list[str]) -> bool:
    """The row of the default key is always there: while there is no key in it, it offers one."""
    return tab == "default" and not text and not states and not home_of(caller, None).has_default_key


def _groups(caller: Caller, keys: list[Key]) -> list[dict[str, Any]]:
    """The tab Default Keys: the default key, keys of services, keys of 1.0."""
    rows = showing.rows(caller, keys)
    old = [row for row in rows if row.key.edition == Key.Edition.V1]
    service = [row for row in rows if row.key.kind == Key.Kind.SERVICE and row not in old]
    return [
        {"kind": "default", "rows": [row for row in rows if row not in old and row not in service]},
        {"kind": "service", "rows": service},
        {"kind": "old", "rows": old},
    ]


@require_safe
def detail(request: HttpRequest, key_id: str) -> HttpResponse:
    caller = caller_of(request)
    try:
        key = lookup.key_for_id(caller, key_id)
    except Refused as refused:
        recording.refusal(caller, "DescribeKey", refused.target, refused)
        return _tombstone(request, refused)
    view = operations.describe_key(caller, key)
    aliases = [alias.name for alias in operations.list_aliases_by_key_id(caller, key, page_size=ALL_ALIASES).items]
    versions = operations.list_key_versions(caller, key, page_size=ALL_ALIASES).items
    blocked = showing.blocked(caller, key, showing.PAGE_ACTIONS)
    against = blocked.get("ScheduleKeyDeletion", ())
    return page(
        request, "keys/detail.html", view=view, key=key, state=view.state, name=showing.name_of(key, aliases), aliases=aliases,
        versions=versions, blocked=blocked, rail=showing.rail(key, view.state), against=against,
        passed=showing.passed_checks(key, against), cares=showing.cares(view.state, len(aliases)),
        home=instance_lookup.facts(caller, key.instance) if key.instance else None,
        called=aliases[0] if aliases else key.pk, call=showing.call_of(key, versions), rotation=showing.rotation(key, view.state),
        pair=showing.is_pair(key),
        old_sdk=request.GET.get("sdk") == "old",
        host=request.get_host().rsplit(":", 1)[0], api_port=settings.KMS_API_PORT, region=settings.KMS_REGION)


def _tombstone(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A destroyed key keeps its page: dates and who. Any other refusal means there is nothing to show."""
    if refused.first.slug != "key_destroyed":
        raise Http404 from refused
    key = Key.objects.of(caller_of(request).account).select_related("instance").get(pk=refused.first.facts["key"])
    return page(request, "keys/tombstone.html", key=key, rail=showing.rail(key, State.DESTROYED),
                destroyed_at=key.destroyed_at or key.destroyed_from())


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    homes = list(Instance.objects.of(caller.account).filter(released_at=None))
    wanted = request.GET.get("instance", "")
    preset = next((home.pk for home in homes if home.pk == wanted), next((home.pk for home in homes if home.is_default), ""))
    form = forms.CreateKey(posted(request), initial={"instance": preset})
    if form.is_valid():
        with form.catching(caller, "CreateKey"):
            home = instance_lookup.instance_for(caller, form.cleaned_data["instance"])
            key = operations.create_key(caller, instance=home, description=form.cleaned_data["description"],
                                        spec=form.cleaned_data["spec"], usage=form.cleaned_data["usage"],
                                        key_storage_mechanism=form.cleaned_data["storage"] if _is_hardware(home) else "")
            return done(request, reverse("keys:detail", args=[key.pk]), _("Created."))
    choices = [{"instance": home, "facts": (facts := home_of(caller, home)), "left": max(0, facts.quota - facts.used),
                "reasons": creation.why_not_create(creation.Proposal(), facts)} for home in homes]
    return page(request, "keys/new.html", status=form.status, form=form, choices=choices,
                chosen=form["instance"].value() or preset, why_not=why_not_permitted(caller, "CreateKey"),
                kind=form["kind"].value() or ("other" if form["spec"].value() else "encrypt"), kinds=showing.kinds(),
                specs=SPECS.values(), usages=USAGES, hardware=any(_is_hardware(home) for home in homes))


def _is_hardware(home: Instance) -> bool:
    return bool(home.type == Instance.Type.HARDWARE)
