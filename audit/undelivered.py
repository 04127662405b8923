"""The one error of the ways out. On its own, because settings know the ways and no model."""


class Undelivered(Exception):
    """Why an event was not taken, in words without addresses or secrets. down: nobody answers, so the rest need not try now."""

    def __init__(self, text: str, *, down: bool = False) -> None:
        super().__init__(text[:200])
        self.down = down
