"""A bare Django project with the same installed apps: no pages of ours, no middleware, nothing set but what our apps read."""

from kmsconsole.settings import *  # noqa: F403

MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
              "django.contrib.messages.middleware.MessageMiddleware", "allauth.account.middleware.AccountMiddleware"]
ROOT_URLCONF = "bench.others_urls"
