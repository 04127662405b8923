"""Nonces by digest. Those of the last half hour are kept: a request signed before the update may not come again after it."""

from __future__ import annotations

import hashlib

from django.db import migrations, models


def _digests(apps, editor) -> None:
    used = apps.get_model("access", "UsedNonce").objects.using(editor.connection.alias)
    waiting = []
    for one in used.iterator(chunk_size=2000):
        one.digest = hashlib.sha256(f"{one.access_key_id}\n{one.nonce}".encode()).digest()[:16]
        waiting.append(one)
        if len(waiting) == 2000:
            used.bulk_update(waiting, ["digest"], batch_size=400)
            waiting = []
    used.bulk_update(waiting, ["digest"], batch_size=400)


class Migration(migrations.Migration):

    dependencies = [("access", "0005_freeze")]

    operations = [
        migrations.AddField("usednonce", "digest", models.BinaryField(max_length=16, null=True)),
        migrations.RunPython(_digests, migrations.RunPython.noop),
        migrations.RemoveConstraint("usednonce", "nonce_once"),
        migrations.RemoveField("usednonce", "access_key_id"),
        migrations.RemoveField("usednonce", "nonce"),
        migrations.AlterField("usednonce", "digest", models.BinaryField(max_length=16, unique=True)),
    ]
