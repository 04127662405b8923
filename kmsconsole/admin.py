"""Every model of every app is in the admin, and none can be changed there. Apps register what deserves columns of its own; the
rest is registered here, also in place of what django-allauth and Django registered for editing."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse

from audit.admin import ReadOnly, is_secret
from kmsconsole.models import Heartbeat

# label of a model -> columns that open something though their names do not say it.
HIDDEN = {"mfa.Authenticator": ("data",), "account.EmailConfirmation": ("key",), "socialaccount.SocialApp": ("key", "settings"),
          "socialaccount.SocialAccount": ("extra_data",), "usersessions.UserSession": ("data",)}
MOST_COLUMNS = 6


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    """When the clock last ticked."""


class SessionAdmin(ReadOnly):
    """That there are sessions and when they end. Their key is a key, so no page is named by it."""

    list_display = ("expire_date",)
    list_display_links = None
    search_fields = ()

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return []

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    history_view = change_view
    delete_view = change_view


def columns(model: type[models.Model], hidden: tuple[str, ...]) -> list[str]:
    shown = [field.name for field in model._meta.fields
             if not is_secret(field) and field.name not in hidden and not isinstance(field, models.TextField | models.JSONField)]
    return shown[:MOST_COLUMNS]


def register_the_rest() -> None:
    for model in apps.get_models():
        known = admin.site._registry.get(model)
        if isinstance(known, ReadOnly):
            continue
        if known:
            admin.site.unregister(model)
        hidden = HIDDEN.get(model._meta.label, ())
        base = SessionAdmin if model._meta.label == "sessions.Session" else ReadOnly
        more = {} if base is SessionAdmin else {"list_display": columns(model, hidden), "hidden": hidden}
        admin.site.register(model, type(f"{model.__name__}Admin", (base,), more))


register_the_rest()
