"""How a cluster is reached. Plain data, so that this floor needs no database."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from crypto.hsm.troubles import Lost, Trouble

LIBRARY, CONSOLE = "library", "console"


@dataclass(frozen=True, slots=True)
class Pin:
    """Where the PIN of the crypto user is, never the PIN: ``env:NAME`` (the variable NAME, or the file that NAME_FILE names),
    or ``file:/path``."""

    source: str

    def read(self) -> str:
        """Raises Lost. A file that others may read is refused, like that of the root key."""
        kind, _, name = self.source.partition(":")
        if kind == "env":
            if value := os.environ.get(name, ""):
                return value
            name = os.environ.get(f"{name}_FILE", "")
        try:
            path = Path(name)
            if not name or path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Lost(Trouble.NO_PIN)
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Lost(Trouble.NO_PIN, type(error).__name__) from None


@dataclass(frozen=True, slots=True)
class Place:
    """A token. module: path of the vendor's library; serial: what tells the token from every other; label: for people."""

    module: str
    serial: str
    label: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """id: CKA_ID of the cluster key, by which a token is known to be a member. replication: LIBRARY where the vendor's library
    brings every key to every member, CONSOLE where this program does. folder: for locks that the processes of this machine
    share. pauses: seconds to wait after a failure before a member is tried again, the first and the longest."""

    id: str
    places: tuple[Place, ...]
    pin: Pin
    replication: str
    folder: Path
    pauses: tuple[float, float] = (5.0, 60.0)
