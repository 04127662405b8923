"""`/access/`. Every dialog has an address of its own."""

from django.urls import path

from access import access_key_views, people_views

app_name = "people"
urlpatterns = [
    path("", people_views.people_list, name="list"),
    path("new/", people_views.new, name="new"),
    path("once/", people_views.shown_once, name="once"),
    path("people/<str:name>/", people_views.detail, name="detail"),
    path("people/<str:name>/role/", people_views.role, name="role"),
    path("people/<str:name>/off/", people_views.deactivate, name="deactivate"),
    path("people/<str:name>/on/", people_views.reactivate, name="reactivate"),
    path("people/<str:name>/password/", people_views.password, name="password"),
    path("people/<str:name>/second-factor/", people_views.factor, name="factor"),
    path("people/<str:name>/policies/attach/", people_views.attach, name="attach"),
    path("people/<str:name>/policies/detach/", people_views.detach, name="detach"),
    path("people/<str:name>/access-keys/new/", access_key_views.create, name="create_access_key"),
    path("access-keys/<str:access_key_id>/status/", access_key_views.status, name="access_key_status"),
    path("access-keys/<str:access_key_id>/delete/", access_key_views.delete, name="delete_access_key"),
]
