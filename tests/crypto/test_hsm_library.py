"""Clusters whose own library brings every key to every member. SoftHSM has none; here a thread plays it, copying the files of one
token to its twin, as network HSMs copy objects."""

from __future__ import annotations

import shutil
import threading

import pytest

from crypto.envelope import WrappingKey
from crypto.errors import Unavailable
from crypto.hsm import cluster as clusters
from crypto.hsm.checks import examine
from crypto.hsm.cluster import Cluster
from crypto.hsm.configuration import LIBRARY
from crypto.hsm.objects import SECRET
from crypto.hsm.provider import HsmProvider
from crypto.specs import AES_256
from tests.crypto.conformance import ALICE

TWINS = ("kms-twin-1", "kms-twin-2")
NAME = ALICE.version.encode()


@pytest.fixture(scope="module")
def folders(softhsm):
    """Two tokens of one secret: the second is a copy of the first under a label and serial of its own."""
    serial = softhsm.serials[TWINS[0]] = softhsm.init(TWINS[0])
    other = softhsm.serials[TWINS[1]] = serial[::-1]
    first = next(path for path in softhsm.tokens.iterdir() if path.name.replace("-", "").endswith(serial))
    second = softhsm.tokens / f"{first.name[:-21]}-{other[:4]}-{other[4:]}"
    shutil.copytree(first, second)
    token = (second / "token.object").read_bytes()
    for old, new in ((serial, other), TWINS):
        assert old.encode() in token
        token = token.replace(old.encode(), new.encode())
    (second / "token.object").write_bytes(token)
    return first, second


@pytest.fixture
def replicating(folders):
    stop = threading.Event()

    def replicate():
        first, second = folders
        seen = {}
        while not stop.wait(0.02):
            now = {path.name: path.stat().st_mtime_ns for path in first.glob("*.object") if path.name != "token.object"}
            if now == seen:
                continue
            for name in seen.keys() - now.keys():
                (second / name).unlink(missing_ok=True)
            for name in (name for name in now if now[name] != seen.get(name)):
                shutil.copy(first / name, second / f"{name}.draft")
                (second / f"{name}.draft").rename(second / name)
            shutil.copy(first / "generation", second / "generation")  # SoftHSM looks into the folder when this has changed
            seen = now

    thread = threading.Thread(target=replicate)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_what_the_library_replicates_is_made_once_and_used_everywhere(softhsm, renewals, replicating):
    cluster = Cluster(softhsm.cluster("hsm-library", *TWINS, replication=LIBRARY))
    assert all(check.passed for check in examine(cluster, stranger=True))
    cluster.found()
    assert all(check.passed for check in examine(cluster))
    provider = HsmProvider(WrappingKey.generate()[0], cluster, "")
    material = provider.generate(AES_256, ALICE)
    sealed = provider.encrypt(material, b"x", b"")
    assert [member.has(NAME, SECRET) for member in cluster.members] == [True, True]
    assert {provider.decrypt(material, sealed, b"") for _ in range(4)} == {b"x"}
    provider.destroy(material)
    assert [member.has(NAME, SECRET) for member in cluster.members] == [False, False]


def test_a_replication_that_stopped_makes_no_key(softhsm, renewals, folders, monkeypatch):
    monkeypatch.setattr(clusters, "REPLICATION_SECONDS", 0.2)
    cluster = Cluster(softhsm.cluster("hsm-library-broken", *TWINS, replication=LIBRARY))
    with pytest.raises(Unavailable):
        cluster.found()
    with cluster.members[0].session(stranger=True) as session, session.alone() as here:
        assert not clusters.search(here, cluster.id, SECRET)
