"""`/migration/`: the wizard. Every run has an address of its own."""

from django.urls import path

from migration import views

app_name = "migration"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.new, name="new"),
    path("<str:run_id>/", views.run, name="run"),
    path("<str:run_id>/start/", views.start, name="start"),
    path("<str:run_id>/stop/", views.change, {"what": "stop"}, name="stop"),
    path("<str:run_id>/close/", views.change, {"what": "close"}, name="close"),
    path("<str:run_id>/cancel/", views.change, {"what": "cancel"}, name="cancel"),
    path("<str:run_id>/dry-run/", views.dry_run, name="dry_run"),
    path("<str:run_id>/roll-back/", views.roll_back, name="roll_back"),
    path("<str:run_id>/keys/<str:key_id>/roll-back/", views.roll_back_key, name="roll_back_key"),
    path("<str:run_id>/report.<str:kind>", views.report, name="report"),
]
