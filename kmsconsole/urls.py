"""Every address of the console. Login closes all of them but the first group."""

from __future__ import annotations

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path

from kmsconsole import health, login
from kmsconsole.pages import errors, instances, overview

handler500 = errors.broken

instance_urls = ([
    path("", instances.instance_list, name="list"),
    path("<str:instance_id>/", instances.detail, name="detail"),
    path("<str:instance_id>/protection/", instances.protection, name="protection"),
], "instances")

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("login/", account.login, name="account_login"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("login/none/", errors.absent, name="account_signup"),
    path("login/none/reset/", errors.absent, name="account_reset_password"),
    path("login/none/set/", errors.absent, name="account_set_password"),
    path("preferences/", include("access.urls")),

    path("logout/", account.logout, name="account_logout"),
    path("password/", account.password_change, name="account_change_password"),
    path("", overview.overview, name="overview"),
    path("instances/", include(instance_urls)),
    path("keys/", include("keys.urls")),
    path("v1/", include("keys.legacy_urls")),
    path("migration/", include("migration.urls")),
    path("aliases/", include("keys.alias_urls")),
    # The admin's own login form has no limit on tries.
    path("admin/login/", login.to_login),
    path("admin/", admin.site.urls),
]
