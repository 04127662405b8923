"""Sessions with one token: one that is logged in and stays open, and a pool of others that share its login.

Closing a session that was opened with the PIN logs out all of them, so that one is never closed; and a second login is an
error, so the others are opened without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import ObjectClass
from pkcs11 import exceptions as errors

from crypto.hsm.configuration import Pin
from crypto.hsm.module import Module
from crypto.hsm.troubles import Lost, Trouble

Name = tuple[ObjectClass, bytes]
MOST_SESSIONS = 32
MOST_KEYS = 256
_PATIENCE = 10.0
_WRONG = (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange)
_LOCKED = (errors.PinLocked, errors.PinExpired)


class Work:
    """A session and the keys it has looked up, by name; a look-up costs several times what the use of a key does."""

    def __init__(self, pool: Pool, session: Any) -> None:
        self.pool = pool
        self.session = session
        self._keys: OrderedDict[Name, Any] = OrderedDict()

    @contextmanager
    def alone(self) -> Iterator[Any]:
        """The session, while nobody else creates, destroys or searches. Raises Lost for what the library reports."""
        with self.pool.module.alone():
            try:
                yield self.session
            except pkcs11.PKCS11Error as error:
                raise Lost(Trouble.SILENT, type(error).__name__, self) from None

    def known(self, name: Name) -> Any:
        key = self._keys.get(name)
        if key is not None:
            self._keys.move_to_end(name)
        return key

    def note(self, name: Name, key: Any) -> None:
        self._keys[name] = key
        if len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)

    def forget(self, name: Name) -> None:
        self._keys.pop(name, None)


class Pool:
    """epoch: of the module when this was opened; home: the session that holds the login; mechanisms: what the token can do."""

    def __init__(self, module: Module, token: Any, home: Any, mechanisms: frozenset[Any]) -> None:
        self.module = module
        self.epoch = module.epoch
        self.token = token
        self.home = home
        self.mechanisms = mechanisms
        self.open = 0
        self._free: deque[Work] = deque()
        self._change = threading.Condition()
        self._waiting = 0

    @property
    def used(self) -> int:
        return max(0, self.open - len(self._free))

    def take(self) -> Work:
        """Raises Lost when all are in use for too long, or the token gives no more."""
        try:
            return self._free.pop()  # the usual case, and atomic
        except IndexError:
            pass
        with self._change:
            if self.open >= MOST_SESSIONS:
                self._waiting += 1
                try:
                    if not self._change.wait_for(lambda: self._free or self.open < MOST_SESSIONS, _PATIENCE):
                        raise Lost(Trouble.BUSY)
                finally:
                    self._waiting -= 1
            if self._free:
                return self._free.pop()
            self.open += 1
        try:
            return Work(self, self.token.open(rw=True))
        except BaseException as error:
            with self._change:
                self.open -= 1
            if isinstance(error, errors.SessionCount):
                raise Lost(Trouble.BUSY, "SessionCount") from None
            raise

    def give(self, work: Work, *, good: bool) -> None:
        """Back; a session in which something went wrong is closed rather than used again."""
        if good:
            self._free.append(work)
        elif self.epoch == self.module.epoch:
            with contextlib.suppress(pkcs11.PKCS11Error):
                work.session.close()
        if not good or self._waiting:
            with self._change:
                self.open -= not good
                self._change.notify()


def log_in(module: Module, token: Any, serial: str, pin: Pin, folder: Path) -> Any:
    """The session that holds the login. A PIN that was refused is not tried again by any process of this machine: tokens lock
    after a few wrong ones. Call it `alone`. Raises Lost."""
    refused = folder / f"hsm-{serial}.pin-refused"
    if refused.exists() and _is(refused, pin):
        raise Lost(Trouble.PIN)
    try:
        home = token.open(rw=True, user_pin=pin.read())
    except errors.UserAlreadyLoggedIn:
        return token.open(rw=True)
    except _LOCKED as error:
        raise Lost(Trouble.LOCKED, type(error).__name__) from None
    except _WRONG as error:
        _note(refused, pin)
        raise Lost(Trouble.PIN, type(error).__name__) from None
    refused.unlink(missing_ok=True)
    return home


def may_try_again(serial: str, folder: Path) -> None:
    """Somebody says that the refused PIN is right by now."""
    (folder / f"hsm-{serial}.pin-refused").unlink(missing_ok=True)


def _mark(pin: Pin, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.read().encode(), salt=salt, n=2**14, r=8, p=1)


def _note(path: Path, pin: Pin) -> None:
    salt = secrets.token_bytes(16)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(salt + _mark(pin, salt))


def _is(path: Path, pin: Pin) -> bool:
    raw = path.read_bytes()
    return secrets.compare_digest(raw[16:], _mark(pin, raw[:16]))
