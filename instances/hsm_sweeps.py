"""What the clock does for HSM clusters: looks at the members, and keeps book and tokens in step. Each row on its own."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db.models import Q

from base.caller import Caller
from instances import hsm_objects, hsm_operations
from instances.hsm_models import HsmCluster, HsmObject, ObjectState

CHUNK = 500
log = logging.getLogger(__name__)


def check_members(now: datetime) -> int:
    """Checks every cluster that is due; returns how many."""
    caller, checked = Caller.system(now), 0
    for cluster in HsmCluster.objects.filter(Q(next_check_at=None) | Q(next_check_at__lte=now)).order_by("next_check_at", "pk"):
        try:
            failed = [check for check in hsm_operations.look_after(caller, cluster) if not check.passed]
        except Exception as error:  # noqa: BLE001 - whatever breaks for one cluster, the others must still have their turn
            log.error("checking HSM cluster %s failed: %s", cluster.pk, type(error).__name__)
            continue
        checked += 1
        for check in failed:
            log.warning("HSM cluster %s, member %s: %s %s", cluster.pk, check.member, check.trouble, check.detail)
    return checked


def clear_objects(now: datetime) -> int:
    """Destroys what nothing rests on: objects of a crash, of erased keys, and of released instances. Returns how many."""
    HsmObject.objects.left_over(now - hsm_objects.PATIENCE).update(state=ObjectState.DOOMED)
    gone = hsm_objects.destroy(HsmObject.objects.due_for_destruction(now)[:CHUNK], now + hsm_objects.TRY_AGAIN_AFTER)
    for cluster in HsmCluster.objects.filter(instance__released_at__isnull=False):
        if not HsmObject.objects.filter(cluster=cluster).exists():
            HsmCluster.objects.filter(pk=cluster.pk, instance=cluster.instance_id).update(instance=None)  # free for another one
    return gone
