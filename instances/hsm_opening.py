"""From rows to the cluster of `crypto.hsm`, one per process and configuration.

What speaks PKCS#11 is imported on first use: it would be a twentieth of every start, and most processes have no HSM.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from crypto.errors import Unavailable
from crypto.hsm.configuration import Configuration, Pin, Place
from crypto.hsm.steps import Check
from instances.hsm_models import HsmCluster, HsmMember

if TYPE_CHECKING:
    from crypto.hsm.cluster import Cluster


def folder() -> Path:
    """For the locks that the processes of this machine share."""
    path: Path = settings.DATA_DIR / "hsm"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def configuration(cluster_id: str, places: tuple[Place, ...], pin_source: str, replication: str) -> Configuration:
    return Configuration(cluster_id, places, Pin(pin_source), replication, folder())


def cluster_for(configuration: Configuration) -> Cluster:
    from crypto.hsm.cluster import cluster_for

    return cluster_for(configuration)


def shown_tokens(module: str) -> list[Place]:
    """As `crypto.hsm.checks.shown_tokens`."""
    from crypto.hsm.checks import shown_tokens

    return shown_tokens(module, folder())


def examined(cluster: Cluster, *, stranger: bool = False, pin: bool = False) -> list[Check]:
    """As `crypto.hsm.checks.examine`, to its end."""
    from crypto.hsm.checks import examine

    return [*examine(cluster, stranger=stranger, pin=pin)]


def complete(cluster: Cluster, names: Collection[str]) -> list[Check]:
    """As `crypto.hsm.checks.complete`, to its end."""
    from crypto.hsm.checks import complete

    return [*complete(cluster, names)]


def opened(cluster: HsmCluster) -> Cluster:
    """Asks no token yet."""
    members = HsmMember.objects.filter(cluster=cluster).order_by("position")
    places = tuple(Place(member.module, member.serial, member.label) for member in members)
    return cluster_for(configuration(cluster.pk, places, cluster.pin_source, cluster.replication))


def cluster_of(instance_id: str) -> Cluster:
    """One query for a use of a key: who may use what is decided elsewhere, but where the members are may change at any time.
    Raises Unavailable for an instance without a cluster."""
    members = list(HsmMember.objects.filter(cluster__instance_id=instance_id).select_related("cluster").order_by("position"))
    if not members:
        raise Unavailable
    cluster = members[0].cluster
    places = tuple(Place(member.module, member.serial, member.label) for member in members)
    return cluster_for(configuration(cluster.pk, places, cluster.pin_source, cluster.replication))
