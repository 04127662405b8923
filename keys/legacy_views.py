"""The 1.0 console: the same operations through its own door, `console-1.0`; the rules say what it does and does not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from access import pages
from access.pages import caller_of, done, page, posted
from base.caller import Caller
from crypto.specs import SPECS
from keys import creation, legacy_forms, listing, lookup, operations, quota, showing
from keys.aliasing import PREFIX
from keys.gate import reasons
from keys.key_pages import key_or_404
from keys.models import Alias, Key
from keys.rules import LEGACY_DOOR

View = Callable[..., HttpResponse]
Do = Callable[..., object]


def through_the_old_door(view: View) -> View:
    """Everything inside is asked and recorded as coming from the 1.0 console."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.caller = replace(caller_of(request), door=LEGACY_DOOR)  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return answer


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    caller = caller_of(request)
    return page(request, template, fragments=("modal",), end_of_service=settings.KMS_LEGACY_END_OF_SERVICE,
                closed=lookup.legacy_closed(caller.at), ended=caller.at >= settings.KMS_LEGACY_END_OF_SERVICE,
                left=listing.select(caller, listing.Asked("old")).count(), **context)


def legacy_key_or_404(request: HttpRequest, key_id: str, action: str) -> Key:
    """Any key of the account: one that has moved says where."""
    key = key_or_404(request, key_id, action)
    if key.kind != Key.Kind.CUSTOMER:
        raise Http404
    return key


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("v1:list")


@require_safe
@through_the_old_door
def key_list(request: HttpRequest) -> HttpResponse:
    caller, wish = caller_of(request), listing.asked(request.GET, "old")
    chosen = listing.select(caller, wish)
    found = operations.browse_keys(caller, wish, size=pages.page_size(request), after=request.GET.get("after", ""),
                                   before=request.GET.get("before", ""), selection=chosen)
    return _page(request, "v1/list.html", found=found, rows=showing.rows(caller, found.items), wish=wish,
                 count=chosen.count(found), against=_why_not_create(caller))


def _why_not_create(caller: Caller) -> tuple[Any, ...]:
    return creation.why_not_create_legacy(creation.Proposal(), quota.legacy_home(caller))


@require_safe
@through_the_old_door
def detail(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), legacy_key_or_404(request, key_id, "DescribeKey")
    if key.edition != Key.Edition.V1:
        return _page(request, "v1/moved.html", key=key)
    view = operations.describe_key(caller, key)
    aliases = [alias.name for alias in operations.list_aliases_by_key_id(caller, key, page_size=100).items]
    versions = operations.list_key_versions(caller, key, page_size=100).items
    return _page(request, "v1/detail.html", key=key, state=view.state, aliases=aliases, versions=versions,
                 name=showing.name_of(key, aliases), rotation=showing.rotation(key, view.state), pair=showing.is_pair(key),
                 acts=_offered(caller, key, view.state), closed_alias=reasons("DeleteAlias", caller, key))


@dataclass(frozen=True, slots=True)
class Act:
    """One action of the 1.0 console. do: the operation; form: what it asks; fits: whether the key's page offers it."""

    action: str
    word: str | Promise
    said: str | Promise
    done: str | Promise
    do: Do
    form: type[legacy_forms.LegacyForm] = legacy_forms.Plain
    danger: bool = False
    fits: Callable[[Key, str], bool] = lambda key, state: True


def _symmetric(key: Key, state: str) -> bool:
    return SPECS[key.spec].symmetric and key.origin != "EXTERNAL"


def _imported(key: Key, state: str) -> bool:
    return key.origin == "EXTERNAL"


ACTS: dict[str, Act] = {
    "enable": Act("EnableKey", gettext_lazy("Enable"), gettext_lazy("The key encrypts and decrypts again."),
                  gettext_lazy("Enabled."), operations.enable_key, fits=lambda key, state: state == "Disabled"),
    "disable": Act("DisableKey", gettext_lazy("Disable"),
                   gettext_lazy("Encrypt and decrypt calls fail from now on with Rejected.Disabled. You can enable it again at "
                                "any time."), gettext_lazy("Disabled. You can enable it again at any time."),
                   operations.disable_key, fits=lambda key, state: state != "Disabled"),
    "description": Act("UpdateKeyDescription", gettext_lazy("Edit description"), "", gettext_lazy("Description saved."),
                       operations.update_key_description, legacy_forms.Describe),
    "alias": Act("CreateAlias", gettext_lazy("Create alias"), gettext_lazy("A second name that programs can use."),
                 gettext_lazy("Created."), operations.create_alias, legacy_forms.NewAlias),
    "rotation": Act("UpdateRotationPolicy", gettext_lazy("Automatic rotation"),
                    gettext_lazy("Each rotation makes a new version; earlier ones go on decrypting."), gettext_lazy("Saved."),
                    operations.update_rotation_policy, legacy_forms.Rotation, fits=_symmetric),
    "version": Act("CreateKeyVersion", gettext_lazy("Create version"),
                   gettext_lazy("Callers name the version they mean. The next one can be made in seven days."),
                   gettext_lazy("Created."), operations.create_key_version, fits=lambda key, state: showing.is_pair(key)),
    "material": Act("ImportKeyMaterial", gettext_lazy("Import material"),
                    gettext_lazy("Wrap your material with the public key of the import parameters, and paste it here with "
                                 "their import token."), gettext_lazy("Imported."), operations.import_key_material,
                    legacy_forms.Material, fits=_imported),
    "delete-material": Act("DeleteKeyMaterial", gettext_lazy("Delete material"),
                           gettext_lazy("The key stops at once. It works again once the same material is imported."),
                           gettext_lazy("Deleted."), operations.delete_key_material, danger=True, fits=_imported),
    "protection": Act("SetDeletionProtection", gettext_lazy("Deletion protection"),
                      gettext_lazy("While it is on, nobody can schedule the deletion of this key."), gettext_lazy("Saved."),
                      operations.set_deletion_protection, legacy_forms.Protection),
    "cancel-deletion": Act("CancelKeyDeletion", gettext_lazy("Cancel deletion"), gettext_lazy("The key works again at once."),
                           gettext_lazy("Deletion cancelled. The key is enabled again."), operations.cancel_key_deletion,
                           fits=lambda key, state: state == "PendingDeletion"),
    "delete": Act("ScheduleKeyDeletion", gettext_lazy("Schedule deletion"),
                  gettext_lazy("The key stops working at once. When the time is up it is destroyed, and data it protects can "
                               "never be decrypted again."), gettext_lazy("Deletion scheduled. You can cancel it until then."),
                  operations.schedule_key_deletion, legacy_forms.Delete, danger=True,
                  fits=lambda key, state: state != "PendingDeletion"),
}
# Operations that do not look at the revision of the page.
WITHOUT_REVISION = frozenset({"CreateAlias", "CreateKeyVersion", "ImportKeyMaterial", "DeleteKeyMaterial"})


def _offered(caller: Caller, key: Key, state: str) -> list[dict[str, Any]]:
    return [{"slug": slug, "act": act, "against": reasons(act.action, caller, key)} for slug, act in ACTS.items()
            if act.fits(key, state)]


def _initial(key: Key) -> dict[str, Any]:
    days = (key.rotation_interval_seconds or 0) // 86_400
    return {"description": key.description, "enabled": key.deletion_protection,
            "days": days if key.automatic_rotation else None}


@require_http_methods(["GET", "HEAD", "POST"])
@through_the_old_door
def act(request: HttpRequest, key_id: str, slug: str) -> HttpResponse:
    """Every dialog of the 1.0 console: a page that asks, and does."""
    if slug not in ACTS:
        raise Http404
    this, caller = ACTS[slug], caller_of(request)
    key = legacy_key_or_404(request, key_id, this.action)
    aliases = list(Alias.objects.filter(key=key).order_by("name").values_list("name", flat=True))
    name = showing.name_of(key, aliases)
    form = this.form(posted(request), initial=_initial(key), key=key, names=[name, *aliases, key.pk])
    if form.is_valid():
        with form.catching(caller, this.action):
            seen = {} if this.action in WITHOUT_REVISION else {"revision": form.cleaned_data["revision"]}
            this.do(caller, key, **form.what(), **seen)
            return done(request, reverse("v1:detail", args=[key.pk]), str(this.done))
    return _page(request, "v1/act.html", status=form.status, key=key, name=name, form=form, act=this,
                 why_not=reasons(this.action, caller, key))


@require_http_methods(["GET", "HEAD", "POST"])
@through_the_old_door
def parameters(request: HttpRequest, key_id: str) -> HttpResponse:
    """A wrapping key and its token, shown once; the next page takes what was wrapped with them."""
    caller, key = caller_of(request), legacy_key_or_404(request, key_id, "GetParametersForImport")
    form, made = legacy_forms.Parameters(posted(request), key=key), None
    if form.is_valid():
        with form.catching(caller, "GetParametersForImport"):
            made = operations.get_parameters_for_import(caller, key, **form.what())
    return _page(request, "v1/parameters.html", status=form.status, key=key, form=form, made=made,
                 why_not=reasons("GetParametersForImport", caller, key))


@require_http_methods(["GET", "HEAD", "POST"])
@through_the_old_door
def delete_alias(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), legacy_key_or_404(request, key_id, "DeleteAlias")
    alias = PREFIX + request.GET.get("name", "")[:300].removeprefix(PREFIX)
    form = legacy_forms.Plain(posted(request))
    if form.is_valid():
        with form.catching(caller, "DeleteAlias"):
            operations.delete_alias(caller, alias_name=alias)
            return done(request, reverse("v1:detail", args=[key.pk]), _("Deleted."))
    this = Act("DeleteAlias", _("Delete alias"), _("Programs that use this name stop. The key stays."), "",
               operations.delete_alias, danger=True)
    return _page(request, "v1/act.html", status=form.status, key=key, name=alias, form=form, act=this,
                 why_not=reasons("DeleteAlias", caller, key))


@require_http_methods(["GET", "HEAD", "POST"])
@through_the_old_door
def new(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    form = legacy_forms.Create(posted(request))
    if form.is_valid():
        with form.catching(caller, "CreateKey"):
            key = operations.create_legacy_key(caller, **form.what())
            return done(request, reverse("v1:detail", args=[key.pk]), _("Created."))
    return _page(request, "v1/new.html", status=form.status, form=form, why_not=_why_not_create(caller))

