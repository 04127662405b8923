"""Only the tables of `allauth.account`: the app itself insists on its middleware."""

from django.apps import AppConfig


class AccountRows(AppConfig):
    name = "allauth.account"
    label = "account"
    default_auto_field = "django.db.models.AutoField"
