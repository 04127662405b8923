"""Tokens that go and come back, PINs that are wrong, keys that are missing: what a cluster says then, and what it never does."""

from __future__ import annotations

import re
import subprocess
import threading

import pytest

from crypto.envelope import WrappingKey
from crypto.errors import BadCiphertext, MaterialGone, Unavailable
from crypto.hsm import objects
from crypto.hsm.checks import examine
from crypto.hsm.cluster import Cluster, cluster_for
from crypto.hsm.configuration import Configuration, Pin, Place
from crypto.hsm.member import Member
from crypto.hsm.provider import HsmProvider
from crypto.hsm.troubles import Lost, Trouble
from crypto.specs import AES_256
from tests.crypto.conformance import ALICE
from tests.softhsm import PIN

NAME = ALICE.version


@pytest.fixture(scope="module")
def cluster(softhsm):
    made = cluster_for(softhsm.cluster("hsm-loss"))
    made.found()
    return made


@pytest.fixture
def provider(cluster, renewals):
    yield HsmProvider(WrappingKey.generate()[0], cluster, "")
    for member in cluster.members:
        member.try_again()
    cluster.destroy(NAME.encode())


@pytest.fixture
def material(provider):
    return provider.generate(AES_256, ALICE)


def test_a_token_is_removed_and_returned_while_all_work_on(softhsm, provider, material):
    errors, done, stop = [], [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                assert provider.decrypt(material, provider.encrypt(material, b"x", b""), b"") == b"x"
                done.append(1)
            except Exception as error:  # noqa: BLE001 - the test wants to see it, whatever it is
                errors.append(repr(error))

    def some_more():
        target = len(done) + 40
        while len(done) < target and not errors:
            stop.wait(0.005)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for label in ("kms-hsm-a", "kms-hsm-b"):
            some_more()
            with softhsm.without(label):
                some_more()
            some_more()
            while provider._cluster.members[0].trouble or provider._cluster.members[1].trouble:
                some_more()  # the one that was away is back before the other one goes
                assert not errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_with_every_token_away_it_waits_and_then_works_again(softhsm, cluster, provider, material):
    sealed = provider.encrypt(material, b"x", b"")
    with softhsm.without("kms-hsm-a", "kms-hsm-b"):
        for _ in range(3):
            with pytest.raises(Unavailable):
                provider.decrypt(material, sealed, b"")
        assert {member.trouble for member in cluster.members} == {Trouble.TOKEN}
        assert all(member.away for member in cluster.members)
        with pytest.raises(Unavailable):
            provider.generate(AES_256, ALICE)
    for member in cluster.members:
        member.try_again()
    assert provider.decrypt(material, sealed, b"") == b"x"


def test_a_lost_token_is_not_hammered(softhsm, cluster, provider, material, monkeypatch):
    tries, real = [], Member._opened
    monkeypatch.setattr(Member, "_opened", lambda self, stranger: (tries.append(1), real(self, stranger))[1])
    for member in cluster.members:
        monkeypatch.setattr(member, "_pause", 3600.0)
    with softhsm.without("kms-hsm-a", "kms-hsm-b"):
        for _ in range(20):
            with pytest.raises(Unavailable):
                provider.encrypt(material, b"x", b"")
    assert len(tries) == len(cluster.members)


def test_a_missing_key_is_gone_and_stays_gone(cluster, provider, material):
    cluster.destroy(NAME.encode())
    for _ in range(2):
        with pytest.raises(MaterialGone):
            provider.encrypt(material, b"x", b"")


def test_a_key_that_one_member_lost_is_used_on_the_other(cluster, provider, material):
    alone = Cluster(Configuration(cluster.configuration.id, cluster.configuration.places[:1], cluster.configuration.pin,
                                  cluster.configuration.replication, cluster.configuration.folder))
    alone.destroy(NAME.encode())
    for _ in range(4):
        assert provider.encrypt(material, b"x", b"")


def test_a_token_of_another_cluster_is_a_stranger(softhsm, provider, material):
    other = Cluster(softhsm.cluster("hsm-never-founded"))
    with pytest.raises(Unavailable):
        other.use(NAME.encode(), objects.SECRET, lambda key: key)
    assert {member.trouble for member in other.members} == {Trouble.STRANGER}


def test_a_bad_ciphertext_loses_no_connection(cluster, provider, material):
    sealed = provider.encrypt(material, b"x", b"")
    pools = [member.connected() for member in cluster.members]
    for _ in range(6):
        with pytest.raises(BadCiphertext):
            provider.decrypt(material, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"")
    assert [member.connected() for member in cluster.members] == pools
    assert all(member.sessions[0] == 0 for member in cluster.members)


def test_a_wrong_pin_is_asked_once_and_a_right_one_mends_it(softhsm, renewals, tmp_path):
    softhsm.serials["kms-hsm-pin"] = softhsm.init("kms-hsm-pin")
    pin = tmp_path / "pin"
    pin.write_text("not-the-pin")
    pin.chmod(0o600)
    configuration = Configuration("hsm-pin", softhsm.places("kms-hsm-pin"), Pin(f"file:{pin}"), "console", softhsm.locks,
                                  pauses=(0.0, 0.0))
    member = Cluster(configuration).members[0]
    tries = []
    for _ in range(3):
        with pytest.raises(Lost) as caught:
            member.connected(stranger=True)
        tries.append((caught.value.trouble, caught.value.detail))
        assert "not-the-pin" not in repr(caught.value) + str(caught.value)
    assert tries == [(Trouble.PIN, "PinIncorrect"), (Trouble.PIN, ""), (Trouble.PIN, "")]
    pin.write_text(PIN)
    assert member.connected(stranger=True)


def test_the_pin_is_in_no_repr(cluster):
    shown = repr(cluster.configuration) + repr(cluster.configuration.pin) + repr(vars(cluster.members[0]))
    assert PIN not in shown


def test_a_library_that_is_not_there(softhsm):
    place = Place("/nowhere/libhsm.so", "0", "a")
    checks = [*examine(Cluster(Configuration("hsm-x", (place, Place(place.module, "1", "b")), Pin("env:X"), "console",
                                             softhsm.locks)))]
    assert [check.trouble for check in checks] == ["", Trouble.MODULE, Trouble.MODULE]


def test_the_vendors_tool_finds_a_sensitive_key_that_nothing_extracts(softhsm, material):
    """pkcs11-tool, a stranger to this program, sees the object and cannot have its value."""
    for label in ("kms-hsm-a", "kms-hsm-b"):
        ask = ["pkcs11-tool", "--module", softhsm.module, "--token-label", label, "--login", "--pin", PIN]
        listed = subprocess.run([*ask, "--list-objects", "--type", "secrkey"], capture_output=True, text=True, check=True,
                                env=softhsm.environment).stdout
        ours = next(part for part in re.split(r"(?=Secret Key Object)", listed) if NAME.encode().hex() in part)
        assert f"label:      {ALICE.owner}" in ours
        assert "sensitive" in ours
        assert "extractable" not in re.sub("never extractable", "", ours)
        read = subprocess.run([*ask, "--read-object", "--type", "secrkey", "--id", NAME.encode().hex()], capture_output=True,
                              text=True, check=False, env=softhsm.environment)
        assert read.returncode != 0 or "CKR_ATTRIBUTE_SENSITIVE" in read.stderr + read.stdout
