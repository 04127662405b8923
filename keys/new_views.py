"""The page that creates a key, in one step: everything CreateKey takes, an alias, and the call itself to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access import lists
from access.pages import caller_of, done, page, posted
from access.rules import why_not_permitted
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.specs import SPECS, USAGES
from instances import lookup as instance_lookup
from instances.models import Instance
from keys import aliasing, creation, forms, key_policies, lookup, operations, showing, tallies
from keys.key_pages import key_url
from keys.models import Alias, Key
from keys.quota import home_of


@dataclass(frozen=True, slots=True)
class Shown:
    """The API calls of a filled form: (name, parameters), and what speaks against them now."""

    calls: list[tuple[str, list[tuple[str, str]]]]
    reasons: tuple[Refusal, ...]


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    homes = list(Instance.objects.of(caller.account).filter(released_at=None))
    wanted = request.GET.get("instance", "")
    preset = next((home.pk for home in homes if home.pk == wanted), next((home.pk for home in homes if home.is_default), ""))
    form, shown = forms.CreateKey(posted(request), initial={"instance": preset, "origin": creation.ORIGINS[0]}), None
    if form.is_valid():
        alias = form.cleaned_data["alias"]
        if form.cleaned_data["do"] == "show":
            shown = _shown(caller, form, homes)
        else:
            with form.catching(caller, "CreateKey"):
                home = instance_lookup.instance_for(caller, form.cleaned_data["instance"])
                if against := _why_not_alias(caller, alias):
                    raise Refused(*against)
                key = operations.create_key(caller, instance=home, **form.parameters_for(home.type))
                return _named(request, key, alias)
    units = {pk: held.units for pk, held in tallies.of(caller.at, homes).items()}
    choices = [{"instance": home, "facts": (facts := home_of(caller, home, units[home.pk].n)),
                "left": lists.Count(max(0, facts.quota - facts.used), about=units[home.pk].about),
                "reasons": creation.why_not_create(creation.Proposal(), facts)} for home in homes]
    return page(request, "keys/new.html", status=form.status, form=form, choices=choices, shown=shown,
                chosen=form["instance"].value() or preset, why_not=lookup.why_nobody_creates(caller),
                kind=form["kind"].value() or ("other" if form["spec"].value() else "encrypt"), kinds=showing.kinds(),
                specs=SPECS.values(), usages=USAGES, policy_preset=key_policies.default_document(caller.account),
                hardware=any(home.type == Instance.Type.HARDWARE for home in homes))


def _why_not_alias(caller: Caller, name: str) -> tuple[Refusal, ...]:
    """What can be said of the name before there is a key, so that no key is left without the name it was wanted with."""
    if not name:
        return ()
    taken = Alias.objects.filter(account_id=caller.account, name=name).exists()
    return (*aliasing.why_not_name(name), *why_not_permitted(caller, "CreateAlias"),
            *((Refusal("AliasAlreadyExists", {"alias": name}, who="user", lifted_by="UpdateAlias"),) if taken else ()))


def _named(request: HttpRequest, key: Key, alias: str) -> HttpResponse:
    """Two operations; where somebody took the name in between, the key is there all the same, and says so."""
    target = key_url(key, "material") if key.origin == "EXTERNAL" else key_url(key)
    if alias:
        try:
            operations.create_alias(caller_of(request), key, alias_name=alias)
        except Refused:
            messages.warning(request, _("The key is created, but it did not get its alias. Choose another one."))
            return done(request, key_url(key, "create_alias"))
    return done(request, target, _("Created."))


def _shown(caller: Caller, form: forms.CreateKey, homes: list[Instance]) -> Shown:
    """Empty parameters are left out, as one would in a call."""
    home = next((one for one in homes if one.pk == form.cleaned_data["instance"]), None)
    chosen, alias = form.parameters_for(home.type if home else ""), form.cleaned_data["alias"]
    named: list[tuple[str, Any]] = [
        ("DKMSInstanceId", form.cleaned_data["instance"]), ("KeySpec", chosen["spec"]), ("KeyUsage", chosen["usage"]),
        ("Origin", chosen["origin"]), ("KeyStorageMechanism", chosen["key_storage_mechanism"]),
        ("EnableAutomaticRotation", "true" if chosen["enable_automatic_rotation"] else ""),
        ("RotationInterval", chosen["rotation_interval"]), ("Description", chosen["description"]), ("Policy", chosen["policy"])]
    for number, (name, value) in enumerate(chosen["tags"], 1):
        named += [(f"Tag.{number}.Key", name), (f"Tag.{number}.Value", value)]
    calls = [("CreateKey", [(name, str(value)) for name, value in named if value])]
    if alias:
        calls.append(("CreateAlias", [("AliasName", alias), ("KeyId", "<KeyId>")]))
    proposal = creation.Proposal(**{**chosen, "tags": tuple(chosen["tags"])})
    against = creation.why_not_create(proposal, home_of(caller, home), lookup.why_nobody_creates(caller)) if home else ()
    return Shown(calls, (*against, *_why_not_alias(caller, alias)))
