"""Floor 7: backups of instances: making, keeping, proving, moving and restoring them.

May import: base, crypto, audit, access, instances, keys. Nobody below knows it: it leaves one fact, `Instance.last_backup_at`.
Start with `states` and `rules` (pure), then `content` (what is in a backup) and `operations`. The file: `crypto.sealed_stream`.
"""
