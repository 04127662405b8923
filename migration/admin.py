from django.contrib import admin

from audit.admin import ReadOnly
from migration.models import Item, Run


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "account", "instance", "state", "created_at", "started_at", "finished_at")
    list_filter = ("state",)
    search_fields = ("id",)


@admin.register(Item)
class ItemAdmin(ReadOnly):
    """What became of each key. Its canaries open nothing: their plaintext is gone."""

    list_display = ("run", "number", "key", "state", "switched_at", "proved_at", "keep_until")
    list_filter = ("state",)
    search_fields = ("key__id",)
