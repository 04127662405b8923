"""The admin shows and never changes: a write there would bypass the rules and the audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from audit.models import Delivery, Event

# What opens something by itself, whichever model of whichever app holds it as text.
SECRETS = frozenset({"password", "secret", "token", "token_secret", "session_key", "session_data", "otp", "pin"})


def is_secret(field: Any) -> bool:
    """Binary columns are sealed keys and wrapped material; the others are known by name."""
    return isinstance(field, models.BinaryField) or field.name in SECRETS


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """For every model. Searchable in its words and filtered by its choices, unless a model's own admin says otherwise."""

    show_full_result_count = False
    actions = None
    hidden: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if is_secret(field) or field.name in self.hidden]

    def get_search_fields(self, request: HttpRequest) -> list[str] | tuple[str, ...]:
        """Short texts; of long ones the search would read the whole table."""
        return self.search_fields or [
            field.name for field in self.model._meta.fields
            if isinstance(field, models.CharField) and not is_secret(field) and field.name not in self.hidden]

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self.list_filter or [field.name for field in self.model._meta.fields
                                    if field.choices or isinstance(field, models.BooleanField)]


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("at", "account", "principal", "door", "action", "object_id", "outcome")
    list_filter = ("door",)
    # Only what the table can look up by itself, and what people paste: a request id.
    search_fields = ("request_id", "object_id", "principal", "action")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("event", "channel", "tries", "next_try_at", "delivered_at", "given_up_at", "error")
    list_filter = ("channel",)
    list_select_related = ("event",)
