"""What an instance needs of a cluster, tried step by step. A failed step ends the steps of its member, not those of others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pkcs11 import Mechanism
from pkcs11.mechanisms import GCMParams

from crypto.errors import ProviderError
from crypto.hsm import module as modules
from crypto.hsm import objects
from crypto.hsm.cluster import Cluster
from crypto.hsm.configuration import CONSOLE, Place
from crypto.hsm.member import Member, tokens
from crypto.hsm.steps import Check
from crypto.hsm.troubles import Lost, Trouble
from crypto.specs import AES_256

FEWEST = 2


def shown_tokens(module: str, folder: Path) -> list[Place]:
    """Every initialised token that the library shows. Raises Lost."""
    loaded = modules.load(module, folder)
    epoch = loaded.epoch
    loaded.renew(epoch)  # a token that was initialised a moment ago shows only after it
    with loaded.inside():
        found = [Place(module, token.serial.decode("ascii", "replace").strip(), token.label) for token in tokens(loaded)]
    return [place for place in found if place.label and place.serial]


def examine(cluster: Cluster, *, stranger: bool = False, pin: bool = False) -> Iterator[Check]:
    """Every check in order. stranger: the cluster key is not there yet. pin: a PIN that was refused may be tried again."""
    serials = {member.place.serial for member in cluster.members}
    enough = len(serials) == len(cluster.members) >= FEWEST
    yield Check("two_members", trouble="" if enough else str(Trouble.TOO_FEW))
    sound = enough
    for member in cluster.members:
        member.try_again(pin=pin)
        for step, work in (("connect", _connect), ("self_test", _self_test), ("mechanisms", _mechanisms)):
            check = _timed(step, member.place.label, partial(work, cluster, member, stranger))
            yield check
            if not check.passed:
                sound = False
                break
    if sound and not stranger:
        yield _timed("same_keys", "", lambda: _same_keys(cluster))


def complete(cluster: Cluster, names: Collection[str]) -> Iterator[Check]:
    """Whether every member has each of `names`. One that was restored from an older backup lacks the newest, and nobody would
    notice while the others have them."""
    for member in cluster.members:
        yield _timed("complete", member.place.label, partial(_has_all, member, names))


def _has_all(member: Member, names: Collection[str]) -> None:
    if missing := len(set(names) - member.names()):
        raise Lost(Trouble.MISSING, str(missing), member)


def _timed(step: str, member: str, work: Callable[[], None]) -> Check:
    start, trouble, detail = time.monotonic(), "", ""
    try:
        work()
    except Lost as lost:
        trouble, detail = str(lost.trouble), lost.detail
    except ProviderError as error:
        trouble, detail = str(Trouble.SILENT), type(error).__name__
    return Check(step, member, trouble, detail, round((time.monotonic() - start) * 1000))


def _connect(cluster: Cluster, member: Member, stranger: bool) -> None:
    """A connection from before may be dead without knowing why; the fresh one that follows does."""
    try:
        _look(member, stranger)
    except Lost:
        _look(member, stranger)


def _look(member: Member, stranger: bool) -> None:
    with member.session(stranger=stranger) as session, session.alone() as here:
        if not stranger:
            member.prove(here)


def _self_test(cluster: Cluster, member: Member, stranger: bool) -> None:
    """A key of the session is made, encrypts, decrypts and is destroyed."""
    iv = os.urandom(12)
    with member.session(stranger=stranger) as session:
        with session.alone() as here:
            key, _ = objects.generate(here, AES_256)
        with objects.passing(key):
            if _decrypt(key, iv, _encrypt(key, iv)) != iv:
                raise Lost(Trouble.SILENT, "SelfTest")


def _encrypt(key: Any, iv: bytes) -> bytes:
    sealed: bytes = key.encrypt(iv, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(iv, b"", 128))
    return sealed


def _decrypt(key: Any, iv: bytes, sealed: bytes) -> bytes:
    plain: bytes = key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(iv, b"", 128))
    return plain


def _mechanisms(cluster: Cluster, member: Member, stranger: bool) -> None:
    found = member.connected(stranger=stranger).mechanisms
    needs = {Mechanism.AES_KEY_GEN, Mechanism.AES_GCM, objects.WRAP} | (
        objects.MOVING if cluster.configuration.replication == CONSOLE else set())
    if missing := sorted(mechanism.name for mechanism in needs - found):
        raise Lost(Trouble.MECHANISMS, ", ".join(missing))


def _same_keys(cluster: Cluster) -> None:
    """What one member wraps under the cluster key, every other opens and uses to the same end."""
    iv, first = os.urandom(12), cluster.members[0]
    with first.session() as session, session.alone() as here:
        key, _ = objects.generate(here, AES_256)
        with objects.passing(key):
            wrapped = cluster.key(here).wrap_key(key, mechanism=objects.WRAP)
            sealed = _encrypt(key, iv)
    for member in cluster.members:
        with member.session() as session, session.alone() as here:
            key = objects.unwrap(cluster.key(here), wrapped, AES_256)
            with objects.passing(key):
                if _decrypt(key, iv, sealed) != iv:
                    raise Lost(Trouble.SILENT, "SameKeys")
