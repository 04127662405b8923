"""A password or secret on its one way to the screen: sealed in the session of whoever made it, shown by the next page, gone.

So the form's answer is a redirect like every other: reload and back make no second user, and no second look.
"""

from __future__ import annotations

import base64
import json

from django.http import HttpRequest

from access.root import purpose_key
from crypto.envelope import Identity

PURPOSE = "shown-once"
_NAME = "shown-once"


def keep(request: HttpRequest, shown: dict[str, str]) -> None:
    sealed = purpose_key(PURPOSE).seal(json.dumps(shown).encode(), _identity(request))
    request.session[_NAME] = base64.b64encode(sealed).decode()


def take(request: HttpRequest) -> dict[str, str]:
    """Empty where nothing waits, or was looked at already."""
    sealed = request.session.pop(_NAME, "")
    if not sealed:
        return {}
    found: dict[str, str] = json.loads(purpose_key(PURPOSE).open(base64.b64decode(sealed), _identity(request)))
    return found


def _identity(request: HttpRequest) -> Identity:
    return Identity(PURPOSE, "", str(request.user.pk), "1")
