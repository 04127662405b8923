"""Throw-away SoftHSM2 tokens. The library reads SOFTHSM2_CONF when it is initialised, so the tokens of one process share a
folder; tests that need others, or forks and crashes, run in processes of their own (`environment`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crypto.hsm import module as modules
from crypto.hsm.configuration import CONSOLE, Configuration, Pin, Place
from instances import hsm_opening
from tests.parts import need

PIN, SO_PIN = "only-for-tests-4711", "only-for-tests-0815"
LABELS = ("kms-hsm-a", "kms-hsm-b", "kms-hsm-c")


class SoftHsm:
    """Tokens by label. module: path of the library; pin_file: 0600, with the PIN of all of them."""

    def __init__(self, folder: Path) -> None:
        need("softhsm2-util", "softhsm2")
        self.folder = folder
        self.tokens = folder / "tokens"
        self.tokens.mkdir()
        self.locks = folder / "locks"
        self.locks.mkdir()
        self.pin_file = folder / "pin"
        self.pin_file.write_text(PIN + "\n")
        self.pin_file.chmod(0o600)
        self.configuration_file = folder / "softhsm2.conf"
        self.configuration_file.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        found = subprocess.run(["dpkg", "-L", "libsofthsm2"], check=True, capture_output=True, text=True).stdout.split()
        self.module = next(path for path in found if path.endswith("/libsofthsm2.so"))
        self.registered: dict[Any, Any] = {}
        self._away: dict[str, Path] = {}
        self.serials = {label: self.init(label) for label in LABELS}

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOFTHSM2_CONF": str(self.configuration_file)}

    def init(self, label: str) -> str:
        """Makes a token; its serial."""
        before = set(self.tokens.iterdir())
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN],
                       check=True, capture_output=True, env=self.environment)
        (made,) = set(self.tokens.iterdir()) - before
        return made.name.replace("-", "")[16:]

    def _folder(self, label: str) -> Path:
        return next(path for path in self.tokens.iterdir() if path.name.replace("-", "").endswith(self.serials[label]))

    def take_away(self, label: str) -> None:
        """As if somebody pulled the cable."""
        here = self._folder(label)
        self._away[label] = here
        here.rename(self.folder / here.name)

    def bring_back(self, label: str) -> None:
        here = self._away.pop(label)
        (self.folder / here.name).rename(here)

    @contextmanager
    def backed_up(self, *labels: str) -> Iterator[None]:
        """The tokens as their owner's own backup keeps them: at the end they are again what they were at the beginning."""
        kept = {label: self.folder / f"backup-of-{label}" for label in labels or LABELS[:2]}
        for label, copy in kept.items():
            shutil.copytree(self._folder(label), copy)
        try:
            yield
        finally:
            for label, copy in kept.items():
                here = self._folder(label)
                shutil.rmtree(here)
                copy.rename(here)
            for module in modules.loaded():
                module.not_before = 0.0  # no pause: the tokens must be read anew, however lately that was done
                module.renew(module.epoch)

    @contextmanager
    def without(self, *labels: str) -> Iterator[None]:
        for label in labels:
            self.take_away(label)
        try:
            yield
        finally:
            for label in labels:
                if label in self._away:
                    self.bring_back(label)

    def places(self, *labels: str) -> tuple[Place, ...]:
        return tuple(Place(self.module, self.serials[label], label) for label in labels)

    def cluster(self, name: str, *labels: str, replication: str = CONSOLE) -> Configuration:
        """Tried again after a loss almost at once: a test does not wait."""
        return Configuration(name, self.places(*(labels or LABELS[:2])), Pin(f"file:{self.pin_file}"), replication, self.locks,
                             pauses=(0.05, 0.1))


@pytest.fixture(scope="session")
def softhsm() -> Iterator[SoftHsm]:
    with tempfile.TemporaryDirectory(prefix="kms-softhsm-") as folder:
        hsm = SoftHsm(Path(folder))
        os.environ["SOFTHSM2_CONF"] = str(hsm.configuration_file)
        yield hsm


class Renewals:
    """A library is initialised anew at most every few seconds; a test that has just seen one loss does not wait for the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(modules, "RENEWAL_PAUSE", 0.0)
        for module in modules.loaded():
            monkeypatch.setattr(module, "not_before", 0.0)

    def pause_is_over(self, cluster: Any) -> None:
        for member in hsm_opening.opened(cluster).members:
            member.try_again()


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> Renewals:
    return Renewals(monkeypatch)
