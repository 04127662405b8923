"""What is measured, what the figures are called, and where they are written."""

from __future__ import annotations

import base64
import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.requests import Call
from tests.live import ROOT

MAKE_KEYS = """
import json
from access.models import User
from base import clock
from keys import operations

caller = User.objects.get(username="admin").caller("api", clock.now(), request_id="bench")
made = {}
for name, spec, usage in (("aes", "Aliyun_AES_256", ""), ("rsa", "RSA_2048", "SIGN/VERIFY"), ("curve", "EC_P256", "")):
    key = operations.create_key(caller, spec=spec, usage=usage, description="bench")
    made[name] = [key.pk, operations.list_key_versions(caller, key).items[0].pk]
    if name == "aes":
        made["blob"] = operations.encrypt(caller, key, plaintext="A" * 44).ciphertext_blob
made["many"] = [operations.create_key(caller, spec="Aliyun_AES_256", description="bench").pk for _ in range(100)]
print(json.dumps(made))
"""
START, END = "<!-- newest table: written by make bench -->", "<!-- end of the newest table -->"
# figure -> (row, its yardstick, what is compared). Throughput is compared by requests a second, work by CPU.
RATIOS = {
    "encrypt_over_empty_view": ("Encrypt 32 bytes", "empty Django view", "per_second"),
    "encrypt_over_no_database": ("Encrypt 32 bytes", "Encrypt, no database", "per_second"),
    "encrypt_100_keys_over_1": ("Encrypt, 100 keys in turn", "Encrypt 32 bytes", "per_second"),
    "encrypt_4k_over_32": ("Encrypt 4 KiB", "Encrypt 32 bytes", "per_second"),
    "decrypt_over_encrypt": ("Decrypt", "Encrypt 32 bytes", "per_second"),
    "data_key_over_encrypt": ("GenerateDataKey", "Encrypt 32 bytes", "per_second"),
    "encrypt_over_moto": ("Encrypt 32 bytes", "moto: Encrypt", "per_second"),
    "empty_view_cpu_over_encrypt": ("empty Django view", "Encrypt 32 bytes", "cpu_us"),
    "no_database_cpu_over_encrypt": ("Encrypt, no database", "Encrypt 32 bytes", "cpu_us"),
    "moto_cpu_over_encrypt": ("moto: Encrypt", "Encrypt 32 bytes", "cpu_us"),
}
# What the bare loop takes over what a whole request takes, both in CPU of one core.
BARE = {"rsa2048_sign_over_bare": ("AsymmetricSign RSA-2048", "RSA-2048 sign"),
        "p256_sign_over_bare": ("AsymmetricSign P-256", "P-256 sign")}


def calls(made: Mapping[str, Any]) -> Iterable[tuple[str, str, Call]]:
    """(name of the row, server, call)"""
    small, large = (base64.b64encode(os.urandom(size)).decode() for size in (32, 4096))
    digest = base64.b64encode(bytes(range(32))).decode()
    encrypt = Call("Encrypt", {"KeyId": made["aes"][0], "Plaintext": small})
    yield "Encrypt 32 bytes", "ours", encrypt
    yield "empty Django view", "empty view", encrypt
    yield "Encrypt, no database", "no database", encrypt
    yield "Encrypt, 100 keys in turn", "ours", Call("Encrypt", {"Plaintext": small}, keys=tuple(made["many"]))
    yield "Encrypt 4 KiB", "ours", Call("Encrypt", {"KeyId": made["aes"][0], "Plaintext": large})
    yield "Decrypt", "ours", Call("Decrypt", {"CiphertextBlob": made["blob"]})
    yield "GenerateDataKey", "ours", Call("GenerateDataKey", {"KeyId": made["aes"][0]})
    for name, key, algorithm in (("P-256", "curve", "ECDSA_SHA_256"), ("RSA-2048", "rsa", "RSA_PSS_SHA_256")):
        yield f"AsymmetricSign {name}", "ours", Call("AsymmetricSign", {
            "KeyId": made[key][0], "KeyVersionId": made[key][1], "Algorithm": algorithm, "Digest": digest})


def figures(rows: Mapping[str, Any], bare: Sequence[Mapping[str, float]], memory: float, starts: Mapping[str, float]
            ) -> dict[str, float]:
    """bare: of each round."""
    found = {}
    for figure, (one, other, what) in RATIOS.items():
        if one in rows and other in rows:
            pairs = zip(getattr(rows[one], what), getattr(rows[other], what), strict=True)
            found[figure] = statistics.median(a / b for a, b in pairs)
    for figure, (row, loop) in BARE.items():
        found[figure] = statistics.median(a[loop] / b for a, b in zip(bare, rows[row].cpu_us, strict=True))
    encrypt = rows["Encrypt 32 bytes"]
    found["p99_over_p50"] = statistics.median(a / b for a, b in zip(encrypt.p99_ms, encrypt.p50_ms, strict=True))
    return {name: round(value, 2) for name, value in {**found, "memory_mib": memory, **starts}.items()}


def heading(what: str) -> str:
    """The line above a table: when, where, `what` was measured, and beside what else."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    where = f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}; {what}. Load of the machine besides: {os.getloadavg()[1]:.1f}."


def table(rows: Iterable[Any]) -> list[str]:
    lines = ["| | CPU a request | requests/s | p50 | p99 |", "|---|--:|--:|--:|--:|"]
    return lines + [f"| {row.name} | {row.middle('cpu_us'):,.0f} µs | {row.middle('per_second'):,.0f} | "
                    f"{row.middle('p50_ms'):.1f} ms | {row.middle('p99_ms'):.1f} ms |" for row in rows]


def write(rows: Iterable[Any], found: Mapping[str, float], rounds: int, connections: int) -> None:
    lines = [heading(f"SQLite, medians of {rounds} paired rounds over {connections} connections, one worker on one core"), "",
             *table(rows), *listed(found)]
    print("\n".join(lines))
    publish(lines, found, START, END)


def listed(found: Mapping[str, float]) -> list[str]:
    return ["", "| figure | |", "|---|--:|", *(f"| `{name}` | {value} |" for name, value in found.items())]


def publish(lines: Iterable[str], found: Mapping[str, float], start: str, end: str) -> None:
    """`lines` between these two marks of the page, `found` beside the figures of the other benches."""
    kept = ROOT / "build" / "bench.json"
    kept.parent.mkdir(exist_ok=True)
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    kept.write_text(json.dumps({**known, **found}, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs" / "performance.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(start)
    page.write_text(f"{head}{start}\n{chr(10).join(lines)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
