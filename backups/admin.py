from django.contrib import admin

from audit.admin import ReadOnly
from backups.models import Backup, Drill, Restore


@admin.register(Backup)
class BackupAdmin(ReadOnly):
    list_display = ("id", "account", "source", "kind", "state", "began_at", "key_count", "size")
    search_fields = ("id", "source", "source_name")


@admin.register(Restore)
class RestoreAdmin(ReadOnly):
    list_display = ("id", "backup", "target", "state", "restored", "refused", "asked_at")


@admin.register(Drill)
class DrillAdmin(ReadOnly):
    list_display = ("id", "backup", "at", "passed", "keys", "opened", "failures", "milliseconds")
