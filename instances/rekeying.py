"""A new root key under everything, while the product runs.

1. The new generation is noted; what is made from now on is sealed under it. 2. Purpose keys and instance keys are sealed again,
row by row, each proved to open before it is stored. 3. Every one of them is opened under the new root. 4. Only then the old
generation is retired, unless somebody sealed under it meanwhile: then from 2. 5. The files change names.

Nothing is taken away before its successor is stored, so this may stop anywhere; the next run goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from access import root
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refused
from crypto.envelope import WrappingKey as RootKey
from instances import opening
from instances.models import WrappingKey


@dataclass(frozen=True, slots=True)
class RootRotation:
    """generation: the one in use now; moved: keys sealed again by this run; retired: generations this run retired."""

    generation: int
    moved: int = 0
    retired: tuple[int, ...] = ()


@recording.operation("RotateRootKey")
def rotate_root_key(caller: Caller, *, new: RootKey) -> RootRotation:
    """Leads to `new`, or ends what an earlier run began. Raises RootKeyError, BadCiphertext where a key does not open: then
    the old generation stays in use beside the new one."""
    if denied := why_not_permitted(caller, "RotateRootKey"):
        raise Refused(*denied)
    root.make_purpose_keys()
    generation, moved = root.announce(new, caller.at), 0
    while older := root.older_generations(generation):
        moved += root.seal_purposes_under(generation)
        for key in WrappingKey.objects.holding_bytes().exclude(root_generation=generation).iterator(500):
            moved += opening.seal_under(key, generation)
        verify()
        with transaction.atomic():
            if root.retire(older, caller.at, opening.root_generations):
                recording.record(caller, "RotateRootKey", ("rootkey", str(generation)), moved=moved, retired=older)
                break
    root.tidy_files()
    return RootRotation(generation, moved, tuple(older))


def verify() -> int:
    """How many keys the root keys here open. Raises BadCiphertext or RootKeyError where one does not."""
    count = root.verify_purposes()
    for key in WrappingKey.objects.holding_bytes().iterator(500):
        opening.opened(key)
        count += 1
    return count
