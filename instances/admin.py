from django.contrib import admin

from audit.admin import ReadOnly
from instances.models import Instance, WrappingKey


@admin.register(Instance)
class InstanceAdmin(ReadOnly):
    list_display = ("id", "name", "account", "status", "end_at", "is_default")
    search_fields = ("id", "name")


@admin.register(WrappingKey)
class WrappingKeyAdmin(ReadOnly):
    list_display = ("id", "account", "instance", "generation", "provider", "created_at")
