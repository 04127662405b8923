"""`/v1/`: the 1.0 console."""

from django.urls import path

from keys import legacy_views

app_name = "v1"
urlpatterns = [
    path("", legacy_views.home, name="home"),
    path("keys/", legacy_views.key_list, name="list"),
    path("keys/new/", legacy_views.new, name="new"),
    path("keys/<str:key_id>/", legacy_views.detail, name="detail"),
    path("keys/<str:key_id>/import-parameters/", legacy_views.parameters, name="parameters"),
    path("keys/<str:key_id>/delete-alias/", legacy_views.delete_alias, name="delete_alias"),
    path("keys/<str:key_id>/<slug:slug>/", legacy_views.act, name="act"),
]
