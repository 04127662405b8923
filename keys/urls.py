"""`/keys/`. Every dialog has an address of its own."""

from django.urls import path

from keys import action_views, alias_views, default_key_views, views

app_name = "keys"
urlpatterns = [
    path("", views.key_list, name="list"),
    path("new/", views.new, name="new"),
    path("default/enable/", default_key_views.enable, name="enable_default"),
    path("<str:key_id>/", views.detail, name="detail"),
    path("<str:key_id>/enable/", action_views.enable, name="enable"),
    path("<str:key_id>/disable/", action_views.disable, name="disable"),
    path("<str:key_id>/description/", action_views.describe, name="describe"),
    path("<str:key_id>/delete/", action_views.schedule_deletion, name="schedule_deletion"),
    path("<str:key_id>/cancel-deletion/", action_views.cancel_deletion, name="cancel_deletion"),
    path("<str:key_id>/protection/", action_views.protection, name="protection"),
    path("<str:key_id>/why/", action_views.why, name="why"),
    path("<str:key_id>/aliases/new/", alias_views.create, name="create_alias"),
]
