"""Every address of the console. Login closes all of them, unless a view says otherwise."""

from __future__ import annotations

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path

from kmsconsole import health, login
from kmsconsole.pages import errors, help_page, installation, instances, overview, roles

handler500 = errors.broken

instance_urls = ([
    path("", instances.instance_list, name="list"),
    path("<str:instance_id>/", instances.detail, name="detail"),
    path("<str:instance_id>/protection/", instances.protection, name="protection"),
], "instances")

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("preferences/", include("access.urls")),
    path("", include("kmsconsole.account_urls")),

    path("", overview.overview, name="overview"),
    path("instances/", include(instance_urls)),
    path("keys/", include("keys.urls")),
    path("aliases/", include("keys.alias_urls")),
    path("access/roles/", roles.roles, name="roles"),
    path("access/", include("access.people_urls")),
    path("settings/", installation.installation, name="installation"),
    path("help/", help_page.help_page, name="help"),
    # The admin's own forms for these have no limit on tries, and write no event.
    path("admin/login/", login.to_login),
    path("admin/logout/", account.logout),
    path("admin/password_change/", login.to_password),
    path("admin/", admin.site.urls),
]
