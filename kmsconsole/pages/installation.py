"""`/settings/`: what this installation is set to and where each value comes from. Read-only: the environment is the one place
where settings are made, so that two machines of one installation cannot disagree with what a page says."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access.pages import caller_of, page
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refused
from kmsconsole import environment
from kmsconsole.context import ROLES


@dataclass(frozen=True, slots=True)
class Facts:
    """What the parts are, in words of their own. root_key: where it lies, never what it is."""

    django: str
    database: str
    broker: str
    root_key: str
    required: tuple[str, ...]


@recording.operation("GetInstallation")
def get_installation(caller: Caller) -> Facts:
    if refusals := why_not_permitted(caller, "GetInstallation"):
        raise Refused(*refusals)
    recording.record(caller, "GetInstallation")
    database = connection.vendor if connection.vendor == "sqlite" else f"{connection.vendor} {_host()}"
    broker = settings.CELERY_BROKER_URL.partition("://")[0]
    root_key = "KMS_ROOT_KEY" if settings.KMS_ROOT_KEY else settings.KMS_ROOT_KEY_PATH.name
    return Facts(version("django"), database, broker, root_key,
                 tuple(str(ROLES[role]) for role in ROLES if role in settings.KMS_REQUIRE_MFA))


@require_safe
def installation(request: HttpRequest) -> HttpResponse:
    facts = get_installation(caller_of(request))
    return page(request, "installation.html", facts=facts, oidc_origin=settings.KMS_OIDC.origin if settings.KMS_OIDC else "",
                signup_role=ROLES.get(settings.KMS_OIDC.role, "") if settings.KMS_OIDC else "",
                rows=sorted(environment.READ.values(), key=lambda row: row.name))


def _host() -> str:
    """``name at host``, without user and password."""
    parts = connection.settings_dict
    return f"{parts['NAME']} · {parts['HOST'] or 'socket'}"
