"""What backups and restores say to a person who is refused. Part of `refusal_texts`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXTS: dict[str, tuple[str | Promise, str | Promise]] = {
    # backups
    "Forbidden.BackupNotFound": (_("There is no such backup"), _("No backup of your account is called %(backup)s.")),
    "Forbidden.RestoreNotFound": (_("There is no such restore"), _("No restore of your account is called %(restore)s.")),
    "backup_under_way": (_("A backup is under way"), _("%(name)s is being backed up right now.")),
    "backup_destroyed": (_("The backup is destroyed"),
                         _("Its file was destroyed on %(destroyed_at)s. Nobody can bring it back.")),
    "backup_failed": (_("The backup failed"), _("It holds nothing. Make another one.")),
    "backup_not_ready": (_("The backup is not ready"), _("It is still being made.")),
    "backup_of_living_instance": (_("The instance still lives"),
                                  _("Backups of %(name)s can be deleted once the instance is released.")),
    "backup_is_none": (_("This is not a backup"), _("The file was not made by this product.")),
    "backup_newer_format": (_("The backup was made by a newer version"), _("Update this installation, then try again.")),
    "backup_wrong_key": (_("The key does not open this backup"), _("Each download has a decryption key of its own.")),
    "backup_damaged": (_("The backup is damaged"), _("It was changed or cut off. Nothing was restored from it.")),
    "backup_file_gone": (_("The file of the backup is missing"), _("It is not in the directory of backups any more.")),
    "backup_key_syntax": (_("This is not a decryption key"),
                          _("It begins with KMSB and has 14 groups. Check it for a slip of the pen.")),
    "backup_too_large": (_("The file is too large"), _("At most %(limit)s MB can be uploaded.")),
    "restore_into_hardware": (_("The instance keeps its keys in an HSM"), _("This backup needs a software instance.")),
    "restore_into_software": (_("The backup is of a hardware instance"),
                              _("It holds no material. Restore it into a new hardware instance.")),
    "restore_needs_new_hardware": (_("It needs a new hardware instance"),
                                   _("Create an instance on a cluster that holds the keys of %(source)s.")),
    "restore_unknown_kind": (_("The key is of an unknown kind"), _("This installation has no keys like %(key)s.")),
    "restore_id_taken": (_("The ID is taken"), _("A key of another account has it, or had it.")),
    "restore_key_lives": (_("The key exists"), _("It is left as it is.")),
    "restore_not_swept": (_("The key is just being destroyed"), _("Try again in a minute.")),
    "restore_destroyed_on_purpose": (_("The key was destroyed on purpose"),
                                     _("Its deletion came due on %(destroyed_at)s (%(scheduled_by)s). Tick “Also keys that were "
                                       "destroyed on purpose” to restore it.")),
    "restore_no_room": (_("The instance has no room for it"),
                        _("%(name)s has room for %(free)s key versions, and %(needed)s are needed.")),
    "restore_canary_dead": (_("The material does not prove itself"), _("Its canary does not open.")),
    "restore_not_held": (_("The HSM does not hold this key"),
                         _("Every member of the cluster must. Restore the tokens from the HSM's own backup.")),
    "restore_object_goes": (_("The HSM is still to destroy this object"),
                            _("It waits until every member of the cluster answers.")),
    "restore_object_taken": (_("Another key rests on this object of the HSM"), _("It stays with that key.")),
    "drill_needs_hsm": (_("The instance is released"), _("What is in an HSM is proved while the instance lives.")),
    "restore_nothing_chosen": (_("No key is chosen"), _("Tick at least one.")),
    "restore_not_in_backup": (_("The key is not in this backup"), _("Choose another backup.")),
}
