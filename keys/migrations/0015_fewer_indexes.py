"""Indexes go that another one answers for, because it begins with the same column; every write of a row paid for both.

Nothing but indexes is dropped, and programs of before and after work with and without them. PostgreSQL forgets each in an instant,
once nobody uses its table. SQLite overwrites what it frees: a few seconds for a million keys, in which nobody else writes; Django would
even build each table anew to change a foreign key there, so the indexes are dropped by their names. On PostgreSQL four indexes for
LIKE go besides, which Django makes for every text: nobody looks for the beginning of a version's id or of an account. The way back
makes the indexes of the foreign keys again, which reads their tables.
"""

import django.db.models.deletion
from django.db import migrations, models

COVERED = (("KeyVersion", "key"), ("SpareMaterial", "version"), ("Alias", "key"), ("KeyTag", "key"), ("Key", "instance"))
ONLY_LIKE = (("KeyVersion", "id"), ("KeyMaterial", "version"), ("Key", "account"), ("Alias", "account"))


def _indexes(apps, schema_editor, pairs, suffixes):
    for model, name in pairs:
        meta = apps.get_model("keys", model)._meta
        column = meta.get_field(name).column
        for suffix in suffixes:
            yield meta.db_table, column, schema_editor._create_index_name(meta.db_table, [column], suffix=suffix)


def drop(apps, schema_editor):
    names = [*_indexes(apps, schema_editor, COVERED, ["", "_like"]), *_indexes(apps, schema_editor, ONLY_LIKE, ["_like"])]
    for _, _, index in names:
        schema_editor.execute(f"DROP INDEX IF EXISTS {schema_editor.quote_name(index)}")


def make(apps, schema_editor):
    for table, column, index in _indexes(apps, schema_editor, COVERED, [""]):
        schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {schema_editor.quote_name(index)} ON {schema_editor.quote_name(table)} "
                              f"({schema_editor.quote_name(column)})")


def unindexed(model, name, to, **more):
    return migrations.AlterField(model_name=model, name=name, field=models.ForeignKey(
        db_index=False, on_delete=more.pop("on_delete", django.db.models.deletion.PROTECT), related_name="+", to=to, **more))


class Migration(migrations.Migration):
    dependencies = [("keys", "0014_key_tally")]
    operations = [migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunPython(drop, make)],
        state_operations=[
            unindexed("keyversion", "key", "keys.key"),
            unindexed("sparematerial", "version", "keys.keyversion"),
            unindexed("alias", "key", "keys.key"),
            unindexed("keytag", "key", "keys.key", on_delete=django.db.models.deletion.CASCADE),
            unindexed("key", "instance", "instances.instance", null=True, blank=True),
        ])]
