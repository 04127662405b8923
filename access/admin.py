from typing import Any

from allauth.account.admin import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from access.models import AccessKey, Account, RootKeyCheck, User, UserPolicy
from audit.admin import ReadOnly

# Roles are presets of `access.rules`; Django's groups would be a second, unread answer.
admin.site.unregister(Group)
# People log in by name; nothing sends mail to these addresses.
admin.site.unregister(EmailAddress)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People can be switched off and given another role. They are made by `manage.py create_user`, and never deleted:
    AccessKeys and the audit trail name them."""

    list_display = ("username", "account", "role", "is_active", "is_superuser")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password", "account", "role", "is_active", "is_staff", "is_superuser")}),
        ("Preferences", {"fields": ("language", "theme")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("account", "last_login", "date_joined")
    filter_horizontal = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(ReadOnly):
    list_display = ("uid", "name", "created_at", "demo_at")


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnly):
    list_display = ("id", "user", "status", "created_at")


@admin.register(UserPolicy)
class UserPolicyAdmin(ReadOnly):
    """Only `manage.py attach_policy` writes them, because it checks them."""

    list_display = ("user", "name")


@admin.register(RootKeyCheck)
class RootKeyCheckAdmin(ReadOnly):
    list_display = ("generation", "created_at")
    fields = ("generation", "created_at")
