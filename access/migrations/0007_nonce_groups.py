from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("access", "0006_nonce_digests")]

    operations = [
        migrations.AlterField("usednonce", "forget_at", models.DateTimeField(
            help_text="real time; after it the timestamp cannot pass any more")),
        migrations.CreateModel("NonceGroup", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("digests", models.BinaryField()),
            ("forget_at", models.DateTimeField(help_text="real time, the latest of them")),
        ]),
    ]
