"""A new root key under a running product: nothing changes for anybody, and nothing is ever lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from access import operations as access
from access import root
from access.models import PurposeKey, RootKeyCheck
from base import clock
from base.refusal import Refused
from crypto import rootkey
from crypto.envelope import WrappingKey as RawKey
from crypto.errors import BadCiphertext, MissingRootKey, RootKeyError
from instances import checks, opening, rekeying
from instances.models import WrappingKey
from keys import operations as keys
from tests import make
from tests.killing import deaths
from tests.make import Person
from tests.softhsm import SoftHsm


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.KMS_ROOT_KEY = settings.KMS_ROOT_KEY_NEXT = ""
    settings.KMS_ROOT_KEY_PATH, settings.KMS_ROOT_KEY_NEXT_PATH = tmp_path / "root.key", tmp_path / "root.next"
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    root.forget()
    opening.forget()


def rotate(*, new: bool = True) -> rekeying.RootRotation:
    key = root.next_key() or (rootkey.create(root.settings.KMS_ROOT_KEY_NEXT_PATH) if new else None)
    assert key is not None
    return rekeying.rotate_root_key(make.operator(), new=key)


class Estate:
    """Things that hang on the root key in every way there is."""

    def __init__(self) -> None:
        self.alice = make.person(make.account(), f"alice-{os.urandom(3).hex()}")
        self.pair = make.access_key(self.alice)
        self.keys = [make.key(self.alice, home=make.instance(self.alice)), make.key(self.alice, home=None, description="shared")]
        self.blobs = [keys.encrypt(self.alice(), key, plaintext="aGVsbG8=").ciphertext_blob for key in self.keys]
        self.fingerprint = root.purpose_key("material-fingerprint").fingerprint(b"x")

    def assert_whole(self) -> None:
        """In a process that has kept nothing."""
        forget()
        opening.check_root_keys()
        assert [keys.decrypt(self.alice(), ciphertext_blob=blob).plaintext for blob in self.blobs] == ["aGVsbG8="] * 2
        opened = access.open_access_key(self.pair[0])
        assert opened is not None and opened.secret == self.pair[1]
        assert root.purpose_key("material-fingerprint").fingerprint(b"x") == self.fingerprint


@pytest.mark.django_db
class TestRotation:
    def test_it_works(self, files: Path) -> None:
        estate = Estate()
        before = (files / "root.key").read_text()
        sealed = {key.pk: bytes(key.sealed) for key in WrappingKey.objects.all()}
        done = rotate()
        assert (done.generation, done.retired, done.moved) == (2, (1,), len(sealed) + PurposeKey.objects.count())
        assert {key.root_generation for key in (*WrappingKey.objects.all(), *PurposeKey.objects.all())} == {2}
        assert all(bytes(key.sealed) != sealed[key.pk] for key in WrappingKey.objects.all())
        assert (files / "root.1.key").read_text() == before
        assert (files / "root.key").read_text() != before
        assert not (files / "root.next").exists()
        estate.assert_whole()

    def test_the_old_key_opens_nothing_any_more(self, files: Path) -> None:
        Estate()
        old = root.root_key(1)
        rotate()
        for key in WrappingKey.objects.all():
            with pytest.raises(BadCiphertext):
                old.derive("instance-key").open(bytes(key.sealed), opening._identity_of(key))

    def test_again_and_again(self) -> None:
        estate = Estate()
        assert [rotate().generation for _ in range(3)] == [2, 3, 4]
        estate.assert_whole()
        assert list(RootKeyCheck.objects.filter(retired_at=None).values_list("pk", flat=True)) == [4]

    def test_a_finished_one_is_only_told(self, settings: Any) -> None:
        """As long as the operator has not moved the variable."""
        estate = Estate()
        settings.KMS_ROOT_KEY_NEXT = "cd" * 32
        assert rotate().retired == (1,)
        assert rotate() == rekeying.RootRotation(2)
        estate.assert_whole()

    def test_of_a_hardware_instance(self, softhsm: SoftHsm) -> None:
        """The instance key, which seals where the keys are; nothing in the tokens changes."""
        estate = Estate()
        home = make.hardware_instance(estate.alice, make.hsm_cluster(estate.alice, softhsm))
        made = [keys.create_key(estate.alice(), instance=home, key_storage_mechanism=kind)
                for kind in ("HsmInternal", "HsmEncryptedDatabase")]
        blobs = [keys.encrypt(estate.alice(), key, plaintext="aGVsbG8=").ciphertext_blob for key in made]
        rotate()
        assert WrappingKey.objects.get(instance=home).root_generation == 2
        estate.assert_whole()
        assert checks.instance_keys_open(databases=["default"]) == []
        assert [keys.decrypt(estate.alice(), ciphertext_blob=blob).plaintext for blob in blobs] == ["aGVsbG8="] * 2
        with pytest.raises(Refused, match="hardware_key_in_hsm"):
            keys.rotate_instance_key(estate.alice(), home)

    def test_a_key_that_was_in_use_before_is_refused(self, settings: Any, files: Path) -> None:
        estate = Estate()
        rotate()
        settings.KMS_ROOT_KEY_NEXT = (files / "root.1.key").read_text()
        with pytest.raises(RootKeyError, match="generation 1, which was in use before"):
            rotate()
        estate.assert_whole()

    def test_a_process_that_has_not_seen_it_reads_its_sources_again(self) -> None:
        estate = Estate()
        known = dict(root._known)
        rotate()
        root._known.clear()
        root._known.update(known)  # as in a process that started before
        opening.forget()
        assert keys.decrypt(estate.alice(), ciphertext_blob=estate.blobs[0]).plaintext == "aGVsbG8="
        assert set(root._known) == {1, 2}

    def test_a_row_that_does_not_open_keeps_the_old_key_in_use(self) -> None:
        Estate()
        broken = WrappingKey.objects.latest("pk")
        WrappingKey.objects.filter(pk=broken.pk).update(sealed=bytes(broken.sealed)[:-1] + b"\0")
        with pytest.raises(BadCiphertext):
            rotate()
        assert root.older_generations(2) == [1]

    def test_a_row_that_opens_to_another_key_is_noticed(self) -> None:
        Estate()
        WrappingKey.objects.update(check_value="0" * 64)
        with pytest.raises(BadCiphertext):
            rekeying.verify()

    def test_bob_cannot(self, bob: Person) -> None:
        with pytest.raises(rekeying.Refused):
            rekeying.rotate_root_key(bob(), new=RawKey(bytes(32)))

    def test_what_somebody_seals_meanwhile_is_moved_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Under the old generation, after all rows were moved and before it is retired."""
        estate = Estate()
        verify = rekeying.verify

        def late() -> int:
            monkeypatch.setattr(rekeying, "verify", verify)
            monkeypatch.setattr(root, "newest_generation", lambda: 1)
            make.instance(estate.alice, name="late")
            monkeypatch.undo()
            return verify()

        monkeypatch.setattr(rekeying, "verify", late)
        assert rotate().retired == (1,)
        assert set(WrappingKey.objects.values_list("root_generation", flat=True)) == {2}
        estate.assert_whole()


@pytest.mark.django_db
class TestDataFromBefore:
    """Made when purpose keys had no rows and instance keys no check value."""

    def test_it_opens_with_the_same_bytes_and_rotates(self) -> None:
        estate = Estate()
        sealed = root.root_key(1).derive("import-token").seal(b"old", opening._identity("1", "kst", 1))
        PurposeKey.objects.all().delete()
        WrappingKey.objects.update(check_value="")
        estate.assert_whole()
        rotate()
        forget()
        assert root.purpose_key("import-token").open(sealed, opening._identity("1", "kst", 1)) == b"old"
        assert all(WrappingKey.objects.values_list("check_value", flat=True))
        estate.assert_whole()


@pytest.mark.django_db
class TestTheStart:
    def test_it_names_the_generation_that_is_missing(self, settings: Any) -> None:
        Estate()
        settings.KMS_ROOT_KEY_NEXT = "cd" * 32
        rotate()
        settings.KMS_ROOT_KEY_NEXT = ""  # the operator forgot to move it
        forget()
        for start in (root.prepare, opening.check_root_keys):
            with pytest.raises(MissingRootKey, match="generation 2 of the root key is not here"):
                start()

    def test_an_announced_key_that_was_lost_harms_nothing(self, files: Path) -> None:
        estate = Estate()
        root.announce(rootkey.create(files / "root.next"), clock.now())
        (files / "root.next").unlink()
        forget()
        opening.check_root_keys()
        assert rotate().generation == 3
        estate.assert_whole()

    def test_set_up_gives_files_their_names_after_a_rotation_on_another_machine(self, files: Path) -> None:
        estate = Estate()
        old = (files / "root.key").read_text()
        rotate()
        (files / "root.key").rename(files / "root.next")
        (files / "root.1.key").rename(files / "root.key")
        estate.assert_whole()
        root.prepare()
        assert (files / "root.1.key").read_text() == old
        assert not (files / "root.next").exists()
        estate.assert_whole()


@pytest.mark.django_db(transaction=True)
def test_cut_off_at_any_write_it_is_whole_and_goes_on() -> None:
    places, built = [], Estate()
    # One estate, rotated again and again: a second one would be more writes, and the end would run away.
    for estate, place in deaths(lambda: built, lambda _estate: (forget(), rotate())):
        estate.assert_whole()
        forget()
        done = rotate()
        assert root.older_generations(done.generation) == []
        estate.assert_whole()
        places.append(place)
    assert len(places) > 10


@pytest.mark.django_db
@pytest.mark.parametrize(("module", "function"), [(os, "link"), (Path, "replace")])
def test_cut_off_between_the_files_it_is_whole_and_goes_on(files: Path, module: Any, function: str) -> None:
    estate = Estate()
    rootkey.create(files / "root.next")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(module, function, interrupted)
        rotate()
    estate.assert_whole()
    assert rotate(new=False).retired == ()
    assert not (files / "root.next").exists()
    estate.assert_whole()


def interrupted(*args: Any) -> None:
    raise InterruptedError
