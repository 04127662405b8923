"""Bare loops: what the crypto library does on the server's core without anything around it, in CPU microseconds for one call.

The other core is kept busy meanwhile, as the client keeps it busy when a server is measured: two cores of a rented machine are
often the two threads of one, and each is slower for what the other does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_DIGEST = os.urandom(32)
_BUSY = "import hashlib\nwhile True: hashlib.sha256(bytes(1000)).digest()"
_SHA256 = Prehashed(hashes.SHA256())


def _loop(work: Callable[[], Any], count: int) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(count):
            work()
        times.append((time.process_time() - start) / count * 1e6)
    return statistics.median(times)


def all(core: int, other: int) -> dict[str, float]:
    """By name; measured on `core`, with `other` busy."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {other})
    beside = subprocess.Popen([sys.executable, "-c", _BUSY])
    os.sched_setaffinity(0, {core})
    try:
        return _all()
    finally:
        beside.kill()
        beside.wait()
        os.sched_setaffinity(0, before)


def _all() -> dict[str, float]:
    curve, key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    ecdsa = ec.ECDSA(_SHA256)
    return {"P-256 sign": _loop(lambda: curve.sign(_DIGEST, ecdsa), 400),
            "RSA-2048 sign": _loop(lambda: key.sign(_DIGEST, pss, _SHA256), 100)}
