"""`/keys/`. Every dialog has an address of its own."""

from django.urls import path

from keys import (
    action_views,
    alias_views,
    default_key_views,
    list_views,
    looking_views,
    material_views,
    new_views,
    section_views,
    views,
)

app_name = "keys"
urlpatterns = [
    path("", list_views.key_list, name="list"),
    path("export.csv", list_views.key_csv, name="csv"),
    path("bulk/", list_views.bulk_new, name="bulk_new"),
    path("bulk/<str:run_id>/", list_views.bulk_run, name="bulk"),
    path("new/", new_views.new, name="new"),
    path("default/enable/", default_key_views.enable, name="enable_default"),
    path("<str:key_id>/", views.detail, name="detail"),
    path("<str:key_id>/versions/", looking_views.versions, name="versions"),
    path("<str:key_id>/usage/", looking_views.usage, name="usage"),
    path("<str:key_id>/activity/", looking_views.activity, name="activity"),
    path("<str:key_id>/material/", material_views.material, name="material"),
    path("<str:key_id>/material/parameters/", material_views.parameters, name="parameters"),
    path("<str:key_id>/material/token/", material_views.token_left, name="token_left"),
    path("<str:key_id>/material/delete/", material_views.delete_material, name="delete_material"),
    path("<str:key_id>/material/<str:token_id>/<str:name>", material_views.download, name="download"),
    path("<str:key_id>/rotation/", section_views.rotation, name="rotation"),
    path("<str:key_id>/rotation/now/", section_views.rotate, name="rotate"),
    path("<str:key_id>/policy/", section_views.policy, name="policy"),
    path("<str:key_id>/tags/", section_views.tags, name="tags"),
    path("<str:key_id>/enable/", action_views.enable, name="enable"),
    path("<str:key_id>/disable/", action_views.disable, name="disable"),
    path("<str:key_id>/description/", action_views.describe, name="describe"),
    path("<str:key_id>/delete/", action_views.schedule_deletion, name="schedule_deletion"),
    path("<str:key_id>/cancel-deletion/", action_views.cancel_deletion, name="cancel_deletion"),
    path("<str:key_id>/protection/", action_views.protection, name="protection"),
    path("<str:key_id>/why/", action_views.why, name="why"),
    path("<str:key_id>/aliases/new/", alias_views.create, name="create_alias"),
]
