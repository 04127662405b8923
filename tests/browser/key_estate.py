"""The tabs of keys, with something on each of them: uses, refusals, tags, a policy, a wrapping key, a run of many changes."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse

from base import clock
from base.refusal import Refused
from keys import bulk, operations
from keys.models import Key
from keys.states import State
from tests.importing import parcel
from tests.make import Person

PLAINTEXT = "aGVsbG8="


def fill(alice: Person, keys: dict[State, Key]) -> dict[str, str]:
    """name of a page -> its address."""
    enabled, waiting, disabled = keys[State.ENABLED], keys[State.PENDING_IMPORT], keys[State.DISABLED]
    for days in (1, 2, 2, 3, 5, 8, 8, 8, 13, 21, 34, 55):
        at = clock.now() - timedelta(days=days)
        operations.encrypt(alice(at=at), enabled, plaintext=PLAINTEXT)
        operations.generate_data_key(alice(at=at), enabled)
    for _ in range(3):
        try:
            operations.encrypt(alice(), disabled, plaintext=PLAINTEXT)
        except Refused:
            continue
    operations.tag_resource(alice(), enabled, tags=[("team", "payments"), ("cost/center", "4711")])
    operations.create_key_version(alice(), enabled)
    imported = operations.create_key(alice(), instance=enabled.instance, origin="EXTERNAL", description="Brought along")
    operations.import_key_material(alice(), imported, **parcel(alice(), imported))
    operations.get_parameters_for_import(alice(), waiting, wrapping_key_spec="RSA_2048", wrapping_algorithm="RSAES_OAEP_SHA_256")
    spare = [operations.create_key(alice(), instance=enabled.instance) for _ in range(3)]
    operations.set_deletion_protection(alice(), spare[2], enabled=True, description="Needed.")
    run = bulk.begin(alice(door="console"), "disable", {}, [(key.pk, key.revision) for key in spare])
    bulk.step(alice(door="console"), run)
    chosen = "&".join(f"id={key.pk}" for key in (*spare, keys[State.PENDING_DELETION]))
    tabs = {f"tab-{name}": reverse(f"keys:{name}", args=[enabled.pk])
            for name in ("versions", "rotation", "policy", "tags", "usage", "activity")}
    return {**tabs, "tab-material": reverse("keys:material", args=[waiting.pk]),
            "tab-material-bound": reverse("keys:material", args=[imported.pk]),
            "tab-rotation-refused": reverse("keys:rotation", args=[imported.pk]),
            "form-delete-material": reverse("keys:delete_material", args=[imported.pk]),
            "form-delete-disabled": reverse("keys:schedule_deletion", args=[disabled.pk]),
            "list-filters": "/keys/?sort=idle&spec=Aliyun_AES_256", "bulk-new": f"/keys/bulk/?do=delete&{chosen}",
            "bulk-tag": f"/keys/bulk/?do=tag&{chosen}", "bulk-run": reverse("keys:bulk", args=[run.pk])}
