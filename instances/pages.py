"""What the pages about instances share, on whichever floor they are."""

from __future__ import annotations

from django.http import HttpRequest

from access.pages import found_or_404
from instances import lookup
from instances.models import Instance


def instance_or_404(request: HttpRequest, instance_id: str, action: str) -> Instance:
    return found_or_404(request, lambda caller: lookup.instance_for(caller, instance_id), action, "GetKmsInstance")
