"""The one key outside all instances that a person makes: the default CMK, by its "Enable"."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.pages import caller_of, done, page, posted
from keys import creation, forms, lookup
from keys.operations.default_keys import enable_default_key
from keys.quota import home_of


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    form = forms.EnableDefaultKey(posted(request), initial={"origin": "Aliyun_KMS"})
    if form.is_valid():
        with form.catching(caller, "CreateKey"):
            key = enable_default_key(caller, alias_name=form.cleaned_data["alias"], description=form.cleaned_data["description"],
                                     origin=form.cleaned_data["origin"])
            return done(request, reverse("keys:detail", args=[key.pk]), _("The default key is enabled."))
    why_not = creation.why_not_create(creation.Proposal(), home_of(caller, None), lookup.why_nobody_creates(caller))
    return page(request, "keys/enable_default.html", status=form.status, fragments=("modal",), form=form, why_not=why_not,
                typed=request.POST.get("alias", ""), back=f"{reverse('keys:list')}?tab=default")
