"""The Celery application. `kmsconsole.schedule` holds every entry of beat."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmsconsole.settings")

app = Celery("kmsconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["access", "instances", "keys", "kmsconsole"])
