"""The product's settings, without what its pages need."""

from kmsconsole.settings import *  # noqa: F403
from kmsconsole.settings import INSTALLED_APPS

# allauth insists on its middleware, and the admin's pages on allauth.
INSTALLED_APPS = [app for app in INSTALLED_APPS if not app.startswith(("allauth", "django.contrib.admin"))]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.empty"
