"""Bare loops: what the crypto library does on this core without anything around it, in CPU microseconds for one call."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_DIGEST = os.urandom(32)
_SHA256 = Prehashed(hashes.SHA256())


def _loop(work: Callable[[], Any], count: int) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(count):
            work()
        times.append((time.process_time() - start) / count * 1e6)
    return statistics.median(times)


def all() -> dict[str, float]:
    curve, key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return {"P-256 sign": _loop(lambda: curve.sign(_DIGEST, ec.ECDSA(_SHA256)), 400),
            "RSA-2048 sign": _loop(lambda: key.sign(_DIGEST, pss, _SHA256), 100)}
