"""What the checks of a cluster are called and what comes of one: apart from the checks, so that words and rows about them need no
library of PKCS#11."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = ("two_members", "connect", "self_test", "mechanisms", "same_keys", "complete")


@dataclass(frozen=True, slots=True)
class Check:
    """step: of STEPS; member: label of the token, empty for a step over all of them; trouble: of `Trouble`, where it failed;
    ms: how long it took."""

    step: str
    member: str = ""
    trouble: str = ""
    detail: str = ""
    ms: int = 0

    @property
    def passed(self) -> bool:
        return not self.trouble
