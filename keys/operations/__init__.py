"""The vendor's key operations: one function each, for every door. Four beats: read, decide, do, record."""

from keys.operations.aliases import (
    browse_aliases,
    create_alias,
    delete_alias,
    export_aliases,
    list_aliases,
    list_aliases_by_key_id,
    update_alias,
)
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
from keys.operations.default_keys import create_service_key
from keys.operations.destroying import destroy_key, destroy_with_instance
from keys.operations.instance_key import rotate_instance_key
from keys.operations.legacy import create_legacy_key
from keys.operations.lifecycle import (
    cancel_key_deletion,
    create_key,
    disable_key,
    enable_key,
    schedule_key_deletion,
    update_key_description,
)
from keys.operations.mac import Mac, MacVerified, generate_mac, verify_mac
from keys.operations.material import (
    ImportParameters,
    delete_key_material,
    expire_key_material,
    get_parameters_for_import,
    import_key_material,
)
from keys.operations.policies import get_key_policy, list_key_policies, set_key_policy
from keys.operations.protection import set_deletion_protection
from keys.operations.quotas import Quota, Quotas, get_kms_instance_quota_infos
from keys.operations.reading import (
    KeyView,
    browse_keys,
    describe_key,
    describe_key_version,
    export_keys,
    list_key_versions,
    list_keys,
)
from keys.operations.releasing import (
    clear_released_instance,
    delay_release,
    refund_instance,
    release_expired_instance,
    release_kms_instance,
)
from keys.operations.rotation import create_key_version, rotate_key, update_rotation_policy
from keys.operations.tagging import (
    TagPage,
    list_resource_tags,
    list_tag_resources,
    tag_resource,
    tag_resources,
    untag_resource,
    untag_resources,
)
from keys.operations.transfer import ExportedDataKey, export_data_key, generate_and_export_data_key, re_encrypt

__all__ = [
    "clear_released_instance", "delay_release", "destroy_with_instance", "refund_instance", "release_expired_instance",
    "release_kms_instance",
    "create_service_key", "rotate_instance_key",
    "browse_aliases", "browse_keys", "export_aliases", "export_keys",
    "get_key_policy", "list_key_policies", "set_key_policy",
    "Quota", "Quotas", "TagPage", "get_kms_instance_quota_infos", "list_resource_tags", "list_tag_resources",
    "set_deletion_protection", "tag_resource", "tag_resources", "untag_resource", "untag_resources",
    "DataKey", "Decrypted", "Encrypted", "ExportedDataKey", "ImportParameters", "KeyView", "Mac", "MacVerified", "PublicKey",
    "Signed", "Verified", "asymmetric_decrypt", "asymmetric_encrypt", "asymmetric_sign", "asymmetric_verify",
    "cancel_key_deletion", "create_alias", "create_key", "create_key_version", "create_legacy_key", "decrypt", "delete_alias",
    "delete_key_material", "describe_key", "describe_key_version", "destroy_key", "disable_key", "enable_key", "encrypt",
    "expire_key_material", "export_data_key", "generate_and_export_data_key", "generate_data_key",
    "generate_data_key_without_plaintext", "generate_mac", "get_parameters_for_import", "get_public_key",
    "import_key_material", "list_aliases", "list_aliases_by_key_id", "list_key_versions", "list_keys", "re_encrypt",
    "rotate_key", "schedule_key_deletion", "update_alias", "update_key_description", "update_rotation_policy", "verify_mac",
]
