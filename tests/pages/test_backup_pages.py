"""The pages of backups, as people read them: logged in, by address, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import Event
from backups import files, operations, sweeps
from backups.models import Backup, Restore
from base import clock
from instances.models import Instance
from keys import operations as keys
from keys.models import Key
from tests import make
from tests.backups.estate import back_up, lose, opens, use
from tests.pages.conftest import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def backup(alice, instance, make_key):
    key = make_key()
    keys.create_alias(alice(), key, alias_name="alias/payments")
    make_key()
    made = back_up(alice, instance)
    sweeps.drill_due(make.operator())
    return made


def at(name: str, *args: str) -> str:
    return reverse(f"backups:{name}", args=args)


def test_a_backup_from_the_page_of_its_instance(alices, alice, instance, words):
    page = alices.get(reverse("instances:detail", args=[instance.pk])).content.decode()
    assert at("of_instance", instance.pk) in page
    card = alices.get(at("of_instance", instance.pk), headers={"HX-Request": "true", "HX-Target": "backups"})
    assert "none" in words(card)
    assert b"<html" not in card.content
    assert alices.get(at("of_instance", instance.pk))["Location"] == f"{at('list')}?instance={instance.pk}"
    answer = alices.post(at("new"), {"instance": instance.pk})
    made = Backup.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, at("detail", made.pk))
    page = alices.get(at("detail", made.pk))
    assert "This backup is being made" in words(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    sweeps.keep(clock.now())
    page = alices.get(at("detail", made.pk))
    assert "Complete" in words(page)
    assert "every 2s" not in page.content.decode()
    card = words(alices.get(at("of_instance", instance.pk), headers={"HX-Request": "true", "HX-Target": "backups"}))
    assert "Proven restorable just now" in card
    assert alices.post(at("new"), {"instance": ""}).status_code == 400


def test_what_is_in_it(alices, backup, words):
    page = words(alices.get(at("detail", backup.pk)))
    assert "payments" in page
    assert "2 versions proved themselves" in page
    assert "Backups of main can be deleted once the instance is released" in page
    found = alices.get(at("detail", backup.pk), {"q": "alias/pay"})
    assert found.context["found"].total == 1
    assert "No key matches" in words(alices.get(at("detail", backup.pk), {"q": "zzz"}))
    listed = words(alices.get(at("list")))
    assert "Complete" in listed
    assert "proven" in listed


def test_a_failed_drill_is_said_on_both_pages(alices, backup, instance, words):
    files.path_of(backup.pk).write_bytes(files.path_of(backup.pk).read_bytes()[:-1])
    sweeps.drill_due(make.operator(clock.now() + timedelta(days=2)))
    page = words(alices.get(at("detail", backup.pk)))
    assert "This backup cannot be read" in page
    assert "It was changed or cut off" in page
    card = words(alices.get(at("of_instance", instance.pk), headers={"HX-Request": "true", "HX-Target": "backups"}))
    assert "Restore test failed" in card


def test_preview_restore_and_report(alices, alice, instance, backup, words):
    made = [one for key in Key.objects.select_related("instance") for one in use(alice(), key)]
    lose(instance)
    restore = at("restore", backup.pk)
    assert "Destination instance" in words(alices.get(restore))
    assert ">key-1 key-2</textarea>" in alices.get(restore, {"keys": "key-1 key-2"}).content.decode()
    page = alices.get(restore, {"into": instance.pk})
    assert 'spellcheck="false" aria-describedby="keys-hint"></textarea>' in page.content.decode()
    assert "2 keys will be restored" in words(page)
    assert not Key.objects.exists()
    ids = re.findall(r'name="key" value="(key-[^"]+)"', page.content.decode())
    assert len(ids) == 2
    answer = alices.post(restore, {"into": instance.pk, "chosen": "on", "key": ids[:1]})
    asked = Restore.objects.get()
    assert answer["Location"] == at("result", asked.pk)
    assert "Restoring…" in words(alices.get(at("result", asked.pk)))
    sweeps.keep(clock.now())
    result = words(alices.get(at("result", asked.pk)))
    assert "1 key restored" in result
    assert opens(alice(), next(one for one in made if one.key == ids[0]))
    again = alices.get(restore, {"into": instance.pk, "keys": ids[0]})
    assert "The key exists" in words(again)
    alices.post(restore, {"into": instance.pk, "keys": ids[0]})
    sweeps.keep(clock.now())
    last = Restore.objects.exclude(pk=asked.pk).get()
    assert "The key exists" in words(alices.get(at("result", last.pk), {"outcome": "refused"}))
    report = alices.get(at("report", last.pk))
    text = b"".join(report.streaming_content).decode()
    assert f"{ids[0]},Aliyun_AES_256,1,refused,restore_key_lives," in text
    assert alices.post(restore, {"into": instance.pk, "chosen": "on"}).status_code == 400


def test_download_and_upload(alices, alice, instance, backup, words):
    page = alices.post(at("download", backup.pk))
    key = re.search(r'data-copy="(KMSB-[^"]+)"', page.content.decode())[1]
    assert page["Cache-Control"] == "no-store, private"
    link = re.search(r'href="(/backups/downloads/[^"]+)"', page.content.decode())[1]
    assert key not in alices.get(at("download", backup.pk)).content.decode()
    answer = alices.get(link)
    data = b"".join(answer.streaming_content)
    assert (len(data), answer["Content-Length"]) == (backup.size, str(backup.size))
    lose(instance)
    wrong = alices.post(at("upload"), {"file": SimpleUploadedFile("b", data[:-1]), "decryption_key": key})
    assert wrong.status_code == 409
    assert "The backup is damaged" in words(wrong)
    assert "This is not a decryption key" in words(alices.post(at("upload"), {"file": SimpleUploadedFile("b", data)}))
    assert alices.post(at("upload"), {"decryption_key": key}).status_code == 400
    answer = alices.post(at("upload"), {"file": SimpleUploadedFile("b", data), "decryption_key": key, "name": "From the safe"})
    taken = Backup.objects.get(kind="uploaded")
    assert (answer.status_code, answer["Location"]) == (303, at("detail", taken.pk))
    assert "From the safe" in words(alices.get(at("detail", taken.pk)))
    assert not [event for event in Event.objects.all() if key in event.detail]
    assert alices.post(at("delete", taken.pk)).status_code == 303
    assert "Destroyed on" in words(alices.get(at("detail", taken.pk)))


def test_a_download_is_for_its_account_and_an_hour(alices, charlies, backup):
    link = re.search(r'href="(/backups/downloads/[^"]+)"', alices.post(at("download", backup.pk)).content.decode())[1]
    assert charlies.get(link).status_code == 404
    assert alices.get(link).status_code == 200
    sweeps.forget(make.operator(clock.now() + timedelta(hours=2)))
    assert alices.get(link).status_code == 404


def test_a_huge_upload_is_refused_before_it_is_read(alices, settings, words, instance):
    settings.KMS_BACKUP_UPLOAD_MB = 1
    big = SimpleUploadedFile("b", bytes(2 * 1024 * 1024))
    answer = alices.post(at("upload"), {"file": big})
    assert answer.status_code == 413
    assert "At most 1 MB can be uploaded" in words(answer)
    assert "backup_too_large" in Event.objects.get(action="UploadBackup").detail


def test_an_upload_needs_the_token_of_the_form(alice, instance):
    strict = log_in(alice)
    strict.handler.enforce_csrf_checks = True
    assert strict.post(at("upload"), {"file": SimpleUploadedFile("b", b"x")}).status_code == 403


def test_after_the_release_it_can_be_deleted(alices, instance, backup, words):
    assert alices.post(at("delete", backup.pk)).status_code == 409
    Instance.objects.filter(pk=instance.pk).update(released_at=clock.now())
    assert "Its file is overwritten and removed" in words(alices.get(at("delete", backup.pk)))
    fragment = alices.get(at("delete", backup.pk), headers={"HX-Request": "true", "HX-Target": "modal"})
    assert b"<html" not in fragment.content
    assert alices.post(at("delete", backup.pk)).status_code == 303
    assert "This page is the record" in words(alices.get(at("detail", backup.pk)))
    assert alices.post(at("drill", backup.pk)).status_code == 409


def test_who_may(bobs, carols, charlies, backup, instance, words):
    for client in (bobs, carols):
        assert "Complete" in words(client.get(at("list")))
        assert client.get(at("detail", backup.pk)).status_code == 200
        for name in ("download", "delete", "drill"):
            assert client.post(at(name, backup.pk)).status_code == 403
        assert client.post(at("restore", backup.pk), {"into": instance.pk}).status_code == 403
        assert client.post(at("new"), {"instance": instance.pk}).status_code == 403
        assert client.post(at("upload"), {"file": SimpleUploadedFile("b", b"x")}).status_code == 403
    for name in ("detail", "restore", "download", "delete", "drill"):
        assert charlies.get(at(name, backup.pk)).status_code == 404
    assert charlies.get(at("of_instance", instance.pk)).status_code == 404
    assert charlies.get(at("result", "rst-none")).status_code == 404
    assert backup.pk not in charlies.get(at("list")).content.decode()


def test_the_evidence_before_a_deletion_says_which_backups_hold_the_key(alices, charlies, alice, instance, make_key, words):
    old = make_key()
    address = f"/backups/of-key/{old.pk}/"
    assert address in alices.get(f"/keys/{old.pk}/delete/").content.decode()
    assert "No backup holds it" in words(alices.get(address))
    operations.create_backup(alice(at=old.created_at + timedelta(seconds=1)), instance)
    sweeps.keep(old.created_at + timedelta(seconds=2))
    assert "1 backup holds it" in words(alices.get(address))
    fragment = alices.get(address, headers={"HX-Request": "true", "HX-Target": "held"})
    assert b"<html" not in fragment.content
    young = keys.create_key(alice(at=old.created_at + timedelta(minutes=1)), instance=instance)
    assert "No backup holds it" in words(alices.get(f"/backups/of-key/{young.pk}/"))
    assert charlies.get(address).status_code == 404
