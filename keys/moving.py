"""Compare-and-set on the revision, for one key or for a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from base.refusal import Refusal, Refused
from keys.among import among

if TYPE_CHECKING:
    from keys.models import Key


def move(keys: Sequence[Key], **changes: Any) -> None:
    """Writes `changes` to all of `keys` if nobody wrote to any since they were read. Raises Refused where somebody did; some
    of several keys are written then, and the transaction must not be committed."""
    revisions: dict[int, list[Key]] = {}
    for key in keys:
        revisions.setdefault(key.revision, []).append(key)
    for revision, same in revisions.items():
        rows = type(same[0]).objects.filter(pk__in=among(key.pk for key in same), revision=revision)
        if rows.update(revision=revision + 1, **changes) != len(same):
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": same[0].pk}, reason="changed_meanwhile", who="user"))
    for key in keys:
        key.revision += 1
        for name, value in changes.items():
            setattr(key, name, value)
