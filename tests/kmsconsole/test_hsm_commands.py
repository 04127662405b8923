"""register_hsm, check_hsm, connect_hsm and disconnect_hsm."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from instances.hsm_models import HsmCluster
from instances.models import Instance
from keys import operations as keys
from tests import make
from tests.keys.calls import TEXT, outcome
from tests.softhsm import PIN


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def register(alice, softhsm):
    def run_it(*more, tokens=("kms-hsm-a", "kms-hsm-b"), name="vault"):
        named = [part for token in tokens for part in ("--token", token)]
        pin = () if "--pin-from" in more else ("--pin-file", str(softhsm.pin_file))
        return run("register_hsm", name, "--module", softhsm.module, "--account", alice.account.pk, *named, *pin, *more)

    return run_it


def test_from_registration_to_use_and_back(alice, register):
    told = json.loads(register("--json"))
    assert [member["label"] for member in told["members"]] == ["kms-hsm-a", "kms-hsm-b"]
    assert {check["trouble"] for check in told["checks"]} == {""}
    waiting = make.hardware_instance(alice, None)
    assert json.loads(run("connect_hsm", waiting.pk, "vault", "--json")) == {
        "instance": waiting.pk, "status": "Connected", "cluster": told["cluster"]}
    home = Instance.objects.get(pk=waiting.pk)
    key = keys.create_key(alice(), instance=home)
    assert json.loads(run("check_hsm", "vault", "--json"))["passed"]
    assert "kms-hsm-a" in run("check_hsm", told["cluster"])
    assert json.loads(run("disconnect_hsm", waiting.pk, "--json"))["status"] == "Disconnected"
    key.refresh_from_db()
    assert outcome(lambda: keys.encrypt(alice(), key, plaintext=TEXT)) == "Rejected.Unavailable"
    assert "is connected to vault" in run("connect_hsm", waiting.pk, "vault")
    key.refresh_from_db()
    assert keys.encrypt(alice(), key, plaintext=TEXT)


def test_the_pin_may_come_from_the_environment(monkeypatch, register):
    monkeypatch.setenv("HSM_PIN_OF_TESTS", PIN)
    register("--pin-from", "HSM_PIN_OF_TESTS", tokens=("kms-hsm-a", "kms-hsm-c"))
    assert HsmCluster.objects.get().pin_source == "env:HSM_PIN_OF_TESTS"


@pytest.mark.parametrize(("tokens", "reason"), [
    (("kms-hsm-a",), "hsm_too_few"), (("kms-hsm-a", "kms-hsm-a"), "hsm_too_few"),
    (("kms-hsm-a", "kms-hsm-z"), "hsm_check_failed")])
def test_it_refuses_what_is_no_cluster(register, tokens, reason):
    with pytest.raises(CommandError, match=reason):
        register(tokens=tokens)
    assert not HsmCluster.objects.exists()


def test_two_names_of_one_token_are_one_token(register, softhsm):
    with pytest.raises(CommandError, match="too_few"):
        register(tokens=("kms-hsm-a", softhsm.serials["kms-hsm-a"]))


def test_a_library_that_does_not_replicate_is_found_out(monkeypatch, register):
    """SoftHSM's tokens know nothing of each other; a cluster that relied on it would lose half its keys."""
    monkeypatch.setattr("crypto.hsm.cluster.REPLICATION_SECONDS", 0.2)
    with pytest.raises(CommandError, match="NotReplicated"):
        register("--replication", "library")
    assert not HsmCluster.objects.exists()


@pytest.mark.parametrize("mode", [0o644, None])
def test_a_pin_that_others_may_read_or_nobody_has_is_refused(register, softhsm, mode):
    if mode is None:
        with pytest.raises(CommandError, match="pin_unreadable"):
            register("--pin-from", "NO_SUCH_VARIABLE")
        return
    softhsm.pin_file.chmod(mode)
    try:
        with pytest.raises(CommandError, match="pin_unreadable"):
            register()
    finally:
        softhsm.pin_file.chmod(0o600)


def test_names_that_are_not_there(alice):
    for arguments in (("check_hsm", "nothing"), ("disconnect_hsm", "kst-nothing"), ("connect_hsm", "kst-nothing", "nothing")):
        with pytest.raises(CommandError, match="there is no"):
            run(*arguments)
