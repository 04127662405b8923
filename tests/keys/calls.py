"""Every key operation called as a plain function: the first door. Each entry takes the caller and the key under test."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from base.caller import Caller
from base.refusal import Refused
from keys import operations
from keys.models import Key, KeyVersion
from tests.rows import OK

TEXT = base64.b64encode(b"hello").decode()


def version_of(key: Key) -> str:
    """A version id of the key; a key without material has none, and the id of one that never was is as good to ask for."""
    return KeyVersion.objects.filter(key=key).values_list("pk", flat=True).first() or f"{key.pk}-0000000000"


CALLS: dict[str, Callable[[Caller, Key, dict[str, Any]], object]] = {
    "ListKeys": lambda caller, key, at: operations.list_keys(caller),
    "DescribeKey": lambda caller, key, at: operations.describe_key(caller, key),
    "Encrypt": lambda caller, key, at: operations.encrypt(caller, key, plaintext=TEXT),
    "Decrypt": lambda caller, key, at: operations.decrypt(caller, ciphertext_blob=at["blob"]),
    "GenerateDataKey": lambda caller, key, at: operations.generate_data_key(caller, key),
    "GenerateDataKeyWithoutPlaintext": lambda caller, key, at: operations.generate_data_key_without_plaintext(caller, key),
    "EnableKey": lambda caller, key, at: operations.enable_key(caller, key),
    "DisableKey": lambda caller, key, at: operations.disable_key(caller, key),
    "ScheduleKeyDeletion": lambda caller, key, at: operations.schedule_key_deletion(caller, key, window_days=7),
    "CancelKeyDeletion": lambda caller, key, at: operations.cancel_key_deletion(caller, key),
    "UpdateKeyDescription": lambda caller, key, at: operations.update_key_description(caller, key, description="new"),
    "CreateAlias": lambda caller, key, at: operations.create_alias(caller, key, alias_name="alias/fresh"),
    "UpdateAlias": lambda caller, key, at: operations.update_alias(caller, key, alias_name=at["other_alias"]),
    "DeleteAlias": lambda caller, key, at: operations.delete_alias(caller, alias_name=at["alias"]),
    "ListAliases": lambda caller, key, at: operations.list_aliases(caller),
    "ListAliasesByKeyId": lambda caller, key, at: operations.list_aliases_by_key_id(caller, key),
    "DescribeKeyVersion": lambda caller, key, at: operations.describe_key_version(caller, key, key_version_id=version_of(key)),
    "ListKeyVersions": lambda caller, key, at: operations.list_key_versions(caller, key),
}


def outcome(call: Callable[[], object]) -> str:
    """``ok``, or the code of the refusal."""
    try:
        call()
    except Refused as refused:
        return refused.first.code
    return OK

