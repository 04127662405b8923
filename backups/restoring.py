"""Bringing one key back: what would happen (`planned`), and doing it (`bring_back`). The dry run and the restore ask the same
function, so what was foretold is what happens, as long as nothing changes in between.

The key keeps its id and its version ids, because they stand in every ciphertext. A destroyed key's row is taken up again; a
key from elsewhere gets a row of its own and belongs to the target's account from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from access.root import purpose_key
from audit import recording
from backups import canary, content, rules
from backups.content import SavedKey, SavedVersion
from backups.models import Backup, Restore, RestoredKey
from backups.rules import Place, Present
from backups.states import Outcome
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import Engine, material_identity
from crypto.envelope import WrappingKey
from crypto.errors import BadCiphertext, MaterialGone, ProviderError, Unavailable, Unsupported
from crypto.provider import Material
from crypto.sealed_stream import FileKey
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances import lookup as instance_lookup
from instances.models import Instance
from instances.models import WrappingKey as Holder
from instances.rules import not_serving
from keys import key_policies, quota, words
from keys.aliasing import PREFIX, why_not_name
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.operations.material import FINGERPRINT, fingerprint
from keys.states import State

# A deletion date nearer than this is dropped: nobody could look at the key before it is destroyed again.
FRESH_DAY = timedelta(days=1)
RECOUNT_EVERY = 200
Note = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a saved key. values: columns of the key as they would be; stored: material by version id;
    over: material that was found, and that its owner wanted no longer than until now."""

    saved: SavedKey
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Material] = field(default_factory=dict, repr=False)
    over: tuple[Material, ...] = ()
    row: Key | None = None
    again: bool = False

    @property
    def units(self) -> int:
        return max(1, len(self.saved.versions))


class Work:
    """One restore under way: the target, its engine, and how much room is left as far as this process knows."""

    def __init__(self, caller: Caller, backup: Backup, target: Instance, key: FileKey, *, again: bool) -> None:
        self.caller, self.backup, self.target, self.again = caller, backup, target, again
        self.material_key: WrappingKey = key.material_key()
        self.look_again()
        self.used, self._uncounted = quota.used(target), 0
        self.taken_aliases: set[str] = set()
        self.same_fingerprints = False

    def look_again(self) -> None:
        """A long restore may outlive the instance key it began with: each key goes under the newest."""
        self.holder: Holder = opening.wrapping_key_for(self.caller, self.target.account, self.target)
        self.engine: Engine = opening.engine_for(self.holder)

    @property
    def free(self) -> int:
        return max(0, self.target.key_quota - self.used)

    def place(self) -> Place:
        lives = instance_lookup.facts(self.caller, self.target)
        return Place(lives, self.target.type, self.backup.source, self.backup.source_type)

    def claim(self, units: int) -> None:
        """Room for `units`, inside the transaction that takes it: the instance is held, and must still serve. Counting a large
        instance anew for each key would take longer than the restore, so it is done every so often, and always when it gets
        tight. Raises Refused."""
        self.target = Instance.objects.select_for_update(no_key=True).get(pk=self.target.pk)
        facts = instance_lookup.facts(self.caller, self.target)
        if reasons := not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid"):
            raise Refused(*reasons)
        self._uncounted += 1
        if self._uncounted >= RECOUNT_EVERY or self.free < units + RECOUNT_EVERY * 5:
            self.used, self._uncounted = quota.used(self.target), 0
        if self.free < units:
            raise Refused(_no_room(self, units))


def _no_room(work: Work, units: int) -> Refusal:
    facts = instance_lookup.facts(work.caller, work.target)
    return rules.no_room(facts, units, work.free, work.target.key_quota)


def present_of(work: Work, row: Key | None) -> Present | None:
    if row is None:
        return None
    foreign = row.account_id != work.target.account_id
    lives = row.state_at(work.caller.at) is not State.DESTROYED
    at = row.destroyed_at or row.destroyed_from()
    # Destroyed with its instance, a key has no deletion date of its own, or one that had not come.
    purpose = not lives and row.delete_at is not None and at is not None and row.delete_at <= at and at > work.backup.began_at
    return Present(lives, foreign, "" if foreign else row.instance_id or "", at, row.deletion_scheduled_by, purpose)


def planned(work: Work, saved: SavedKey) -> Plan:
    """Costs an opening and a proof for each version."""
    row = Key.objects.select_related("instance").filter(pk=saved.id).first()
    present, units = present_of(work, row), max(1, len(saved.versions))
    reasons = list(rules.why_not_restore(saved.id, saved.spec, units, work.place(), present, work.free, work.target.key_quota,
                                         again=work.again))
    if not reasons:
        reasons += _why_not_content(saved)
    if row is not None and not reasons and row.state != State.DESTROYED:
        # Its date has come and the sweep has not: until then the old material still lies there.
        reasons.append(Refusal("Rejected.ResourceExist", {"key": saved.id, "place": row.instance_id or ""},
                               reason="restore_not_swept", who="time"))
    if reasons:
        return Plan(saved, tuple(reasons), row=row)
    work.look_again()
    stored, refusal = _material(work, saved)
    if refusal is not None:
        return Plan(saved, (refusal,), row=row)
    values, notes, found = dict(saved.values), [], tuple(stored.values())
    notes += list(_changes(work, saved, values, stored))
    notes += [{"note": "alias_taken", "alias": name} for name in saved.aliases if not _free(work, name)]
    if row is not None:
        notes += [{"note": "version_lost", "version": pk} for pk in _lost(saved)]
    return Plan(saved, (), tuple(notes), values, stored, () if stored else found, row,
                bool(present and present.destroyed_on_purpose))


def _why_not_content(saved: SavedKey) -> Iterator[Refusal]:
    """A file is its maker's word: whoever holds its key can write anything into it."""
    ids = [version.id for version in saved.versions]
    spec, usage, state = SPECS[saved.spec], saved.values["usage"], saved.values["state"]
    fits = (len(set(ids)) == len(ids) and all(len(pk) == 36 for pk in ids) and usage in spec.usages
            and state in (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT)
            and sum(version.values["is_primary"] for version in saved.versions) <= 1
            and all(name.startswith(PREFIX) and not tuple(why_not_name(name)) for name in saved.aliases)
            and (state == State.PENDING_DELETION) == (saved.values.get("delete_at") is not None)
            and (not saved.values.get("policy") or not tuple(key_policies.why_not_document(saved.values["policy"])))
            and saved.values.get("kind") == Key.Kind.CUSTOMER)
    if not fits:
        yield Refusal("InvalidBackup", {"key": saved.id, "spec": saved.spec}, reason="restore_unknown_kind")
    elif KeyVersion.objects.filter(pk__in=ids).exclude(key_id=saved.id).exists():
        yield Refusal("Rejected.ResourceExist", {"key": saved.id}, reason="restore_id_taken")


def _material(work: Work, saved: SavedKey) -> tuple[dict[str, Material], Refusal | None]:
    """What the target's provider takes of each version, proved by its canary."""
    made: dict[str, Material] = {}
    facts = {"key": saved.id, "spec": saved.spec}
    for version in saved.versions:
        if not version.has_material:
            continue
        try:
            material = taken(work, saved, version)
            if refusal := hsm_objects.why_not_take_up(work.holder, material):
                return {}, replace(refusal, facts={**facts, "version": version.id, **refusal.facts})
            if not canary.lives(version.canary, work.engine, material):
                return {}, Refusal("InvalidBackup", {**facts, "version": version.id}, reason="restore_canary_dead")
        except Unavailable:
            return {}, Refusal("ServiceUnavailableTemporary", facts, who="operator")
        except MaterialGone:
            return {}, Refusal("InvalidBackup", {**facts, "version": version.id}, reason="restore_not_held", who="operator")
        except Unsupported:
            return {}, Refusal("UnsupportedOperation", facts, reason="provider_takes_no_material")
        except (BadCiphertext, ProviderError):
            return {}, Refusal("InvalidBackup", {**facts, "version": version.id}, reason="restore_canary_dead")
        made[version.id] = material
    return made, None


def taken(work: Work, saved: SavedKey, version: SavedVersion) -> Material:
    """The version's material as the target holds it: software takes it in, under the identity it has there; an HSM is only
    asked whether it has it."""
    identity = material_identity(work.target.account_id, saved.id, version.id)
    spec = SPECS[saved.spec]
    saved_as = content.backup_identity(work.backup.source_account, saved.id, version.id)
    if version.pointer:
        return work.engine.pointed(work.material_key.open(version.pointer, saved_as), spec, identity, version.public)
    raw = work.material_key.open(version.sealed, saved_as)
    return work.engine.import_raw(spec, identity, raw)


def _changes(work: Work, saved: SavedKey, values: dict[str, Any], stored: dict[str, Material]) -> Iterator[Note]:
    """Makes `values` what they must be here and now, and says what is not as it was."""
    at, own = work.caller.at, work.backup.source_account == work.target.account_id
    values["account_id"], values["instance_id"] = work.target.account_id, work.target.pk
    values |= {"arrived_at": at, "destroyed_at": None, "next_try_at": None}
    expires = values.get("material_expires_at")
    if expires is not None and expires <= at:
        stored.clear()
        values["material_expires_at"] = None
        yield {"note": "material_expired", "at": expires.isoformat()}
    if values["state"] == State.PENDING_DELETION and values["delete_at"] <= at + FRESH_DAY:
        yield {"note": "deletion_dropped", "at": values["delete_at"].isoformat()}
        values |= {"state": State.DISABLED, "delete_at": None, "deletion_scheduled_at": None, "deletion_scheduled_by": ""}
    if values["state"] in (State.ENABLED, State.DISABLED) and not stored:
        values["state"] = State.PENDING_IMPORT
    if not own:
        values["creator"] = work.target.account_id
        if values.get("policy"):
            values["policy"] = ""
            yield {"note": "policy_dropped"}
    if work.backup.from_elsewhere and values.get("automatic_rotation"):
        values |= {"automatic_rotation": False, "rotation_interval_seconds": None, "next_rotation_at": None}
        yield {"note": "rotation_off"}
    yield from _binding(work, saved, values, own=own)


def _binding(work: Work, saved: SavedKey, values: dict[str, Any], *, own: bool) -> Iterator[Note]:
    """An imported key stays bound to its material. The fingerprint is keyed by this installation and names the account, so
    one from elsewhere is made anew from the material, and where that is not in the backup, the binding is lost."""
    if values.get("material_fingerprint") is None or own and work.same_fingerprints:
        return
    values["material_fingerprint"] = None
    for version in saved.versions:
        if version.sealed:
            identity = content.backup_identity(work.backup.source_account, saved.id, version.id)
            raw = version.public or work.material_key.open(version.sealed, identity)
            values["material_fingerprint"] = fingerprint(Key(id=saved.id, account_id=work.target.account_id), raw)
            return
    yield {"note": "binding_lost"}


def fingerprint_key() -> str:
    return purpose_key(FINGERPRINT).key_id.hex()


def _free(work: Work, name: str) -> bool:
    return name not in work.taken_aliases and not Alias.objects.filter(account_id=work.target.account_id, name=name).exists()


def _lost(saved: SavedKey) -> list[str]:
    """Versions made after the backup: their material went with the key."""
    return sorted(KeyVersion.objects.filter(key_id=saved.id).exclude(pk__in=[one.id for one in saved.versions])
                  .values_list("pk", flat=True))


def bring_back(work: Work, restore: Restore, plan: Plan) -> None:
    """The whole key, its event and its line in the report, or nothing. Raises Refused where something changed since the plan
    was made."""
    saved = plan.saved
    try:
        with transaction.atomic():
            work.claim(plan.units)
            key = _row(plan)
            for pk in _lost(saved):
                KeyVersion.objects.filter(pk=pk).delete()
            _versions(work, key, plan)
            aliases = _aliases(work, key, saved)
            notes = [note for note in plan.notes if note["note"] != "alias_taken"]
            notes += [{"note": "alias_taken", "alias": name} for name in saved.aliases if name not in aliases]
            KeyTag.objects.bulk_create([KeyTag(key=key, tag_key=name, tag_value=value) for name, value in saved.tags])
            words.note(key)
            recording.record(work.caller, "RestoreKey", key, backup=work.backup.pk, restore=restore.pk, by=restore.asked_by,
                             instance=work.target.pk, versions=sorted(plan.stored), destroyed_on_purpose=plan.again,
                             source=work.backup.source, notes=[note["note"] for note in notes])
            RestoredKey.objects.create(restore=restore, key_id=saved.id, spec=saved.spec, versions=len(saved.versions),
                                       outcome=Outcome.RESTORED, notes=notes)
    except IntegrityError:
        raise Refused(Refusal("Rejected.ResourceExist", {"key": saved.id, "place": ""}, reason="restore_key_lives")) from None
    work.used += plan.units


def _row(plan: Plan) -> Key:
    if plan.row is not None:
        values = {name: value for name, value in plan.values.items() if name != "id"}
        plan.row.move(**values)
        return Key.objects.get(pk=plan.row.pk)
    key = Key(**plan.values)
    key.save(force_insert=True)
    return key


def _versions(work: Work, key: Key, plan: Plan) -> None:
    KeyVersion.objects.filter(key=key).update(is_primary=False)
    for version in plan.saved.versions:
        values = {name: value for name, value in version.values.items() if name != "id"}
        KeyVersion.objects.update_or_create(pk=version.id, key=key, defaults=values)
    for pk, made in plan.stored.items():  # one by one: `save` holds the instance key against its own rotation
        KeyMaterial.objects.create(version_id=pk, wrapping_key=work.holder, stored=made.stored)
        hsm_objects.take_up(work.caller.at, work.holder, made)
    for made in plan.over:
        hsm_objects.take_up(work.caller.at, work.holder, made, doomed=True)


def _aliases(work: Work, key: Key, saved: SavedKey) -> set[str]:
    """Takes the names that are free; returns them."""
    got: set[str] = set()
    for name in saved.aliases:
        try:
            with transaction.atomic():
                Alias.objects.create(account_id=key.account_id, name=name, key=key, created_at=work.caller.at)
        except IntegrityError:
            continue
        got.add(name)
    work.taken_aliases |= got
    return got
