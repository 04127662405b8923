"""Everything the clock does, in one dictionary. A message only wakes a sweep, which looks for itself what is due; so a
lost, late or doubled message changes nothing, and a message nobody fetched within a minute may be dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from access import sweeps as access_sweeps
from backups import sweeps as backup_sweeps
from base import clock
from instances import hsm_sweeps
from instances import sweeps as instance_sweeps
from keys import rewrapping, tallies, usage_sweep
from keys import sweeps as key_sweeps
from kmsconsole import notices
from migration import sweeps as migration_sweeps

CLOCK = "clock"
_DROP = {"expires": 60}

SCHEDULE: dict[str, dict[str, Any]] = {
    # Ten seconds: the longest that a due key's material lies in the database after its date. Nobody can use it then.
    "destroy-due-keys": {"task": "keys.tasks.destroy_due_keys", "schedule": 10.0, "options": _DROP},
    # Likewise for imported material: nobody can use it after MaterialExpireTime, and ten seconds later it is erased.
    "expire-key-material": {"task": "keys.tasks.expire_key_material", "schedule": 10.0, "options": _DROP},
    # Rotation is a matter of days; half a minute after its date is soon, also for a key that was just enabled again.
    "rotate-due-keys": {"task": "keys.tasks.rotate_due_keys", "schedule": 30.0, "options": _DROP},
    # A token says itself that it is over; its wrapping key need not lie around longer than that.
    "forget-import-tokens": {"task": "keys.tasks.forget_import_tokens", "schedule": 60.0, "options": _DROP},
    # A second copy of material is there for a roll-back only, and goes when its time is over.
    "drop-spare-material": {"task": "keys.tasks.drop_spare_material", "schedule": 10.0, "options": _DROP},
    # Goes on with migrations whose worker died, and proves what it had no time to prove.
    "advance-migrations": {"task": "migration.tasks.advance_migrations", "schedule": 10.0, "options": _DROP},
    # Adds the uses of keys up; readers add what is younger themselves, so this only bounds how much that is.
    "gather-uses": {"task": "keys.tasks.gather_uses", "schedule": 30.0, "options": _DROP},
    # Wakes the count; each large instance is due every ten minutes, because pages say "about" and a count reads all its keys.
    "count-large-instances": {"task": "keys.tasks.count_large_instances", "schedule": 60.0, "options": _DROP},
    # Goes on with the rotation of an instance key, and destroys the old one when nothing is under it any more.
    "rewrap-material": {"task": "keys.tasks.rewrap_material", "schedule": 30.0, "options": _DROP},
    # Writes the one event of an expiry; service has stopped by itself, at the date.
    "mark-expired-instances": {"task": "instances.tasks.mark_expired_instances", "schedule": 30.0, "options": _DROP},
    # An hour before the end: no call meets the end of an instance that renews itself.
    "renew-due-instances": {"task": "instances.tasks.renew_due_instances", "schedule": 30.0, "options": _DROP},
    # Reminders are a matter of days; half a minute after their instant is soon.
    "remind-of-expiries": {"task": "instances.tasks.remind_of_expiries", "schedule": 60.0, "options": _DROP},
    # Releases what nobody renewed in fifteen days, if a backup of it exists; a minute more or less is nothing to that.
    "release-due-instances": {"task": "keys.tasks.release_due_instances", "schedule": 60.0, "options": _DROP},
    # As with due keys: the longest that dead material of a released instance lies in the database.
    "clear-released-instances": {"task": "keys.tasks.clear_released_instances", "schedule": 10.0, "options": _DROP},
    # Mails and webhooks of what people should hear of; a receiver that does not answer only holds its own channel.
    "send-notices": {"task": "kmsconsole.tasks.send_notices", "schedule": 15.0, "options": _DROP},
    # Makes what is due or was asked for, restores, proves and destroys. Ten seconds: whoever asked waits for the answer.
    "keep-backups": {"task": "backups.tasks.keep_backups", "schedule": 10.0, "options": _DROP},
    # Wakes the look at HSM members; each cluster says itself when it is due: every five minutes, every minute while one is away.
    "check-hsm-members": {"task": "instances.tasks.check_hsm_members", "schedule": 30.0, "options": _DROP},
    # Destroys in the tokens what nothing rests on any more: at once where a key was destroyed, and here where that failed.
    "clear-hsm-objects": {"task": "instances.tasks.clear_hsm_objects", "schedule": 30.0, "options": _DROP},
    # Keeps the table of used nonces as small as the clock window of signatures.
    "forget-nonces": {"task": "access.tasks.forget_nonces", "schedule": 60.0, "options": _DROP},
    # Nobody can use them any more; this only keeps the table small.
    "forget-sessions": {"task": "access.tasks.forget_sessions", "schedule": 60.0, "options": _DROP},
    # /readyz calls the product not ready when this has not come for three minutes.
    "heartbeat": {"task": "kmsconsole.tasks.heartbeat", "schedule": 20.0, "options": _DROP},
}

# What `manage.py sweep` runs, in this order: instances first, because an expired one holds its keys' deletions.
SWEEPS: dict[str, Callable[[datetime], int]] = {
    "renew-due-instances": instance_sweeps.renew_due,
    "mark-expired-instances": instance_sweeps.mark_expired,
    "remind-of-expiries": instance_sweeps.remind,
    "release-due-instances": key_sweeps.release_due,
    "clear-released-instances": key_sweeps.clear_released,
    "destroy-due-keys": key_sweeps.destroy_due,
    "expire-key-material": key_sweeps.expire_material,
    "rotate-due-keys": key_sweeps.rotate_due,
    "forget-import-tokens": key_sweeps.forget_import_tokens,
    "drop-spare-material": key_sweeps.drop_spares,
    "advance-migrations": migration_sweeps.advance,
    "gather-uses": usage_sweep.gather_uses,
    "count-large-instances": tallies.count_large,
    "rewrap-material": rewrapping.rewrap_superseded,
    "send-notices": notices.send,
    "keep-backups": backup_sweeps.keep,
    "check-hsm-members": hsm_sweeps.check_members,
    "clear-hsm-objects": hsm_sweeps.clear_objects,
    "forget-nonces": lambda now: access_sweeps.forget_nonces(clock.real_now()),
    "forget-sessions": lambda now: access_sweeps.forget_sessions(clock.real_now()),
}
