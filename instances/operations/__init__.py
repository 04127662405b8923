"""The operations on instances: one function each, for every door. Four beats: read, decide, do, record.

Ordering, renewing and the like have no call in the vendor's KMS API (the billing API does them); they are ours, under the
names the vendor's billing uses. What releases an instance stands in `keys.operations`, which knows what would be lost.
"""

from instances.operations.facts import note_backup, note_cleared, note_delayed, note_released
from instances.operations.ordering import FIRST_TERM_MONTHS, enable_instance, order_instance
from instances.operations.reading import (
    get_default_kms_instance,
    get_instance_term,
    get_kms_instance,
    list_instance_tags,
    list_kms_instances,
)
from instances.operations.settings import (
    DESCRIPTION_LIMIT,
    bind_vpcs,
    rename_instance,
    set_default_instance,
    set_deletion_protection,
    tag_instance,
    untag_instance,
    upgrade_instance,
)
from instances.operations.term import (
    mark_expired_instance,
    remind_expiry,
    renew_automatically,
    renew_instance,
    set_grace_policy,
    set_renewal,
)

__all__ = [
    "DESCRIPTION_LIMIT", "FIRST_TERM_MONTHS", "bind_vpcs", "enable_instance", "get_default_kms_instance",
    "get_instance_term", "get_kms_instance", "list_instance_tags", "list_kms_instances", "mark_expired_instance",
    "note_backup", "note_cleared", "note_delayed", "note_released", "order_instance", "remind_expiry", "rename_instance",
    "renew_automatically", "renew_instance", "set_default_instance", "set_deletion_protection", "set_grace_policy",
    "set_renewal", "tag_instance", "untag_instance", "upgrade_instance",
]
