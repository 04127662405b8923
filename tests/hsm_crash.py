"""Kills itself in the middle: ``python -m tests.hsm_crash SOFTHSM-AS-JSON`` in a data directory of its own.

For each point a forked child makes or destroys a key and ends with SIGKILL right there; then the parent lets the sweeps run and
compares the tokens with the book and the book with the keys. Prints one JSON object: point -> what was found.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import django

# point -> (what is done, dotted function, at which call, killed before it or after it)
POINTS: dict[str, tuple[str, str, int, str]] = {
    "noted": ("make", "crypto.hsm.cluster.Cluster.make", 1, "before"),
    "on one member": ("make", "crypto.hsm.objects.unwrap", 1, "after"),
    "on both members": ("make", "crypto.hsm.objects.unwrap", 2, "after"),
    "rows not committed": ("make", "instances.hsm_objects.keep", 1, "after"),
    "rows committed": ("make", "keys.operations.lifecycle.store_new_key", 1, "after"),
    "erased, not committed": ("destroy", "instances.hsm_objects.doom", 1, "after"),
    "erased": ("destroy", "keys.erasing.release", 1, "before"),
    "gone from one member": ("destroy", "crypto.hsm.cluster._remove", 1, "after"),
    "gone from both": ("destroy", "crypto.hsm.cluster._remove", 2, "after"),
}


def kill_at(dotted: str, call: int, when: str) -> None:
    head, _, name = dotted.rpartition(".")
    try:
        owner: Any = importlib.import_module(head)
    except ModuleNotFoundError:
        module, _, part = head.rpartition(".")
        owner = getattr(importlib.import_module(module), part)
    real, calls = getattr(owner, name), []

    def deadly(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **more)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def in_a_child(work: Callable[[], object]) -> int:
    """The signal that ended it."""
    from django.db import connections

    connections.close_all()
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(given: dict[str, Any]) -> dict[str, Any]:
    django.setup()
    from django.core.management import call_command
    from pkcs11 import Attribute, ObjectClass

    from base import clock
    from instances import hsm_opening, hsm_sweeps
    from instances.hsm_models import HsmObject
    from keys import operations as keys
    from keys import sweeps as key_sweeps
    from keys.models import Key, KeyMaterial
    from tests import make
    from tests.keys.calls import TEXT

    call_command("migrate", interactive=False, verbosity=0)
    alice = make.person(make.account(), "alice")
    cluster = make.hsm_cluster(alice, SimpleNamespace(registered={}, **given))
    home = make.hardware_instance(alice, cluster)

    def inside() -> list[set[str]]:
        found = []
        for member in hsm_opening.opened(cluster).members:
            with member.session() as session, session.alone() as here:
                found.append({bytes(key[Attribute.ID]).decode() for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY)
                              for key in here.get_objects({Attribute.CLASS: kind})} - {cluster.pk, home.pk})
        return found

    def works(key: Key) -> bool:
        blob = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
        return keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT

    before = inside()  # of other clusters on these tokens
    found = {}
    for point, (what, dotted, call, when) in POINTS.items():
        due = make.due_key(alice, home=home) if what == "destroy" else None

        def act(due: Key | None = due, dotted: str = dotted, call: int = call, when: str = when) -> None:
            kill_at(dotted, call, when)
            if due is None:
                keys.create_key(alice(), instance=home)
            else:
                keys.destroy_key(make.operator(), due)

        ended_by = in_a_child(act)
        late = make.later(minutes=20)
        key_sweeps.destroy_due(clock.now())
        hsm_sweeps.clear_objects(late)
        hsm_sweeps.clear_objects(late)
        material = set(KeyMaterial.objects.values_list("version_id", flat=True))
        book = set(HsmObject.objects.exclude(version_id="").values_list("name", flat=True))
        tokens = [one - other for one, other in zip(inside(), before, strict=True)]
        living = Key.objects.filter(state="Enabled")
        found[point] = {"killed": ended_by == signal.SIGKILL, "agree": tokens == [book, book] and book == material,
                        "living": living.count(), "all_work": all(works(key) for key in living.select_related("instance"))}
    return found


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
