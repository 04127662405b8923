"""Key material wherever its instance keeps it, and the book of what is inside the tokens.

Making: 1. a row WANTED is committed, 2. the tokens make the object, 3. the transaction that writes the key's rows turns it into
KEPT. What a crash leaves WANTED is doomed after `PATIENCE`, and step 3 finds it gone and refuses.
Destroying: 1. the transaction that erases the key's rows turns KEPT into DOOMED, 2. the object is destroyed on every member, and
only then 3. is the row forgotten. While a member is away the row waits. Every step may be repeated. The transaction that releases
an instance does 1. for all of it.
Taking up what came back with the tokens from a backup of their own: no row names it, every member has it, and the transaction
that writes the key's rows makes one KEPT. A crash before that leaves the object as it was found.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet

from base.refusal import Refusal, Refused
from crypto.envelope import Identity
from crypto.errors import ProviderError, Unavailable, Unsupported
from crypto.provider import Keeper, Material
from crypto.registry import HSM
from crypto.specs import Spec
from instances import hsm_opening, opening
from instances.hsm_models import HsmCluster, HsmMember, HsmObject, ObjectState
from instances.models import Instance, WrappingKey

PATIENCE = timedelta(minutes=10)
TRY_AGAIN_AFTER = timedelta(minutes=1)
Inside = tuple[str | None, str]  # instance whose cluster it is in, key version


def make(now: datetime, holder: WrappingKey, spec: Spec, identity: Identity, *, in_database: bool = False,
         raw: bytes | None = None) -> Material:
    """Fresh material, or `raw`, in whatever keeps that of `holder`. Call it outside a transaction, and `keep` what it gives
    inside one. in_database: HsmEncryptedDatabase. Raises ProviderError."""
    engine = opening.engine_for(holder)
    keeper = engine.provider
    if holder.provider != HSM:
        return engine.generate(spec, identity) if raw is None else engine.import_raw(spec, identity, raw)
    if not isinstance(keeper, Keeper):
        raise Unsupported(spec.name)
    if in_database:
        return keeper.make_wrapped(spec, identity, raw)
    # Material that comes back must not meet the name of its own former object, which may still wait for its destruction.
    name = identity.version if raw is None else f"{identity.version}/{secrets.token_hex(4)}"
    row = HsmObject.objects.create(cluster=HsmCluster.objects.get(instance=holder.instance), name=name, since=now,
                                   version_id=identity.version)
    try:
        return keeper.make(name, spec, identity, raw)
    except ProviderError:
        HsmObject.objects.filter(pk=row.pk).update(state=ObjectState.DOOMED)
        raise


def keep(holder: WrappingKey, material: Material) -> None:
    """Something rests on the object from now on. Raises Refused where it took so long that it was given up."""
    if not material.name:
        return
    wanted = HsmObject.objects.filter(cluster__instance=holder.instance_id, name=material.name, state=ObjectState.WANTED)
    if not wanted.update(state=ObjectState.KEPT):
        raise Refused(Refusal("ServiceUnavailableTemporary", {"instance": holder.instance_id}, reason="hsm_too_slow",
                              who="operator"))


def why_not_take_up(holder: WrappingKey, material: Material) -> Refusal | None:
    """Why material that a backup points at is not taken from the tokens as it lies there: the book says that something else
    rests on the object or that it goes, or a member lacks it. Raises Unavailable while a member is away."""
    if not material.name:
        return None
    cluster, named = HsmCluster.objects.get(instance=holder.instance), {"object": material.name}
    # The tokens, not the cluster: they may have been registered once more after they came back from a backup.
    tokens = HsmMember.objects.filter(cluster=cluster).values("serial")
    books = HsmMember.objects.filter(serial__in=tokens).values("cluster")
    noted = HsmObject.objects.filter(cluster__in=books, name=material.name).order_by("state").first()
    if noted is not None:
        going = noted.state == ObjectState.DOOMED
        return Refusal("Rejected.ResourceExist", named, reason="restore_object_goes" if going else "restore_object_taken",
                       who="time" if going else "nobody")
    if not hsm_opening.opened(cluster).holds(material.name.encode(), material.spec):
        return Refusal("InvalidBackup", named, reason="restore_not_held", who="operator")
    return None


def take_up(now: datetime, holder: WrappingKey, material: Material, *, doomed: bool = False) -> None:
    """Something rests on an object that was in the tokens before; or, doomed, what it was for is over. Call it in the transaction
    that writes the key's rows. Raises IntegrityError where somebody else took it up."""
    if material.name:
        HsmObject.objects.create(cluster=HsmCluster.objects.get(instance=holder.instance), name=material.name, since=now,
                                 version_id=material.identity.version, state=ObjectState.DOOMED if doomed else ObjectState.KEPT)


def doom_all_of(instance: Instance) -> None:
    """The storage key as well. Call it in the transaction that releases the instance."""
    HsmObject.objects.filter(cluster__instance=instance, state=ObjectState.KEPT).update(state=ObjectState.DOOMED)


def left_of(instance: Instance) -> int:
    """How many objects the tokens may still hold for it."""
    return HsmObject.objects.filter(cluster__instance=instance).count()


def give_up(holder: WrappingKey, material: Material) -> None:
    """Destroys what `make` gave and nobody will `keep`; what cannot be destroyed now is doomed."""
    rows = HsmObject.objects.filter(cluster__instance=holder.instance_id, name=material.name, state=ObjectState.WANTED)
    if rows.update(state=ObjectState.DOOMED):
        destroy(HsmObject.objects.filter(cluster__instance=holder.instance_id, name=material.name).select_related("cluster"))


def doom(things: Iterable[Inside]) -> None:
    """Nothing rests on them any more. Call it in the transaction that erases the rows."""
    for row in _of(things):
        row.filter(state=ObjectState.KEPT).update(state=ObjectState.DOOMED)


def destroy(rows: Iterable[HsmObject], next_try_at: datetime | None = None) -> int:
    """On every member; what a member that is away may still have waits until then. Returns how many are gone."""
    gone = 0
    for row in rows:
        try:
            hsm_opening.opened(row.cluster).destroy(row.name.encode())
        except Unavailable:
            HsmObject.objects.filter(pk=row.pk).update(next_try_at=next_try_at)
        else:
            gone += HsmObject.objects.filter(pk=row.pk, state=ObjectState.DOOMED).delete()[0]
    return gone


def destroy_of(things: Iterable[Inside]) -> int:
    """Of these the doomed objects, at once."""
    return sum(destroy(row.filter(state=ObjectState.DOOMED).select_related("cluster")) for row in _of(things))


def _of(things: Iterable[Inside]) -> Iterator[QuerySet[HsmObject]]:
    """By cluster: another may hold a copy of the same version."""
    versions: dict[str | None, list[str]] = {}
    for instance, version in things:
        versions.setdefault(instance, []).append(version)
    for instance, names in versions.items():
        yield HsmObject.objects.filter(cluster__instance=instance, version_id__in=names)
