"""Every address of the console. Login closes all of them, unless a view says otherwise."""

from __future__ import annotations

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path

from kmsconsole import health, login, metrics
from kmsconsole.pages import (
    audit,
    diagnosis,
    errors,
    help_page,
    hsm,
    installation,
    instance_actions,
    instances,
    overview,
    roles,
    search,
    timeline,
)

handler500 = errors.broken

instance_urls = ([
    path("", instances.instance_list, name="list"),
    path("new/", instance_actions.new, name="new"),
    path("<str:instance_id>/", instances.detail, name="detail"),
    path("<str:instance_id>/enable/", instance_actions.enable, name="enable"),
    path("<str:instance_id>/name/", instance_actions.rename, name="rename"),
    path("<str:instance_id>/upgrade/", instance_actions.upgrade, name="upgrade"),
    path("<str:instance_id>/renew/", instance_actions.renew, name="renew"),
    path("<str:instance_id>/auto-renewal/", instance_actions.auto_renewal, name="auto_renewal"),
    path("<str:instance_id>/grace-policy/", instance_actions.grace_policy, name="grace_policy"),
    path("<str:instance_id>/default/", instance_actions.make_default, name="make_default"),
    path("<str:instance_id>/tags/", instance_actions.tags, name="tags"),
    path("<str:instance_id>/release/", instance_actions.release, name="release"),
    path("<str:instance_id>/protection/", instances.protection, name="protection"),
    path("<str:instance_id>/hsm/", hsm.connect, name="connect_hsm"),
    path("<str:instance_id>/hsm/disconnect/", hsm.disconnect, name="disconnect_hsm"),
], "instances")

hsm_urls = ([
    path("", hsm.cluster_list, name="list"),
    path("<str:cluster_id>/", hsm.detail, name="detail"),
    path("<str:cluster_id>/check/", hsm.check, name="check"),
], "hsm")

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.page, name="metrics"),
    path("preferences/", include("access.urls")),
    path("", include("kmsconsole.account_urls")),

    path("", overview.overview, name="overview"),
    path("instances/", include(instance_urls)),
    path("hsm/", include(hsm_urls)),
    path("keys/", include("keys.urls")),
    path("v1/", include("keys.legacy_urls")),
    path("migration/", include("migration.urls")),
    path("aliases/", include("keys.alias_urls")),
    path("backups/", include("backups.urls")),
    path("access/roles/", roles.roles, name="roles"),
    path("access/", include("access.people_urls")),
    path("settings/", installation.installation, name="installation"),
    path("help/", help_page.help_page, name="help"),
    path("audit/", audit.audit, name="audit"),
    path("timeline/", timeline.timeline, name="timeline"),
    path("why/", diagnosis.why, name="why"),
    path("search/", search.search, name="search"),
    # The admin's own forms for these have no limit on tries, and write no event.
    path("admin/login/", login.to_login),
    path("admin/logout/", account.logout),
    path("admin/password_change/", login.to_password),
    path("admin/", admin.site.urls),
]
