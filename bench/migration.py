"""``python -m bench.migration``: how fast an estate of 1.0 keys moves, and in how much memory. Nothing here asserts a time."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.live import ROOT, Product

KEYS = int(os.environ.get("KMS_BENCH_KEYS", "10000"))
QUOTA = 1_000_000


def main() -> None:
    """In an installation of its own, in this process: the worker's work, without its waiting."""
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder:
        product = Product(Path(folder)).set_up()
        os.environ.update(product.environment() | {"DJANGO_SETTINGS_MODULE": "kmsconsole.settings", "KMS_LOG_LEVEL": "WARNING"})
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        measure(product)


def measure(product: Product) -> None:
    from django.conf import settings

    from access.models import Account
    from base import clock, ids
    from crypto.specs import AES_256, ENCRYPT_DECRYPT
    from instances.models import Instance
    from keys.states import State
    from kmsconsole import shell
    from migration import operations, working
    from migration.legacy_files import Entry, Version

    settings.KMS_MIGRATION_FREEZE_MINUTES = 1440
    Instance.objects.update(key_quota=QUOTA)
    caller, account, home = shell.operator(), Account.objects.get(), Instance.objects.get()
    start = time.perf_counter()
    for _ in range(KEYS):
        version = Version(ids.legacy_id(), caller.at, True)
        entry = Entry(ids.legacy_id(), caller.at, State.ENABLED, AES_256.name, ENCRYPT_DECRYPT, "Aliyun_KMS", "SOFTWARE",
                      (version,))
        operations.import_legacy_key(caller, account, entry, {version.id: os.urandom(32)})
    told("imported", start)
    run = operations.plan_migration(caller, home, whole=True)
    for name, work in (("assessed", lambda: operations.assess_migration(caller, account.pk, home)),
                       ("dry run", lambda: sum(1 for _ in operations.dry_run_migration(caller, run)))):
        start = time.perf_counter()
        work()
        told(name, start)
    for name, begin in (("moved", lambda: operations.start_migration(caller, run, accepted=["R15"])),
                        ("rolled back", lambda: operations.roll_back_migration(caller, type(run).objects.get(pk=run.pk)))):
        start = time.perf_counter()
        begin()
        before = peak()
        while working.work(clock.now, run.pk):
            pass
        told(name, start)
        print(f"{'':<12} peak memory {before} MB before, {peak()} MB after")


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def told(name: str, start: float) -> None:
    took = time.perf_counter() - start
    print(f"{name:<12} {KEYS} keys in {took:.1f} s, {KEYS / took:.0f} keys/s")


if __name__ == "__main__":
    main()
