"""A refusal is data: made once where the rule lives, translated once at each door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an operation is not done.

    code: the vendor's error code, e.g. ``Rejected.PendingDeletion``; the API answers it.
    facts: what the reader needs to understand it (names, dates, limits); never key material, plaintext or secrets.
    reason: a slug with a text of its own in every language, where one code has several causes; the code by default.
    who: who can lift it: ``administrator``, ``owner``, ``user``, ``operator``, ``service``, ``time`` or ``nobody``.
    lifted_by: the operation (``CancelKeyDeletion``) or page (``page:instance``) that lifts it; empty where none does.
    """

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    who: str = "nobody"
    lifted_by: str = ""

    @property
    def slug(self) -> str:
        return self.reason or self.code


class Refused(Exception):
    """Raised with every reason, in the order the API reports them; the first one names the answer.

    `recorded` is set once the refusal stands in the audit trail, so that an outer door does not write it again; `target`
    is the object it is about, where the raiser knows it and the arguments of the operation do not name it; `noted` are
    further facts for the audit trail, such as the other key of two.
    """

    def __init__(self, *refusals: Refusal) -> None:
        if not refusals:
            raise ValueError("a refusal needs a reason")
        super().__init__(", ".join(refusal.slug for refusal in refusals))
        self.refusals: tuple[Refusal, ...] = refusals
        self.recorded = False
        self.target: Any = None
        self.noted: dict[str, Any] = {}

    @property
    def first(self) -> Refusal:
        return self.refusals[0]
