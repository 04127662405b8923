"""One token: connected when it is first needed, and again, not too often, after it was lost."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pkcs11 import Attribute, ObjectClass, PKCS11Error
from pkcs11 import exceptions as errors

from crypto.errors import BadCiphertext, MaterialGone, ProviderError
from crypto.hsm import module as modules
from crypto.hsm.configuration import Configuration, Place
from crypto.hsm.module import Module
from crypto.hsm.pool import Pool, Work, log_in, may_try_again
from crypto.hsm.troubles import Doubtful, Lost, Trouble

R = TypeVar("R")
_members: weakref.WeakSet[Member] = weakref.WeakSet()
SECRET, PRIVATE = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY
_PATIENCE = 15.0
# The handle is of an object that is gone, or of a token that was away meanwhile.
_STALE = (errors.ObjectHandleInvalid, errors.KeyHandleInvalid)
# Nothing helps against these but somebody's hands, so they are not worth a renewal of the library.
_SETTLED = (Trouble.MODULE, Trouble.NO_PIN, Trouble.PIN, Trouble.LOCKED, Trouble.BUSY)


class Member:
    """Raises Lost for whatever keeps the token from answering, MaterialGone for a key that a token in good order has not."""

    def __init__(self, cluster: Configuration, place: Place) -> None:
        self.place = place
        self.trouble = ""
        self.detail = ""
        self._cluster = cluster
        self._pool: Pool | None = None
        self._connecting = threading.Lock()
        self._pause = cluster.pauses[0]
        self._not_before = 0.0
        _members.add(self)

    @property
    def away(self) -> bool:
        """It failed a moment ago and will not be tried now, or somebody is trying it."""
        return time.monotonic() < self._not_before or self._connecting.locked()

    @property
    def sessions(self) -> tuple[int, int]:
        """(in use, open) in this process."""
        pool = self._pool
        return (pool.used, pool.open) if pool else (0, 0)

    def try_again(self, *, pin: bool = False) -> None:
        """Forgets the pause; with `pin` also that the PIN was refused."""
        self._not_before, self._pause = 0.0, self._cluster.pauses[0]
        if pin:
            may_try_again(self.place.serial, self._cluster.folder)

    # --- using ---------------------------------------------------------------------------------------------------------
    def use(self, name: bytes, kind: ObjectClass, work: Callable[[Any], R]) -> R:
        """What `work` makes of the object `name`, in a session of its own. A stale handle is looked up once more."""
        with self.session() as session:
            for again in (True, False):
                key = session.known((kind, name)) or self._find(session, name, kind)
                try:
                    return work(key)
                except _STALE as error:
                    session.forget((kind, name))
                    if not again:
                        raise Lost(Trouble.SILENT, type(error).__name__) from None
                except Doubtful:
                    with session.alone() as here:
                        self.prove(here)
                    raise BadCiphertext from None
        raise AssertionError("unreachable")

    def has(self, name: bytes, kind: ObjectClass) -> bool:
        with self.session() as session, session.alone() as here:
            return bool(search(here, name, kind))

    def names(self) -> set[str]:
        """CKA_ID of every key on the token, other people's included."""
        with self.session() as session, session.alone() as here:
            return {bytes(key[Attribute.ID]).decode("ascii", "replace") for kind in (SECRET, PRIVATE)
                    for key in here.get_objects({Attribute.CLASS: kind})}

    def session(self, *, stranger: bool = False) -> _Visit:
        """``with member.session() as work``: a session of the pool. stranger: also where the cluster key is not on the token."""
        return _Visit(self, stranger)

    def note(self, pool: Pool, work: Work | None, error: BaseException | None) -> bool:
        """What went wrong in a session: whether that can be used again. Raises Lost for what the library reported."""
        if error is None:
            return True
        if isinstance(error, PKCS11Error):
            error = Lost(Trouble.SILENT, type(error).__name__)
            self._lost(pool, error)
            raise error from None
        if not isinstance(error, Lost):
            return isinstance(error, ProviderError)
        if error.where not in (None, work):
            return True  # another member's, in a session of its own
        if error.trouble is not Trouble.BUSY:
            self._lost(pool, error)
        return False

    def _find(self, session: Work, name: bytes, kind: ObjectClass) -> Any:
        with session.alone() as here:
            found = search(here, name, kind)
            if not found:
                self.prove(here)
                raise MaterialGone
        session.note((kind, name), found[0])
        return found[0]

    def prove(self, here: Any) -> None:
        """A token that was taken away may answer that it has no keys: then the cluster key is missing as well. Call it
        `alone`. Raises Lost."""
        if not search(here, self._cluster.id.encode(), SECRET):
            raise Lost(Trouble.STRANGER)

    # --- connecting ----------------------------------------------------------------------------------------------------
    def connected(self, *, stranger: bool = False) -> Pool:
        """Connects if need be. Raises Lost, without a try where the last one failed a moment ago."""
        pool = self._pool
        if pool is not None and pool.epoch == pool.module.epoch:
            return pool
        if not self._connecting.acquire(timeout=_PATIENCE):
            raise Lost(Trouble.BUSY)
        try:
            if self._pool is not pool and self._pool is not None and self._pool.epoch == self._pool.module.epoch:
                return self._pool
            if time.monotonic() < self._not_before:
                raise Lost(Trouble(self.trouble), self.detail)
            try:
                self._pool = self._opened(stranger)
            except Lost as lost:
                self._put_off(lost)
                raise
            self.trouble = self.detail = ""
            self._pause = self._cluster.pauses[0]
            return self._pool
        finally:
            self._connecting.release()

    def _opened(self, stranger: bool) -> Pool:
        """As the library shows things now; and once more after it was initialised anew, because a token that comes back shows
        only then."""
        module = modules.load(self.place.module, self._cluster.folder)
        epoch = module.epoch
        try:
            return self._attempt(module, stranger)
        except Lost as lost:
            if lost.trouble in _SETTLED or not module.renew(epoch):
                raise
        return self._attempt(module, stranger)

    def _attempt(self, module: Module, stranger: bool) -> Pool:
        with module.inside(), module.alone():
            try:
                token = self._token(module)
                home = log_in(module, token, self.place.serial, self._cluster.pin, self._cluster.folder)
                pool = Pool(module, token, home, frozenset(token.slot.get_mechanisms()))
                if not stranger and not search(home, self._cluster.id.encode(), SECRET):
                    raise Lost(Trouble.STRANGER)
            except PKCS11Error as error:
                raise Lost(Trouble.SILENT, type(error).__name__) from None
        return pool

    def _token(self, module: Module) -> Any:
        for token in tokens(module):
            if token.serial.decode("ascii", "replace").strip() == self.place.serial:
                return token
        raise Lost(Trouble.TOKEN)

    def _lost(self, pool: Pool, lost: Lost) -> None:
        """What was found out with an old pool says nothing about a new one."""
        if self._pool is pool and pool.epoch == pool.module.epoch:
            self._pool = None
            self._put_off(lost, at_once=True)

    def _put_off(self, lost: Lost, *, at_once: bool = False) -> None:
        self.trouble, self.detail = str(lost.trouble), lost.detail
        if not at_once:  # a working connection that broke is worth one try without a pause
            self._not_before = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, self._cluster.pauses[1])


class _Visit:
    """Inside the library with a session. A class, because this is around every use of a key and a generator costs more."""

    __slots__ = ("_member", "_pool", "_stranger", "_work")

    def __init__(self, member: Member, stranger: bool) -> None:
        self._member = member
        self._stranger = stranger

    def __enter__(self) -> Work:
        while True:
            self._pool = pool = self._member.connected(stranger=self._stranger)
            pool.module.enter()
            if pool.epoch == pool.module.epoch:
                break
            pool.module.leave()
        try:
            self._work = pool.take()
        except BaseException as error:
            pool.module.leave()
            self._member.note(pool, None, error)
            raise
        return self._work

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        good = False
        try:
            good = self._member.note(self._pool, self._work, error)
        finally:
            self._pool.give(self._work, good=good)
            self._pool.module.leave()


def tokens(module: Module) -> Iterator[Any]:
    """Every token the library shows. One that fails to say what it is must not hide the others."""
    for slot in module.library.get_slots(token_present=True):
        try:
            yield slot.get_token()
        except PKCS11Error:
            continue


def search(session: Any, name: bytes, kind: ObjectClass) -> list[Any]:
    """Call it `alone`. While the search is open the session answers nothing else, so it is read to its end."""
    return list(session.get_objects({Attribute.ID: name, Attribute.CLASS: kind}))


def _after_fork_in_child() -> None:
    for member in _members:
        member._connecting = threading.Lock()  # a thread that is not here any more may have held the other


os.register_at_fork(after_in_child=_after_fork_in_child)
