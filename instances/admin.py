from django.contrib import admin

from audit.admin import ReadOnly
from instances.models import Instance, InstanceTag, WrappingKey


@admin.register(Instance)
class InstanceAdmin(ReadOnly):
    list_display = ("id", "name", "account", "type", "status", "end_at", "released_at", "is_default")
    search_fields = ("id", "name")


@admin.register(InstanceTag)
class InstanceTagAdmin(ReadOnly):
    list_display = ("instance", "tag_key", "tag_value")


@admin.register(WrappingKey)
class WrappingKeyAdmin(ReadOnly):
    list_display = ("id", "account", "instance", "generation", "provider", "created_at", "destroyed_at")
