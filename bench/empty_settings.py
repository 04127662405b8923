"""The product's settings, without what its pages need."""

from kmsconsole.settings import *  # noqa: F403
from kmsconsole.settings import INSTALLED_APPS

# allauth insists on its middleware.
INSTALLED_APPS = [app for app in INSTALLED_APPS if not app.startswith("allauth")]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.empty"
