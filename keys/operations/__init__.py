"""The vendor's key operations: one function each, for every door. Four beats: read, decide, do, record."""

from keys.operations.aliases import create_alias, delete_alias, list_aliases, list_aliases_by_key_id, update_alias
from keys.operations.asymmetric import (
    PublicKey,
    Signed,
    Verified,
    asymmetric_decrypt,
    asymmetric_encrypt,
    asymmetric_sign,
    asymmetric_verify,
    get_public_key,
)
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
from keys.operations.mac import Mac, MacVerified, generate_mac, verify_mac
from keys.operations.reading import KeyView, describe_key, describe_key_version, list_key_versions, list_keys
from keys.operations.transfer import ExportedDataKey, export_data_key, generate_and_export_data_key, re_encrypt

__all__ = [
    "ExportedDataKey", "Mac", "MacVerified", "PublicKey", "Signed", "Verified", "asymmetric_decrypt", "asymmetric_encrypt",
    "asymmetric_sign", "asymmetric_verify", "export_data_key", "generate_and_export_data_key", "generate_mac",
    "get_public_key", "re_encrypt", "verify_mac",
    "DataKey", "Decrypted", "Encrypted", "KeyView", "cancel_key_deletion", "create_alias", "create_key", "decrypt",
    "delete_alias", "describe_key", "describe_key_version", "destroy_key", "disable_key", "enable_key", "encrypt",
    "generate_data_key", "generate_data_key_without_plaintext", "list_aliases", "list_aliases_by_key_id",
    "list_key_versions", "list_keys", "schedule_key_deletion", "update_alias", "update_key_description",
]
