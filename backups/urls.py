"""`/backups/`. Every dialog has an address of its own."""

from django.urls import path

from backups import restore_views, views

app_name = "backups"
urlpatterns = [
    path("", views.backup_list, name="list"),
    path("new/", views.new, name="new"),
    path("upload/", views.upload, name="upload"),
    path("of/<str:instance_id>/", views.of_instance, name="of_instance"),
    path("of-key/<str:key_id>/", views.of_key, name="of_key"),
    path("downloads/<str:download_id>/", views.download_file, name="file"),
    path("restores/<str:restore_id>/", restore_views.result, name="result"),
    path("restores/<str:restore_id>/report/", restore_views.report, name="report"),
    path("<str:backup_id>/", views.detail, name="detail"),
    path("<str:backup_id>/restore/", restore_views.restore, name="restore"),
    path("<str:backup_id>/download/", views.download, name="download"),
    path("<str:backup_id>/drill/", views.drill, name="drill"),
    path("<str:backup_id>/delete/", views.delete, name="delete"),
]
