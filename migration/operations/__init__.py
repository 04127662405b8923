"""The operations of the migration: one function each, for every door. Four beats: read, decide, do, record."""

from migration.operations.legacy import import_legacy_key
from migration.operations.moving import Halted, dry_run_key, move_key, prove_key
from migration.operations.planning import assess_migration, cancel_migration, dry_run_migration, plan_migration
from migration.operations.returning import roll_back_key
from migration.operations.running import (
    close_migration,
    end_run,
    roll_back_migration,
    start_migration,
    stop_migration,
)

__all__ = ["Halted", "assess_migration", "cancel_migration", "close_migration", "dry_run_key", "dry_run_migration", "end_run",
           "import_legacy_key", "move_key", "plan_migration", "prove_key", "roll_back_key", "roll_back_migration",
           "start_migration", "stop_migration"]
