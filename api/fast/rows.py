"""The rows of one request, out of what the process has seen; and what a request meets that the lane leaves to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from api.fast.seen import Seen, SeenKey, Sight, here
from audit import recording
from base import ids
from base.caller import Caller
from crypto.engine import Engine
from crypto.provider import Material
from keys import lookup
from keys.aliasing import PREFIX
from keys.models import Key, KeyMaterial, KeyVersion
from keys.operations import using


class Elsewhere(BaseException):
    """Not for the fast lane; dispatch will say what there is to say. No `Exception`, for the reason of `Unseen`."""


class Blocking(BaseException):
    """For a thread of the pool, because it takes too long for the loop."""


class SeenRows(using.Rows):
    """The rows of one request, out of what has been seen."""

    def __init__(self, seen: Seen, access: Sight, *, may_block: bool) -> None:
        self._seen, self._may_block = seen, may_block
        self.rests_on: set[Sight] = {access}
        self.uses: list[tuple[str, Caller, Key]] = []
        self._opened: dict[str, tuple[Engine, Material]] = {}

    def _see(self, kind: str, name: Any) -> Any:
        sight = self._seen.get(kind, name)
        self.rests_on.add(sight)
        return sight

    def key_for(self, caller: Caller, text: str) -> Key:
        """`lookup.key_for`, for keys of the caller's own account."""
        account, name = caller.account, text
        if parts := ids.split_arn(text):
            region, account, resource = parts
            name = resource.removeprefix("key/")
            if region != settings.KMS_REGION:
                raise Elsewhere
        if name.startswith(PREFIX):
            text, name = name, self._see("alias", (account, name)).key_id
        key: Key = self._see("key", name).key
        if not caller.account == account == key.account_id:
            raise Elsewhere
        return lookup.living(caller, key, text)

    def version(self, version_id: str) -> KeyVersion | None:
        found: KeyVersion = self._see("version", version_id).version
        return found

    def material(self, key: Key, version_id: str) -> KeyMaterial | None:
        sight: SeenKey = self._see("version", version_id) if version_id else self._see("key", key.pk)
        if sight.row is None or sight.key.pk != key.pk:
            raise Elsewhere
        if not self._may_block and not here(sight):
            raise Blocking
        if sight.opened is not None:
            self._opened[sight.row.version_id] = sight.opened
        return sight.row

    def opened(self, row: KeyMaterial, key: Key) -> tuple[Engine, Material]:
        """What is in an HSM is asked for anew each time, as by everybody: where its members are may change at any time, and
        moves no revision."""
        return self._opened.get(row.version_id) or super().opened(row, key)

    def all_opened(self) -> list[tuple[Engine, Material]]:
        return [*self._opened.values()]

    def record(self, caller: Caller, action: str, key: Key, row: KeyMaterial, facts: Mapping[str, Any]) -> None:
        recording.record(caller, action, key, version=row.version_id, **facts)
        self.uses.append((action, caller, key))
