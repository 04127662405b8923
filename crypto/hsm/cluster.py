"""All members together: using a key on any of them, making and destroying it on all of them.

A key is made only while every member answers, and is on all of them or, after a failure, taken away again where it already
was; the caller's own note of the name (`instances.hsm_objects`) covers a crash in between. Members that are away do no harm
to the use of keys.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from pkcs11 import ObjectClass, PKCS11Error

from crypto.errors import BadCiphertext, MaterialGone, Unavailable
from crypto.hsm import objects
from crypto.hsm.configuration import LIBRARY, Configuration
from crypto.hsm.member import Member, search
from crypto.hsm.objects import PRIVATE, SECRET
from crypto.hsm.pool import Work
from crypto.hsm.troubles import Doubtful, Lost, Trouble
from crypto.specs import SPECS, Spec

R = TypeVar("R")
REPLICATION_SECONDS = 10.0
CLUSTER_LABEL, STORAGE_LABEL = "kms-console cluster", "kms-console storage"
_turn = itertools.count()


class Cluster:
    """One per process and configuration (`cluster_for`). Raises Unavailable, MaterialGone, BadCiphertext, Unsupported."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.members = [Member(configuration, place) for place in configuration.places]

    @property
    def id(self) -> bytes:
        return self.configuration.id.encode()

    # --- use -----------------------------------------------------------------------------------------------------------
    def use(self, name: bytes, kind: ObjectClass, work: Callable[[Any], R]) -> R:
        """On the first member that can, another one first each time. MaterialGone only if every member says so."""
        return self._somewhere(lambda member: member.use(name, kind, work))

    def use_wrapped(self, wrapped: bytes, storage: bytes, spec: Spec, work: Callable[[Any], R]) -> R:
        """The same for a key of the database: it is unwrapped for the length of the work, and destroyed after it."""

        def there(member: Member) -> R:
            with member.session() as session:
                with session.alone() as here:
                    key = objects.unwrap(self._storage(member, here, storage), wrapped, spec)
                try:
                    return work(key)
                except Doubtful:
                    with session.alone() as here:
                        member.prove(here)
                    raise BadCiphertext from None
                finally:
                    with session.alone(), objects.passing(key):
                        pass

        return self._somewhere(there)

    def _storage(self, member: Member, here: Any, name: bytes) -> Any:
        found = search(here, name, SECRET)
        if not found:
            member.prove(here)
            raise MaterialGone
        return found[0]

    def _somewhere(self, work: Callable[[Member], R]) -> R:
        """On one member after the other, those that failed a moment ago last."""
        first, away = next(_turn) % len(self.members), False
        order = self.members[first:] + self.members[:first]
        if any(member.trouble for member in order):
            order.sort(key=lambda member: member.away)
        for member in order:
            try:
                return work(member)
            except MaterialGone:
                continue
            except Unavailable:
                away = True
        raise Unavailable if away else MaterialGone

    # --- making --------------------------------------------------------------------------------------------------------
    def make(self, name: bytes, label: str, spec: Spec, raw: bytes | None = None) -> bytes:
        """A key on every member, fresh or from `raw`; its public half. Raises Unavailable if a member is away."""
        with self._or_nowhere(name), self._everywhere() as sessions:
            with sessions[0].alone() as here:
                key, der = _passing_key(here, spec, raw)
                with objects.passing(key):
                    wrapped = self.key(here).wrap_key(key, mechanism=objects.WRAP)
            for session in self._targets(sessions):
                with session.alone() as here:
                    objects.unwrap(self.key(here), wrapped, spec, name=name, label=label, stays=True)
            self._seen_everywhere(name, objects.kind_of(spec), sessions)
        return der

    def make_wrapped(self, storage: bytes, spec: Spec, raw: bytes | None = None) -> tuple[bytes, bytes]:
        """(a key wrapped by the storage key, for the database, its public half); nothing of it stays on a token."""

        def there(member: Member) -> tuple[bytes, bytes]:
            with member.session() as session, session.alone() as here:
                wrapping = self._storage(member, here, storage)
                key, der = _passing_key(here, spec, raw)
                with objects.passing(key):
                    return wrapping.wrap_key(key, mechanism=objects.WRAP), der

        return self._somewhere(there)

    def wrapped_anew(self, wrapped: bytes, old: bytes, new: bytes, spec: Spec) -> bytes:
        """What the storage key `old` wraps, wrapped by `new`; plain in a token only. BadCiphertext where it is not of `old`."""

        def there(member: Member) -> bytes:
            with member.session() as session, session.alone() as here:
                wrapping, unwrapping = self._storage(member, here, new), self._storage(member, here, old)
                try:
                    key = objects.unwrap(unwrapping, wrapped, spec, travels=True)
                except PKCS11Error:
                    member.prove(here)
                    raise BadCiphertext from None
                with objects.passing(key):
                    return wrapping.wrap_key(key, mechanism=objects.WRAP)  # type: ignore[no-any-return]

        return self._somewhere(there)

    def holds(self, name: bytes, spec: Spec) -> bool:
        """Whether every member has the object. Raises Unavailable while one is away."""
        for member in self.members:
            with member.session() as session, session.alone() as here:
                if not search(here, name, objects.kind_of(spec)):
                    member.prove(here)
                    return False
        return True

    def destroy(self, name: bytes) -> None:
        """Gone from every member, also where it was not there. Raises Unavailable while a member is away."""
        away = False
        for member in self.members:
            try:
                with member.session() as session, session.alone() as here:
                    member.prove(here)
                    _remove(here, name)
            except Unavailable:
                away = True
        if away:
            raise Unavailable

    # --- the cluster's own keys ----------------------------------------------------------------------------------------
    def found(self) -> None:
        """Makes the cluster key, by which a token is known as a member from now on: generated on one token, carried to each, its
        own included, under a key that was made there for this. Raises Lost."""
        with self._or_nowhere(self.id, stranger=True), self._everywhere(stranger=True) as sessions:
            with sessions[0].alone() as source:
                key = objects.wrapping_key(source)
            try:
                for session in self._targets(sessions):
                    with session.alone() as here:
                        public, private = objects.transport_pair(here)
                        with objects.passing(public, private):
                            objects.settle(private, objects.wrap_for(source, key, public), self.id, CLUSTER_LABEL, transport=True)
            finally:
                with sessions[0].alone(), objects.passing(key):
                    pass
            self._seen_everywhere(self.id, SECRET, sessions)

    def add_storage_key(self, name: bytes) -> None:
        """Makes the key that wraps what `make_wrapped` gives, unless every member has it. Raises Unavailable."""
        if all(member.has(name, SECRET) for member in self.members):
            return
        with self._or_nowhere(name), self._everywhere() as sessions:
            with sessions[0].alone() as here:
                key = objects.wrapping_key(here)
                with objects.passing(key):
                    wrapped = self.key(here).wrap_key(key, mechanism=objects.WRAP)
            for session in self._targets(sessions):
                with session.alone() as here:
                    _remove(here, name)  # half of it may be there after a crash; nothing rests on it yet
                    objects.settle(self.key(here), wrapped, name, STORAGE_LABEL)
            self._seen_everywhere(name, SECRET, sessions)

    # --- inside --------------------------------------------------------------------------------------------------------
    @contextmanager
    def _everywhere(self, *, stranger: bool = False) -> Iterator[list[Work]]:
        """A session with each member at once. All are connected first: a renewal of a library waits until nobody is inside."""
        for member in self.members:
            member.connected(stranger=stranger)
        with ExitStack() as stack:
            yield [stack.enter_context(member.session(stranger=stranger)) for member in self.members]

    def _targets(self, sessions: list[Work]) -> list[Work]:
        return sessions[:1] if self.configuration.replication == LIBRARY else sessions

    @contextmanager
    def _or_nowhere(self, name: bytes, *, stranger: bool = False) -> Iterator[None]:
        """What fails on one member is taken away from those that have it."""
        try:
            yield
        except BaseException:
            for member in self.members:
                with contextlib.suppress(Unavailable), member.session(stranger=stranger) as session, session.alone() as here:
                    _remove(here, name)
            raise

    def key(self, here: Any) -> Any:
        """The cluster key; a token without it is no member. Call it `alone`."""
        found = search(here, self.id, SECRET)
        if not found:
            raise Lost(Trouble.STRANGER)
        return found[0]

    def _seen_everywhere(self, name: bytes, kind: ObjectClass, sessions: list[Work]) -> None:
        """Where the library replicates, a key counts as made when every member has it. Raises Lost."""
        end = time.monotonic() + REPLICATION_SECONDS
        for session in sessions:
            while True:
                with session.alone() as here:
                    if search(here, name, kind):
                        break
                if time.monotonic() > end:
                    raise Lost(Trouble.SILENT, "NotReplicated", session)
                time.sleep(0.05)

    def mechanisms(self) -> frozenset[Any]:
        """What every member can do."""
        return frozenset.intersection(*(member.connected(stranger=True).mechanisms for member in self.members))

    def specs(self) -> tuple[str, ...]:
        """Names of the specs that every member serves."""
        mechanisms = self.mechanisms()
        return tuple(name for name, spec in SPECS.items() if objects.served(spec, mechanisms))


def _passing_key(here: Any, spec: Spec, raw: bytes | None) -> tuple[Any, bytes]:
    """(a key that lives as long as the session and may be wrapped, the public half of a fresh one): fresh, or the caller's own,
    which enters the token under a key that was made there for this. Call it `alone`."""
    return objects.generate(here, spec) if raw is None else (objects.brought_in(here, spec, raw), b"")


def _remove(here: Any, name: bytes) -> None:
    for kind in (SECRET, PRIVATE):
        for key in search(here, name, kind):
            try:
                key.destroy()
            except PKCS11Error:
                if search(here, name, kind):  # otherwise the library's replication was faster
                    raise


_clusters: dict[Configuration, Cluster] = {}
_lock = threading.Lock()


def cluster_for(configuration: Configuration) -> Cluster:
    """The one of this process: connections and look-ups are kept."""
    with _lock:
        if configuration not in _clusters:
            _clusters[configuration] = Cluster(configuration)
        return _clusters[configuration]


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
