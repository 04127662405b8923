"""What a Terraform configuration has to say after the move (reference `migration.md` 2.8), for the ids of one run."""

from __future__ import annotations

from collections.abc import Iterator

from keys.models import Alias
from migration.models import Item, Run
from migration.states import ItemState

HEAD = """\
# Keys that moved to {instance}. Without one of the two ways below, the next `terraform apply` destroys and recreates
# them, because dkms_instance_id changes from null to an id and forces replacement. Check with `terraform plan`: no change.
#
# Way 1, in every alicloud_kms_key (and alicloud_kms_secret):
#
#   lifecycle {{
#     ignore_changes = [dkms_instance_id, automatic_rotation, rotation_interval]
#   }}
#
# Needed in this form up to provider 1.235.0; after that, dkms_instance_id can be left out of the list.
#
# Way 2, in the resource of each key below:
"""


def lines(run: Run) -> Iterator[str]:
    yield HEAD.format(instance=run.instance_id)
    items = Item.objects.filter(run=run, state=ItemState.SWITCHED).select_related("key").order_by("number")
    for item in items.iterator(chunk_size=500):
        names = ", ".join(Alias.objects.filter(key=item.key_id).order_by("name").values_list("name", flat=True))
        yield f"\n# {item.key_id}{f'  ({names})' if names else ''}\n"
        yield f'dkms_instance_id = "{run.instance_id}"\n'
        if '"protection_level": "HSM"' in item.before.partition('"is"')[0] and item.key.protection_level == "SOFTWARE":
            yield 'protection_level = "SOFTWARE"\n'
