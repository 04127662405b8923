from django.urls import path

from keys import alias_views

app_name = "aliases"
urlpatterns = [
    path("", alias_views.alias_list, name="list"),
    path("export.csv", alias_views.alias_csv, name="csv"),
    path("delete/", alias_views.delete, name="delete"),
    path("repoint/", alias_views.repoint, name="repoint"),
]
