from django.contrib import admin

from audit.admin import ReadOnly
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion, SpareMaterial


@admin.register(Key)
class KeyAdmin(ReadOnly):
    list_display = ("id", "account", "instance", "kind", "edition", "state", "created_at", "delete_at")
    list_filter = ("kind", "edition", "state")
    search_fields = ("id",)


@admin.register(KeyVersion)
class KeyVersionAdmin(ReadOnly):
    list_display = ("id", "key", "is_primary", "created_at")


@admin.register(KeyMaterial)
class KeyMaterialAdmin(ReadOnly):
    """That there is material and what wraps it; never the bytes."""

    list_display = ("version", "wrapping_key")


@admin.register(SpareMaterial)
class SpareMaterialAdmin(ReadOnly):
    """That there is a second copy, where, and until when; never the bytes."""

    list_display = ("version", "wrapping_key", "drop_at")


@admin.register(Alias)
class AliasAdmin(ReadOnly):
    list_display = ("name", "account", "key", "created_at")


@admin.register(KeyTag)
class KeyTagAdmin(ReadOnly):
    list_display = ("key", "tag_key", "tag_value")
