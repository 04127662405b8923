"""The product's settings, without what its pages need."""

from kmsconsole.settings import *  # noqa: F403
from kmsconsole.settings import INSTALLED_APPS

# The admin's pages insist on allauth, which insists on its middleware; second factors and sessions of people are rows.
ROWS = ("allauth.mfa", "allauth.usersessions")
INSTALLED_APPS = ["bench.apps.AccountRows", *(app for app in INSTALLED_APPS if app in ROWS or not app.startswith(
    ("allauth", "django.contrib.admin")))]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.empty"
