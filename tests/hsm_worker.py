"""A process of its own at a SoftHSM cluster: ``python -m tests.hsm_worker JOB ARGUMENTS-AS-JSON``, one JSON object as answer."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from crypto.algorithms import SIGNINGS
from crypto.engine import material_identity
from crypto.envelope import WrappingKey
from crypto.errors import ProviderError
from crypto.hsm.cluster import Cluster, cluster_for
from crypto.hsm.configuration import Configuration, Pin, Place
from crypto.hsm.provider import HsmProvider
from crypto.provider import Material
from crypto.specs import AES_256, SPECS

ROOT = Path(__file__).parent.parent
KEY = WrappingKey(b"w" * 32)
STORAGE = "kst-of-workers"
THREADS = 8


def arguments(configuration: Configuration, **more: Any) -> str:
    """What a worker needs to know of a cluster, as text."""
    return json.dumps({"id": configuration.id, "pin": configuration.pin.source, "folder": str(configuration.folder),
                       "replication": configuration.replication, "pauses": configuration.pauses,
                       "places": [[place.module, place.serial, place.label] for place in configuration.places], **more})


def _cluster(given: dict[str, Any]) -> Cluster:
    return cluster_for(Configuration(given["id"], tuple(Place(*place) for place in given["places"]), Pin(given["pin"]),
                                     given["replication"], Path(given["folder"]), tuple(given["pauses"])))


def identity(version: str) -> Any:
    return material_identity("1000000000000001", "key-of-workers", version)


def shared(cluster: Cluster, spec: str, name: str) -> Material:
    """A key that every worker knows the row of."""
    return HsmProvider(KEY, cluster, STORAGE).make(name, SPECS[spec], identity(name))


def row(material: Material) -> list[str]:
    return [material.spec.name, material.identity.version, material.stored.hex(), material.public.hex()]


def material(row: list[str]) -> Material:
    spec, version, stored, public = row
    return Material(SPECS[spec], identity(version), bytes.fromhex(stored), bytes.fromhex(public))


def crowd(given: dict[str, Any]) -> dict[str, Any]:
    """Every thread encrypts and decrypts, signs, and now and then makes a key, uses it and destroys it."""
    provider, errors, done = HsmProvider(KEY, _cluster(given), STORAGE), [], []
    aes, pair = material(given["aes"]), material(given["pair"])
    start = threading.Barrier(THREADS)

    def work(number: int) -> None:
        start.wait()
        for step in range(given["steps"]):
            text = f"{os.getpid()}/{number}/{step}".encode()
            try:
                assert provider.decrypt(aes, provider.encrypt(aes, text, b"a"), b"a") == text
                provider.sign(pair, SIGNINGS["ECDSA_SHA_256"], b"d" * 32)
                if step % 10 == number:
                    name = text.decode()
                    own = provider.make(name, AES_256, identity(name))
                    assert provider.decrypt(own, provider.encrypt(own, text, b""), b"") == text
                    provider.destroy(own)
                if step % 10 == number + 1:
                    own = provider.make_wrapped(AES_256, identity(text.decode()))
                    assert provider.decrypt(own, provider.encrypt(own, text, b""), b"") == text
                done.append(step)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
                errors.append("".join(traceback.format_exception(error))[-600:])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"done": len(done), "errors": errors}


def fork(given: dict[str, Any]) -> dict[str, Any]:
    """The parent works, forks, and both work on with all their threads; so do two grandchildren."""
    provider, aes = HsmProvider(KEY, _cluster(given), STORAGE), material(given["aes"])

    def works() -> bool:
        return provider.decrypt(aes, provider.encrypt(aes, b"x", b""), b"") == b"x"

    assert works()
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            ok = works() and crowd(given)["errors"] == []
            grandchild = os.fork()
            if not grandchild:
                os._exit(0 if works() else 1)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) or (0 if ok else 1))
        children.append(child)
    own = crowd(given)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return {"codes": codes, "errors": own["errors"]}


JOBS = {"crowd": crowd, "fork": fork}

if __name__ == "__main__":
    try:
        print(json.dumps(JOBS[sys.argv[1]](json.loads(sys.argv[2]))))
    except ProviderError as error:
        print(json.dumps({"refused": type(error).__name__}))
