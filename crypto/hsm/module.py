"""One vendor library in this process: loaded once, initialised for threads, and safe across forks and processes.

1. python-pkcs11 calls C_Initialize(NULL), "one thread only", and then releases the interpreter's lock: two threads crash.
   `Library` initialises with CKF_OS_LOCKING_OK instead.
2. SoftHSM still has a race between creating, destroying and searching objects, in one process and between two. `alone` is one
   lock for the three; using a key that was found before needs none, and is where the time goes.
3. A library sees a token that came back only after C_Finalize and C_Initialize (`renew`), which end every session in the
   process. So each use of the library is `inside`, and a renewal waits until nobody is.
4. What a child inherits by fork is the parent's: it forgets it and initialises anew before its first use.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkcs11 import PKCS11Error, _pkcs11

from crypto.hsm.troubles import Lost, Trouble

_OS_LOCKING_OK = 2
_ALREADY_INITIALIZED = 0x191
_PATIENCE = 15.0
RENEWAL_PAUSE = 5.0


class _Arguments(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_void_p) for name in ("create", "destroy", "lock", "unlock")),
                ("flags", ctypes.c_ulong), ("reserved", ctypes.c_void_p))


class Library(_pkcs11.lib):
    def initialize(self) -> None:
        code = ctypes.CDLL(self.so).C_Initialize(ctypes.byref(_Arguments(flags=_OS_LOCKING_OK)))
        if code not in (0, _ALREADY_INITIALIZED):
            raise PKCS11Error(hex(code))

    def finalize(self) -> None:
        ctypes.CDLL(self.so).C_Finalize(None)


class _Gate:
    """Many may be inside, or one alone who lets nobody else in. Who finds it open pays for one lock each way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)
        self._inside = 0
        self._shut = False

    def enter(self) -> None:
        with self._lock:
            if self._shut and not self._change.wait_for(lambda: not self._shut, _PATIENCE):
                raise Lost(Trouble.BUSY)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._shut:
                self._change.notify_all()

    @contextmanager
    def shut(self) -> Iterator[bool]:
        """Whether everybody has left; where somebody is stuck in the library, nothing may be done to it."""
        with self._lock:
            if not self._change.wait_for(lambda: not self._shut, _PATIENCE):
                yield False
                return
            self._shut = True
            empty = self._change.wait_for(lambda: not self._inside, _PATIENCE)
        try:
            yield empty
        finally:
            with self._lock:
                self._shut = False
                self._change.notify_all()


class Module:
    """epoch: counts initialisations; a session of an earlier one is dead. not_before: on the monotonic clock, the next one."""

    def __init__(self, path: str, folder: Path, *, inherited: bool) -> None:
        self.path = path
        self.epoch = 0
        self.one = threading.Lock()
        self._gate = _Gate()
        self.enter, self.leave = self._gate.enter, self._gate.leave
        self.not_before = 0.0
        try:
            if inherited:
                ctypes.CDLL(path).C_Finalize(None)
            self.library = Library(path)
        except (PKCS11Error, OSError, AttributeError) as error:
            raise Lost(Trouble.MODULE, type(error).__name__) from None
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        self._lock = os.open(folder / f"hsm-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Around every use of the library."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else on this machine creates, destroys or searches. Never nested; ends with Lost, not with a deadlock."""
        end = time.monotonic() + _PATIENCE
        if not self.one.acquire(timeout=_PATIENCE):
            raise Lost(Trouble.BUSY)
        try:
            while not self._locked():
                if time.monotonic() > end:
                    raise Lost(Trouble.BUSY)
                time.sleep(0.001)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        finally:
            self.one.release()

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def renew(self, epoch: int) -> bool:
        """Initialises anew, unless somebody has since `epoch`, or it was done a moment ago. Whether there is a new epoch."""
        with self._gate.shut() as empty:
            if self.epoch != epoch:
                return True
            now = time.monotonic()
            if not empty or now < self.not_before:
                return False
            self.not_before = now + RENEWAL_PAUSE
            self.epoch += 1
            self.library.finalize()
            try:
                self.library.initialize()
            except PKCS11Error as error:
                raise Lost(Trouble.MODULE, type(error).__name__) from None
        return True


_loading = threading.Lock()
_modules: dict[str, Module] = {}
_inherited: set[str] = set()


def load(path: str, folder: Path) -> Module:
    """The module of this process. Raises Lost."""
    with _loading:
        if path not in _modules:
            _modules[path] = Module(path, folder, inherited=path in _inherited)
        return _modules[path]


def loaded() -> list[Module]:
    return list(_modules.values())


def _before_fork() -> None:
    # Nobody may be in the middle of a change that the child would inherit half done.
    _loading.acquire()
    for module in _modules.values():
        module.one.acquire()


def _after_fork_in_parent() -> None:
    for module in _modules.values():
        module.one.release()
    _loading.release()


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.Lock()
    _inherited.update(_modules)
    for module in _modules.values():
        os.close(module._lock)  # the parent's lock would be the child's too
        module.epoch += 1  # and its sessions are nobody's
    _modules.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
