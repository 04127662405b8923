"""Rotating, exporting and restoring keys above keys, as docs/root-key.md tells an operator to."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access import root
from access.models import RootKeyCheck
from audit.models import Event
from instances import opening
from instances.models import Instance
from keys import operations as keys
from tests import make
from tests.kmsconsole.test_commands import run, run_json
from tests.make import Person


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.KMS_ROOT_KEY = settings.KMS_ROOT_KEY_NEXT = ""
    settings.KMS_ROOT_KEY_PATH, settings.KMS_ROOT_KEY_NEXT_PATH = tmp_path / "root.key", tmp_path / "root.next"
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    root.forget()
    opening.forget()


@pytest.mark.usefixtures("db")
class TestRotateRootKey:
    def test_it_works(self, files: Path) -> None:
        alice = make.person(make.account(), "alice")
        key = make.key(alice, home=make.instance(alice))
        blob = keys.encrypt(alice(), key, plaintext="aGVsbG8=").ciphertext_blob
        told = run_json("rotate_root_key")
        assert (told["generation"], told["retired"]) == (2, [1])
        assert sorted(path.name for path in files.iterdir()) == ["root.1.key", "root.key"]
        forget()
        assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == "aGVsbG8="
        assert "generation 3" in run("rotate_root_key")

    def test_prepare_only_makes_the_next_key(self, files: Path) -> None:
        make.account()
        run("rotate_root_key", "--prepare")
        made = (files / "root.next").read_text()
        assert stat.S_IMODE((files / "root.next").stat().st_mode) == 0o600
        run("rotate_root_key", "--prepare")
        assert (files / "root.next").read_text() == made
        assert RootKeyCheck.objects.count() == 1
        run("rotate_root_key")
        assert (files / "root.key").read_text() == made

    def test_from_the_environment(self, files: Path, settings: Any) -> None:
        settings.KMS_ROOT_KEY = "ab" * 32
        make.account()
        with pytest.raises(CommandError, match="KMS_ROOT_KEY_NEXT"):
            run("rotate_root_key")
        settings.KMS_ROOT_KEY_NEXT = "cd" * 32
        assert "give it as KMS_ROOT_KEY" in run("rotate_root_key")
        settings.KMS_ROOT_KEY, settings.KMS_ROOT_KEY_NEXT = "cd" * 32, ""
        forget()
        opening.check_root_keys()
        assert list(files.iterdir()) == []


class TestRotateInstanceKey:
    def test_it_works(self, alice: Person, instance: Instance) -> None:
        key = make.key(alice, home=instance)
        assert run_json("rotate_instance_key", instance.pk) == {"instance": instance.pk, "generation": 2, "remaining": 0,
                                                                "destroyed": 0}
        assert keys.encrypt(alice(), key, plaintext="aGVsbG8=")

    def test_the_shared_store(self, alice: Person) -> None:
        make.key(alice)
        told = run("rotate_instance_key", "--shared", alice.account.pk)
        assert "moved 1 to generation 2" in told

    def test_it_refuses(self, instance: Instance) -> None:
        for args, text in (((), "name an instance"), (("kst-1",), "no instance 'kst-1'"), (("--shared", "1"), "no account '1'")):
            with pytest.raises(CommandError, match=text):
                run("rotate_instance_key", *args)
        run("rotate_instance_key", instance.pk)
        with pytest.raises(CommandError, match="rotation_under_way"):
            run("rotate_instance_key", instance.pk)


@pytest.mark.usefixtures("db")
class TestShares:
    @pytest.fixture
    def shares(self, files: Path) -> list[str]:
        make.account()
        folder = files / "shares"
        folder.mkdir()
        run("export_root_key", "--shares", "5", "--threshold", "3", "--directory", str(folder), "--yes")
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        return sorted(str(path) for path in folder.iterdir())

    def test_any_three_of_five_give_it_back(self, files: Path, shares: list[str]) -> None:
        before = (files / "root.key").read_text()
        for three in (shares[:3], shares[2:], [shares[4], shares[0], shares[2]]):
            (files / "root.key").unlink()
            assert run_json("restore_root_key", *three) == {"generation": 1, "file": "root.key"}
            assert (files / "root.key").read_text() == before
            assert stat.S_IMODE((files / "root.key").stat().st_mode) == 0o600
        forget()
        opening.check_root_keys()

    def test_from_standard_input(self, files: Path, shares: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        (files / "root.key").unlink()
        typed = "".join(Path(path).read_text().upper() + "\n" for path in shares[:3])
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        run("restore_root_key")
        assert (files / "root.key").exists()

    @pytest.mark.parametrize(("which", "change", "text"), [
        (slice(0, 2), "", "too few"), (slice(0, 3), "academic", "mistyped"), (slice(0, 3), "kilimanjaro", "not of the list")])
    def test_what_does_not_fit_writes_nothing(self, files: Path, shares: list[str], which: slice, change: str,
                                              text: str) -> None:
        (files / "root.key").unlink()
        if change:
            words = Path(shares[0]).read_text().split()
            Path(shares[0]).write_text(" ".join([*words[:20], change, *words[21:]]))
        with pytest.raises(CommandError, match=text) as error:
            run("restore_root_key", *shares[which])
        assert not set(Path(shares[1]).read_text().split()[4:]) & set(str(error.value).split())
        assert not (files / "root.key").exists()

    def test_shares_of_a_retired_or_foreign_key_are_refused(self, files: Path, shares: list[str]) -> None:
        run("rotate_root_key")
        (files / "root.key").unlink()
        with pytest.raises(CommandError, match="retired"):
            run("restore_root_key", *shares[:3])
        RootKeyCheck.objects.filter(pk=1).update(check_value="0" * 64)
        with pytest.raises(CommandError, match="not of the root key this database"):
            run("restore_root_key", *shares[:3])
        assert not (files / "root.key").exists()

    def test_it_never_replaces_another_key(self, files: Path, shares: list[str], settings: Any) -> None:
        (files / "root.key").write_text("ab" * 32)
        with pytest.raises(CommandError, match="move it away first"):
            run("restore_root_key", *shares[:3])
        assert (files / "root.key").read_text() == "ab" * 32
        settings.KMS_ROOT_KEY = "ab" * 32
        with pytest.raises(CommandError, match="unset it first"):
            run("restore_root_key", *shares[:3])

    def test_no_word_of_them_is_kept(self, shares: list[str], caplog: pytest.LogCaptureFixture) -> None:
        words = set(Path(shares[0]).read_text().split()[4:])
        event = Event.objects.get(action="ExportRootKey")
        assert "threshold" in event.detail
        assert not words & set(f"{event.detail} {caplog.text}".replace('"', " ").split())

    def test_a_terminal_shows_each_once_after_asking(self, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make.account()
        asked: list[str] = []
        answers = iter(["export", "", ""])
        monkeypatch.setattr("builtins.input", lambda text: (asked.append(text), next(answers))[1])
        screen = io.StringIO()
        screen.isatty = lambda: True  # type: ignore[method-assign]
        call_command("export_root_key", "--shares", "2", "--threshold", "2", stdout=screen)
        lines = [line for line in screen.getvalue().splitlines() if len(line.split()) == 33]
        assert len(lines) == len(set(lines)) == 2
        assert "Any 2 of the 2 shares" in asked[0]

    def test_it_refuses(self, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make.account()
        with pytest.raises(CommandError, match="terminal only"):
            run("export_root_key")
        with pytest.raises(CommandError, match="no directory"):
            run("export_root_key", "--directory", str(files / "absent"), "--yes")
        for numbers in (("5", "1"), ("3", "4"), ("17", "3")):
            with pytest.raises(CommandError, match="threshold of 2"):
                run("export_root_key", "--shares", numbers[0], "--threshold", numbers[1], "--directory", str(files), "--yes")
        monkeypatch.setattr("builtins.input", lambda text: "no")
        with pytest.raises(CommandError, match="nothing was exported"):
            run("export_root_key", "--directory", str(files))
        assert os.listdir(files) == ["root.key"]
