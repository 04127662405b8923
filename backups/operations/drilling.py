"""The drill: the proof that a backup can be restored, before somebody needs it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import transaction

from audit import recording
from backups import canary, content, lookup, rules
from backups.content import SavedKey, SavedVersion
from backups.models import Backup, Drill
from base.caller import Caller
from base.refusal import Refused
from crypto.engine import Engine, material_identity
from crypto.envelope import WrappingKey
from crypto.errors import BadCiphertext, ProviderError, RootKeyError
from crypto.provider import Material
from crypto.sealed_stream import FileKey, Unreadable
from crypto.software import SoftwareProvider
from crypto.specs import SPECS
from instances import opening
from instances.models import WrappingKey as Holder

NAMED = 20


@recording.operation("DrillBackup")
def drill_backup(caller: Caller, backup: Backup) -> Backup:
    """Asks for a drill; the clock carries it out within seconds (`run_drill`)."""
    if reasons := rules.why_not_drill(lookup.facts(caller, backup, "DrillBackup")):
        raise Refused(*reasons)
    with transaction.atomic():
        backup.move(drill_wanted=True)
        recording.record(caller, "DrillBackup", backup, instance=backup.source)
    return backup


@recording.operation("RunDrill")
def run_drill(caller: Caller, backup: Backup) -> Drill:
    """Restores every key of the backup into scratch space, which is memory and gone with the version that was in it, and opens
    the canary of each. Of a hardware instance it proves less: that what the backup points at is in the HSM and is what it
    was; not that the HSM itself could be restored. One row says how it went; nothing else is written."""
    if reasons := rules.why_not_drill(lookup.facts(caller, backup)):
        raise Refused(*reasons)
    drill = Drill(backup=backup, instance=backup.instance, at=caller.at, passed=False)
    began = time.monotonic()
    try:
        with lookup.opened(backup) as (source, _, key):
            for saved in content.read(source, key):
                drill.keys += 1
                for version_id in _dead(backup, saved, key):
                    drill.failures += bool(version_id)
                    drill.opened += not version_id
                    if version_id and len(drill.failed) < NAMED:
                        drill.failed.append(version_id)
        drill.passed = not drill.failures
    except Unreadable as error:
        drill.error = error.reason
    drill.milliseconds = round(1000 * (time.monotonic() - began))
    with transaction.atomic():
        Backup.objects.filter(pk=backup.pk).update(drill_wanted=False)
        drill.save(force_insert=True)
        recording.record(caller, "RunDrill", backup, instance=backup.source, passed=drill.passed, keys=drill.keys,
                         opened=drill.opened, failures=drill.failures, error=drill.error)
    return drill


def _dead(backup: Backup, saved: SavedKey, key: FileKey) -> Iterator[str]:
    """For each version with material: its id where its canary does not open, nothing where it does."""
    material_key = key.material_key()
    for version in saved.versions:
        if not version.has_material:
            continue
        try:
            lives = canary.lives(version.canary, *_scratch(backup, saved, version, material_key))
        except (ProviderError, RootKeyError, Holder.DoesNotExist, ValueError):
            lives = False
        yield "" if lives else version.id


def _scratch(backup: Backup, saved: SavedKey, version: SavedVersion, material_key: WrappingKey) -> tuple[Engine, Material]:
    identity = material_identity(backup.source_account, saved.id, version.id)
    saved_as = content.backup_identity(backup.source_account, saved.id, version.id)
    if version.pointer:
        if backup.instance is None:
            raise BadCiphertext
        engine = opening.engine_for(Holder.objects.filter(instance=backup.instance, destroyed_at=None).latest("generation"))
        pointer = material_key.open(version.pointer, saved_as)
        return engine, engine.pointed(pointer, SPECS[saved.spec], identity, version.public)
    raw = material_key.open(version.sealed, saved_as)
    scratch, _ = WrappingKey.generate()
    return Engine(SoftwareProvider(scratch)), Material(SPECS[saved.spec], identity, scratch.seal(raw, identity), version.public)
