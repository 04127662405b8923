"""Beat and worker as real processes, on the embedded broker and on Redis, with SQLite and with PostgreSQL. What falls due
is prepared in a database of the past: KMS_CLOCK_OFFSET moves the product's clock, and the clock alone does the rest."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.live import Product
from tests.parts import wait_for

PREPARE = """
import json
from access.models import User
from base import clock
from keys import operations

user = User.objects.get(username="admin")
caller = user.caller("api", clock.now(), request_id="test")
key = operations.create_key(caller)
operations.schedule_key_deletion(caller, key, window_days=7)
kept = operations.create_key(caller)
operations.schedule_key_deletion(caller, kept, window_days=30)
print(json.dumps([key.pk, kept.pk]))
"""
LOOK = """
import json
from audit.models import Event
from instances.models import Instance
from keys.models import Key, KeyMaterial

print(json.dumps({
    "states": dict(Key.objects.values_list("pk", "state")),
    "material": list(KeyMaterial.objects.values_list("version__key_id", flat=True)),
    "destructions": Event.objects.filter(action="DestroyKey", outcome="ok").count(),
    "marked": Instance.objects.exclude(expiry_marked_at=None).count(),
    "expiries": Event.objects.filter(action="ExpireInstance", outcome="ok").count(),
}))
"""


def shell(product: Product, code: str) -> object:
    return json.loads(product.manage("shell", "--no-imports", "--command", code))


def test_the_clock_destroys_a_due_key_on_the_embedded_broker(new_product: Callable[..., Product]) -> None:
    product = new_product(KMS_TEST_MODE="1", KMS_CLOCK_OFFSET="+8d")
    the_clock_destroys_what_is_due(product)


def test_the_clock_destroys_a_due_key_on_redis(new_product: Callable[..., Product], redis_url: str) -> None:
    product = new_product(KMS_TEST_MODE="1", KMS_CLOCK_OFFSET="+8d", REDIS_URL=redis_url)
    the_clock_destroys_what_is_due(product)
    assert not (product.data_dir / "queue").exists(), "the embedded broker was not used"


def test_the_clock_destroys_a_due_key_on_postgresql_and_redis(new_product: Callable[..., Product], postgres_database: str,
                                                              redis_url: str) -> None:
    product = new_product(KMS_TEST_MODE="1", KMS_CLOCK_OFFSET="+8d", DATABASE_URL=postgres_database,
                          REDIS_URL=redis_url.removesuffix("0") + "1")
    the_clock_destroys_what_is_due(product)
    assert not (product.data_dir / "kms.sqlite3").exists()


def the_clock_destroys_what_is_due(product: Product) -> None:
    now = dict(product.more)
    product.more = {**now, "KMS_CLOCK_OFFSET": ""}
    product.set_up()
    due, kept = shell(product, PREPARE)
    product.more = now
    product.serve()
    seen = wait_for(lambda: (look := shell(product, LOOK))["destructions"] and look, what="the destruction of the due key")
    assert seen["states"] == {due: "Destroyed", kept: "PendingDeletion"}
    assert seen["material"] == [kept]
    assert seen["destructions"] == 1
    assert product.stop() == 0
    assert "Traceback" not in product.log_text()


def test_the_clock_notices_an_expired_instance(new_product: Callable[..., Product]) -> None:
    product = new_product(KMS_TEST_MODE="1", KMS_CLOCK_OFFSET="").set_up()
    product.more = {**product.more, "KMS_CLOCK_OFFSET": "+400d"}
    product.serve()
    seen = wait_for(lambda: (look := shell(product, LOOK))["marked"] and look, what="the mark on the expired instance")
    assert seen["expiries"] == seen["marked"] == 1


@pytest.mark.parametrize("offset", ["", "+400d"])
def test_readyz_tells_the_mode(new_product: Callable[..., Product], offset: str) -> None:
    """Before any start: not ready, because no heartbeat has come, and that is all it says."""
    product = new_product(KMS_TEST_MODE="1", KMS_CLOCK_OFFSET=offset).set_up()
    code = ("from django.test import Client; answer = Client(SERVER_NAME='localhost').get('/readyz'); "
            "print(answer.status_code, answer.content.decode())")
    status, _, body = product.manage("shell", "--no-imports", "--command", code).partition(" ")
    told = json.loads(body)
    assert status == "503"
    assert told["checks"] == {"database": "ok", "migrations": "ok", "root_key": "ok", "clock": "no heartbeat yet"}
    assert (told["test_mode"], told["clock_offset"]) == (True, offset)
