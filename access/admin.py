from django.contrib import admin

from access.models import AccessKey, Account, Freeze, RootKeyCheck, User, UserPolicy
from audit.admin import ReadOnly


@admin.register(User)
class PersonAdmin(ReadOnly):
    """People are made and changed at /access/, where nobody can lock the last administrator out."""

    list_display = ("username", "account", "role", "is_active", "is_superuser", "last_login")
    list_filter = ("role", "is_active", "is_superuser")
    search_fields = ("username",)
    hidden = ("groups", "user_permissions", "first_name", "last_name", "email")


@admin.register(Account)
class AccountAdmin(ReadOnly):
    list_display = ("uid", "name", "created_at", "demo_at")


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnly):
    list_display = ("id", "user", "status", "created_at", "last_used_at")


@admin.register(UserPolicy)
class UserPolicyAdmin(ReadOnly):
    list_display = ("user", "name")


@admin.register(RootKeyCheck)
class RootKeyCheckAdmin(ReadOnly):
    list_display = ("generation", "created_at")
    fields = ("generation", "created_at")


@admin.register(Freeze)
class FreezeAdmin(ReadOnly):
    list_display = ("account", "work", "began_at", "until")
