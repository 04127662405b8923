"""Exports of 1.0 keys: read whole or not at all."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from access.models import Account
from crypto.legacy_export import ExportKey, kek_of
from keys.models import Key
from keys.states import State
from migration.legacy_files import Entry, LegacyFile, LegacyFileError, Version, written
from tests import importing
from tests.live import ROOT
from tests.migration import estate

KEK = secrets.token_hex(32)
AT = datetime(2021, 3, 12, 8, tzinfo=UTC)
ONE = "08ec3bb9-034f-485b-b1cd-00000000000"


def entry(number: int = 1, **more) -> tuple[Entry, dict[str, bytes]]:
    version = Version(f"{ONE.replace('08ec', '18ec')}{number}", AT, True)
    made = Entry(f"{ONE}{number}", AT, State.ENABLED, "Aliyun_AES_256", "ENCRYPT/DECRYPT", "Aliyun_KMS", "SOFTWARE", (version,))
    made = replace(made, **more)
    material = {one.id: importing.material_for(made.spec) for one in made.versions}
    return replace(made, versions=tuple(replace(one, primary=made.spec.startswith("Aliyun")) for one in made.versions)), material


def write(path, *entries, kek=KEK, wrapping=None):
    path.write_bytes(b"".join(written(entries, ExportKey(bytes.fromhex(kek)), wrapping or {"kdf": "none"}, len(entries))))
    return path


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(KEK)
    return str(path)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "export.jsonl"


@pytest.mark.django_db
def test_it_works_and_may_be_repeated(alice, file, secret, capsys):
    entries = [entry(1, aliases=("alias/web",), tags=(("team", "a"),), rotation_days=700),
               entry(2, spec="RSA_2048", usage="SIGN/VERIFY"), entry(3, origin="EXTERNAL"),
               entry(4, state=State.PENDING_DELETION, delete_at=datetime(2040, 1, 1, tzinfo=UTC))]
    write(file, *entries)
    for imported in (4, 0):
        call_command("import_legacy", str(file), "--secret-file", secret, "--json")
        assert json.loads(capsys.readouterr().out) == {"keys": 4, "imported": imported, "known": 4 - imported}
    found = {row["id"]: row for row in estate.export(Account.objects.get().pk)}
    assert len(found) == 4
    for one, material in entries:
        row = found[one.id]
        assert {name: version[3] for name, version in row["versions"].items()} == material
        assert (row["state"], row["created_at"], row["edition"], row["aliases"]) == (one.state, AT, "1.0", list(one.aliases))
    assert found[f"{ONE}1"]["rotation_interval_seconds"] == 700 * 86400
    assert all(use() for number in (1, 2, 3) for use in estate.uses(alice, Key.objects.get(pk=f"{ONE}{number}")))


def test_a_passphrase(file):
    salt = secrets.token_bytes(16)
    wrapping = {"kdf": "scrypt", "salt": base64.b64encode(salt).decode(), "n": 1 << 15, "r": 8, "p": 1}
    write(file, entry(), kek=kek_of("correct horse", salt).hex(), wrapping=wrapping)
    assert len(list(LegacyFile(file, "correct horse"))) == 1
    with pytest.raises(LegacyFileError, match="not that of this file"):
        LegacyFile(file, "wrong horse")


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda text: text.replace('"Enabled"', '"Disabled"', 1), "was changed"),
    (lambda text: text[:-10], "no end|cut off"),
    (lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "cut off"),
    (lambda text: "\n".join(text.splitlines()[:1] + text.splitlines()[2:]) + "\n", "was changed"),
    (lambda text: text.replace('"version":1', '"version":2', 1), "reads version 1"),
    (lambda text: text.replace("kms-1.0-export", "something", 1), "line 1"),
    (lambda text: "", "not JSON"),
])
def test_a_file_that_was_changed_is_not_taken(file, spoil, says):
    write(file, entry(1), entry(2))
    file.write_text(spoil(file.read_text()))
    with pytest.raises(LegacyFileError, match=says):
        LegacyFile(file, KEK)


@pytest.mark.parametrize(("more", "says"), [
    ({"id": "key-1"}, "UUID"), ({"spec": "HMAC_SHA_256"}, "spec"), ({"usage": "SIGN/VERIFY"}, "usage"),
    ({"rotation_days": 731}, "rotation_days"), ({"rotation_days": 30, "origin": "EXTERNAL"}, "rotate"),
    ({"aliases": ("alias/acs/x",)}, "alias"), ({"tags": (("", "x"),)}, "tags"), ({"versions": ()}, "version"),
    ({"delete_at": AT}, "delete_at"), ({"state": State.PENDING_IMPORT}, "PendingImport"), ({"protection_level": "TPM"}, "HSM"),
    ({"material_expires_at": AT}, "EXTERNAL"), ({"description": "x" * 9000}, "too long"), ({"state": "Sleeping"}, "state"),
])
def test_every_line_is_checked_and_named(file, more, says):
    write(file, entry(1), entry(2, **more), entry(3))
    with pytest.raises(LegacyFileError, match=f"line 3.*{says}"):
        LegacyFile(file, KEK)


def test_an_id_may_stand_there_once(file):
    write(file, entry(1), entry(1))
    with pytest.raises(LegacyFileError, match="there before"):
        LegacyFile(file, KEK)


def test_material_of_another_version_does_not_open(file):
    one, material = entry(1)
    key = ExportKey(bytes.fromhex(KEK))
    lines = list(written([(one, material), entry(2)], key, {"kdf": "none"}, 2))
    rows = [json.loads(line) for line in lines[:-1]]
    rows[1]["versions"][0]["material"] = rows[2]["versions"][0]["material"]
    body = b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
    seal = key.seal()
    seal.update(body)
    file.write_bytes(body + json.dumps({"end": 2, "mac": seal.hexdigest()}).encode() + b"\n")
    with pytest.raises(LegacyFileError, match="line 2: the material of key"):
        list(LegacyFile(file, KEK))


@pytest.mark.django_db
def test_the_program_of_the_document_writes_a_file_that_is_taken(alice, file, monkeypatch):
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/migration.md").read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PASSPHRASE": "correct horse"}, check=True,
                          capture_output=True)
    file.write_bytes(done.stdout)
    monkeypatch.setenv("KMS_LEGACY_EXPORT_SECRET", "correct horse")
    call_command("import_legacy", str(file), "--check")
    assert not Key.objects.exists()
    call_command("import_legacy", str(file))
    assert all(use() for use in estate.uses(alice, Key.objects.get()))


@pytest.mark.django_db
def test_hsm_keys_need_a_word(alice, file, secret):
    write(file, entry(1, protection_level="HSM"))
    with pytest.raises(CommandError, match="--accept-software"):
        call_command("import_legacy", str(file), "--secret-file", secret)
    call_command("import_legacy", str(file), "--secret-file", secret, "--accept-software")
    assert Key.objects.get().protection_level == "HSM"


@pytest.mark.django_db
def test_ids_and_aliases_of_others_are_not_taken(alice, charlie, file, secret):
    write(file, entry(1))
    call_command("import_legacy", str(file), "--secret-file", secret, "--account", charlie.account.pk)
    with pytest.raises(CommandError, match="legacy_id_taken"):
        call_command("import_legacy", str(file), "--secret-file", secret, "--account", alice.account.pk)
