"""The root key outside this machine: cut into shares for people, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from access import root
from access.models import RootKeyCheck
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refused
from crypto import rootkey, shares
from crypto.envelope import WrappingKey
from crypto.errors import RootKeyError


@dataclass(frozen=True, slots=True)
class Shares:
    """generation: whose shares; check_value: what the key computes, harmless to know."""

    generation: int
    check_value: str
    texts: tuple[str, ...] = field(repr=False)


@recording.operation("ExportRootKey")
def export_root_key(caller: Caller, *, count: int, threshold: int) -> Shares:
    """Any `threshold` of the `count` shares give the root key in use. Each call makes a new set; sets do not mix. That it was
    done stands in the trail, what was given out does not. Raises RootKeyError."""
    if denied := why_not_permitted(caller, "ExportRootKey"):
        raise Refused(*denied)
    with transaction.atomic():
        generation = root.newest_generation()
        check_value = root.root_key(generation, again=True).check_value()
        texts = shares.split(root.raw_bytes(check_value), shares=count, threshold=threshold)
        recording.record(caller, "ExportRootKey", ("rootkey", str(generation)), shares=count, threshold=threshold)
    return Shares(generation, check_value, tuple(texts))


@recording.operation("RestoreRootKey")
def restore_root_key(caller: Caller, *, texts: Sequence[str]) -> int:
    """Writes `root.key` from its shares and returns the generation. Raises RootKeyError, with nothing written: the shares do not
    fit together, are of another installation or of a retired generation, or a file is there already."""
    if denied := why_not_permitted(caller, "RestoreRootKey"):
        raise Refused(*denied)
    raw = shares.join(texts)
    key, path = WrappingKey(raw), settings.KMS_ROOT_KEY_PATH
    row = RootKeyCheck.objects.filter(check_value=key.check_value()).first()
    if row is None:
        raise RootKeyError("these shares are not of the root key this database was made with; nothing was written")
    if row.retired_at is not None:
        raise RootKeyError(f"these shares are of generation {row.generation}, which is retired; nothing was written")
    if settings.KMS_ROOT_KEY:
        raise RootKeyError("KMS_ROOT_KEY is set and would be used instead of the file; unset it first")
    if rootkey.create(path, raw).check_value() != key.check_value():
        raise RootKeyError(f"{path.name} is there already and holds another key; move it away first")
    recording.record(caller, "RestoreRootKey", ("rootkey", str(row.generation)))
    return row.generation
