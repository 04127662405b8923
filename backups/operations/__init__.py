"""Operations on backups. The vendor's API has none of them: they are ours, named as the console's actions are."""

from backups.operations.creating import clear_dead_backup, create_backup, run_backup
from backups.operations.deleting import delete_backup, destroy_backup
from backups.operations.drilling import drill_backup, run_drill
from backups.operations.moving import Exported, download_backup, upload_backup
from backups.operations.reading import describe_backup, describe_restore, keys_page, list_backups
from backups.operations.restoring import foretold, restore_backup, run_restore

__all__ = [
    "Exported", "clear_dead_backup", "create_backup", "delete_backup", "describe_backup", "describe_restore", "destroy_backup",
    "download_backup", "drill_backup", "foretold", "keys_page", "list_backups", "restore_backup", "run_backup", "run_drill",
    "run_restore", "upload_backup",
]
