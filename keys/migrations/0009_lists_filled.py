"""The idle day of every key that is there, and the words it is found by."""

from django.db import migrations
from django.db.models import Max
from django.db.models.functions import TruncDate

CHUNK = 500


def fill(apps, schema_editor):
    from keys.words import words_of

    key_model, alias_model = apps.get_model("keys", "Key"), apps.get_model("keys", "Alias")
    word_model, use_model = apps.get_model("keys", "KeyWord"), apps.get_model("keys", "KeyUse")
    key_model.objects.update(idle_since=TruncDate("created_at"))
    for use in use_model.objects.filter(outcome="ok").order_by().values("key_id").annotate(last=Max("day")).iterator():
        key_model.objects.filter(pk=use["key_id"], idle_since__lt=use["last"]).update(idle_since=use["last"])
    names = {}
    for key_id, name in alias_model.objects.order_by("name").values_list("key_id", "name").iterator():
        names.setdefault(key_id, []).append(name.removeprefix("alias/"))
    fresh = []
    for pk, account, description in (key_model.objects.exclude(state="Destroyed").order_by()
                                     .values_list("pk", "account_id", "description").iterator()):
        fresh += [word_model(key_id=pk, account=account, word=word) for word in sorted(words_of([*names.get(pk, []), description]))]
        if len(fresh) >= CHUNK:
            word_model.objects.bulk_create(fresh, ignore_conflicts=True)
            fresh = []
    word_model.objects.bulk_create(fresh, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("keys", "0008_lists")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
