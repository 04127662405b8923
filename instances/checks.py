"""`manage.py check --database default`: everything sealed opens with the root keys that are here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from access.models import RootKeyCheck
from crypto.errors import BadCiphertext, RootKeyError
from instances import opening
from instances.models import WrappingKey


@register(Tags.database)
def instance_keys_open(app_configs: Any = None, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: the root key is wrong or a generation is missing; E002: an instance key does not open to what was made."""
    if not databases:
        return []
    try:
        if not RootKeyCheck.objects.exists():
            return []  # nothing is sealed yet
        opening.check_root_keys()
        return [Error(f"instance key {key} does not open", hint="restore its row from a backup", id="instances.E002")
                for key in WrappingKey.objects.holding_bytes().iterator(500) if not _opens(key)]
    except RootKeyError as error:
        return [Error(str(error), hint="docs/root-key.md", id="instances.E001")]
    except DatabaseError:
        return []  # tables of another time: `migrate` asks as well, and makes them


def _opens(key: WrappingKey) -> bool:
    try:
        opening.opened(key)
    except BadCiphertext:
        return False
    return True
