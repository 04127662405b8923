"""The admin shows and never changes: a write there would bypass the rules and the audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from audit.models import Delivery, Event


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """For every model of keys, instances and events. Binary columns (sealed keys, wrapped material) never show."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if isinstance(field, models.BinaryField)]


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("at", "account", "principal", "door", "action", "object_id", "outcome")
    list_filter = ("door",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("event", "channel", "tries", "next_try_at", "delivered_at", "given_up_at", "error")
    list_filter = ("channel",)
    list_select_related = ("event",)
