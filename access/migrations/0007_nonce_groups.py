"""Nonces by 8 bytes of a digest. Those of the last half hour are kept."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("access", "0006_nonce_digests")]

    operations = [
        migrations.RunSQL("UPDATE access_usednonce SET digest = substr(digest, 1, 8)", migrations.RunSQL.noop),
        migrations.AlterField("usednonce", "digest", models.BinaryField(max_length=8, unique=True)),
        migrations.AlterField("usednonce", "forget_at", models.DateTimeField(
            help_text="real time; after it the timestamp cannot pass any more")),
        migrations.CreateModel("NonceGroup", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("digests", models.BinaryField()),
            ("forget_at", models.DateTimeField(help_text="real time, the latest of them")),
        ]),
    ]
