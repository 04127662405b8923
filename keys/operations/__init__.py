"""The vendor's key operations: one function each, for every door. Four beats: read, decide, do, record."""

from keys.operations.aliases import create_alias, delete_alias, list_aliases, list_aliases_by_key_id, update_alias
from keys.operations.cryptography import (
    DataKey,
    Decrypted,
    Encrypted,
    decrypt,
    encrypt,
    generate_data_key,
    generate_data_key_without_plaintext,
)
from keys.operations.lifecycle import (
    cancel_key_deletion,
    create_key,
    destroy_key,
    disable_key,
    enable_key,
    schedule_key_deletion,
    update_key_description,
)
from keys.operations.reading import KeyView, describe_key, describe_key_version, list_key_versions, list_keys

__all__ = [
    "DataKey", "Decrypted", "Encrypted", "KeyView", "cancel_key_deletion", "create_alias", "create_key", "decrypt",
    "delete_alias", "describe_key", "describe_key_version", "destroy_key", "disable_key", "enable_key", "encrypt",
    "generate_data_key", "generate_data_key_without_plaintext", "list_aliases", "list_aliases_by_key_id",
    "list_key_versions", "list_keys", "schedule_key_deletion", "update_alias", "update_key_description",
]
