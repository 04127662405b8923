"""`/access/roles/`: the presets and what each may do, asked of the rules themselves, for every operation there is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.models import Role
from access.pages import caller_of, page
from access.rules import PRESETS, why_not_permitted
from api.calls import CALLS
from base.caller import Caller
from keys.states import CRYPTOGRAPHY
from kmsconsole.context import ROLE_WORDS, ROLES

PEOPLE = ("GetUsers", "GetUser", "CreateUser", "SetUserRole", "DeactivateUser", "ReactivateUser", "UpdateLoginProfile",
          "UnbindMFADevice", "AttachPolicyToUser", "DetachPolicyFromUser", "CreateAccessKey", "UpdateAccessKey",
          "DeleteAccessKey", "GetInstallation")
_READS = ("Describe", "List", "Get")


@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    presets = [{"role": role, "name": ROLES[role], "words": ROLE_WORDS[role],
                "actions": [action for one in PRESETS[role] for action in one.actions]} for role in Role.of_people()]
    return page(request, "access/roles.html", presets=presets, mine=caller.roles, groups=[
        (_("Look"), _rows(caller, [name for name in CALLS if name.startswith(_READS)])),
        (_("Use keys"), _rows(caller, [name for name in CALLS if name in CRYPTOGRAPHY])),
        (_("Manage keys and instances"), _rows(caller, [name for name in CALLS
                                                        if not name.startswith(_READS) and name not in CRYPTOGRAPHY])),
        (_("Manage people"), _rows(caller, PEOPLE))])


def _rows(caller: Caller, actions: list[str] | tuple[str, ...]) -> list[tuple[str, list[bool]]]:
    """(operation, one answer for each role), by the preset alone."""
    cast = [Caller(caller.account, "user/somebody", "console", caller.at, (role,)) for role in Role.of_people()]
    return [(action, [not why_not_permitted(one, action) for one in cast]) for action in sorted(actions)]
