"""Both rotations under a running product: every call is answered before, during and after them, and after a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable

from alibabacloud_kms20160120 import models

from tests.api.live.clients import SDK_WARNINGS, sdk
from tests.live import Product
from tests.parts import answers, wait_for

pytestmark = SDK_WARNINGS


def test_calls_go_on_while_keys_above_them_change(new_product: Callable[..., Product]) -> None:
    product = new_product(KMS_API_WORKERS="2").set_up().serve()
    client = sdk(product)
    made = client.create_key(models.CreateKeyRequest()).body.key_metadata
    first = client.encrypt(models.EncryptRequest(key_id=made.key_id, plaintext="aGVsbG8=")).body.ciphertext_blob
    stop, answered, failed = threading.Event(), [0], list[Exception]()

    def call() -> None:
        own = sdk(product)
        while not stop.is_set():
            try:
                blob = own.encrypt(models.EncryptRequest(key_id=made.key_id, plaintext="aGVsbG8=")).body.ciphertext_blob
                for sealed in (first, blob):
                    opened = own.decrypt(models.DecryptRequest(ciphertext_blob=sealed)).body
                    assert opened.plaintext == "aGVsbG8="
                own.create_key(models.CreateKeyRequest())
                answered[0] += 1
            except Exception as error:  # noqa: BLE001 - the test tells all of them
                failed.append(error)
                return

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for generation in (2, 3):
        before = answered[0]
        assert product.manage_json("rotate_root_key")["generation"] == generation
        wait_for(lambda before=before: failed or answered[0] > before + 3, what="calls after the rotation")  # type: ignore[misc]
    before = answered[0]
    assert product.manage_json("rotate_instance_key", product.instance)["generation"] == 2
    wait_for(lambda: failed or answered[0] > before + 3, what="calls after the rotation")
    stop.set()
    for caller in callers:
        caller.join()
    assert failed == []
    assert sorted(path.name for path in product.data_dir.glob("root.*")) == ["root.1.key", "root.2.key", "root.key"]
    assert "Traceback" not in product.log_text()
    product.stop()
    for old in ("root.1.key", "root.2.key"):
        (product.data_dir / old).unlink()
    product.serve()
    wait_for(lambda: answers(product.api_port), seconds=60, what="the second start")
    assert client.decrypt(models.DecryptRequest(ciphertext_blob=first)).body.plaintext == "aGVsbG8="
