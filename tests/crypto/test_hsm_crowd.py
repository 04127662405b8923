"""Many at once at one cluster: 8 processes of 8 threads, and processes that fork."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from crypto.hsm.cluster import cluster_for
from tests import hsm_worker

PROCESSES = 8


@pytest.fixture(scope="module")
def cluster(softhsm):
    made = cluster_for(softhsm.cluster("hsm-crowd"))
    made.found()
    made.add_storage_key(hsm_worker.STORAGE.encode())
    return made


@pytest.fixture(scope="module")
def given(cluster):
    aes, pair = (hsm_worker.row(hsm_worker.shared(cluster, spec, name))
                 for spec, name in (("Aliyun_AES_256", "shared-aes"), ("EC_P256", "shared-ec")))
    return {"aes": aes, "pair": pair}


def start(softhsm, cluster, job, **more):
    return subprocess.Popen([sys.executable, "-m", "tests.hsm_worker", job, hsm_worker.arguments(cluster.configuration, **more)],
                            cwd=hsm_worker.ROOT, env=softhsm.environment, stdout=subprocess.PIPE, text=True)


def answer(process):
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out
    return json.loads(out)


def test_eight_processes_of_eight_threads_make_no_error(softhsm, cluster, given):
    workers = [start(softhsm, cluster, "crowd", steps=20, **given) for _ in range(PROCESSES)]
    answers = [answer(worker) for worker in workers]
    assert [one["errors"] for one in answers] == [[]] * PROCESSES
    assert sum(one["done"] for one in answers) == PROCESSES * hsm_worker.THREADS * 20


def test_a_fork_starts_anew(softhsm, cluster, given):
    assert answer(start(softhsm, cluster, "fork", steps=4, **given)) == {"codes": [0, 0], "errors": []}
