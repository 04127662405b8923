"""The commands for operators and scripts."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access.models import Account, Role, User
from access.operations import open_access_key
from audit.models import Event
from base import clock
from instances.models import Instance
from keys import operations as keys
from keys.models import Key
from keys.states import State
from kmsconsole import first_start
from kmsconsole.schedule import SWEEPS
from tests import make
from tests.make import Person


def run(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def run_json(*args: str) -> Any:
    return json.loads(run(*args, "--json"))


@pytest.fixture
def admin(db: None) -> User:
    make.root.prepare()
    first_start.ensure(make.operator(), "", lambda things: None)
    return User.objects.get(username="admin")


class TestCreateUser:
    def test_it_works(self, admin: User) -> None:
        made = run_json("create_user", "dora", "--role", "key-user")
        user = User.objects.get(username="dora")
        assert (user.account, user.role) == (admin.account, Role.KEY_USER)
        assert user.check_password(made["password"])
        assert not user.is_superuser
        assert "password" in run("create_user", "emil")

    def test_a_chosen_password_is_not_printed(self, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KMS_USER_PASSWORD", "chosen-by-somebody-4711")
        assert set(run_json("create_user", "dora")) == {"user", "role", "account"}
        assert User.objects.get(username="dora").check_password("chosen-by-somebody-4711")

    def test_another_account(self, admin: User) -> None:
        made = run_json("create_user", "charlie", "--new-account", "Elsewhere")
        assert made["account"] != admin.account_id
        assert run_json("create_user", "dora", "--account", made["account"])["account"] == made["account"]

    def test_it_refuses(self, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(CommandError, match="already"):
            run("create_user", "admin", "--new-account", "Left over")
        with pytest.raises(CommandError, match="no account"):
            run("create_user", "dora", "--account", "1")
        with pytest.raises(CommandError, match="letters"):
            run("create_user", "dora the explorer")
        monkeypatch.setenv("KMS_USER_PASSWORD", "short")
        with pytest.raises(CommandError, match="too short"):
            run("create_user", "dora")
        assert Account.objects.count() == User.objects.count() == 1

    def test_it_needs_a_set_up(self, db: None) -> None:
        with pytest.raises(CommandError, match="manage.py setup"):
            run("create_user", "dora")


class TestCreateAccessKey:
    def test_it_works(self, alice: Person) -> None:
        made = run_json("create_access_key", "--user", "alice")
        assert set(made) == {"AccessKeyId", "AccessKeySecret"}
        opened = open_access_key(made["AccessKeyId"])
        assert opened is not None
        assert (opened.user, opened.secret) == (alice.user, made["AccessKeySecret"])
        assert "AccessKeySecret" in run("create_access_key", "--user", "alice")
        assert not Event.objects.filter(detail__contains=made["AccessKeySecret"]).exists()

    def test_it_refuses_a_stranger(self, db: None) -> None:
        with pytest.raises(CommandError, match="no user 'nobody'"):
            run("create_access_key", "--user", "nobody")


class TestRenewInstance:
    def test_an_expired_instance_serves_again(self, alice: Person) -> None:
        instance = make.expired_instance(alice)
        told = run_json("renew_instance", instance.pk, "--months", "2")
        instance.refresh_from_db()
        assert instance.serves(clock.now())
        assert told == {"instance": instance.pk, "end_at": clock.iso(instance.end_at), "auto_renewal_months": 0,
                        "grace_policy": "stop"}
        assert timedelta(days=58) < instance.end_at - clock.now() < timedelta(days=64)
        assert Event.objects.get(action="RenewInstance").principal == "system/operator"

    def test_the_default_is_a_year(self, instance: Instance) -> None:
        end = instance.end_at
        assert "now ends at" in run("renew_instance", instance.pk)
        instance.refresh_from_db()
        assert timedelta(days=364) < instance.end_at - end < timedelta(days=367)

    def test_it_refuses(self, instance: Instance) -> None:
        with pytest.raises(CommandError, match="no instance 'kst-1'"):
            run("renew_instance", "kst-1")
        with pytest.raises(CommandError, match="months_out_of_range"):
            run("renew_instance", instance.pk, "--months", "0")


NOTHING_DUE = dict.fromkeys(SWEEPS, 0)


class TestSweep:
    def test_it_does_what_is_due_and_counts_it(self, alice: Person, instance: Instance) -> None:
        due, kept = make.due_key(alice, home=instance), make.key(alice, State.PENDING_DELETION, home=instance)
        make.key(alice, State.UNAVAILABLE)
        found = run_json("sweep")
        assert found.pop("keep-backups") > 0  # made, and proved
        assert found == {name: count for name, count in NOTHING_DUE.items() if name != "keep-backups"} | {
            "mark-expired-instances": 1, "destroy-due-keys": 1}
        assert Key.objects.get(pk=due.pk).state == State.DESTROYED
        assert Key.objects.get(pk=kept.pk).state == State.PENDING_DELETION
        # Its days to renew are over, and now there is the backup that the release waited for.
        released = {"release-due-instances": 1, "clear-released-instances": 1}
        found = run_json("sweep")
        assert released.items() <= found.items()
        run_json("sweep")
        assert run_json("sweep") == NOTHING_DUE

    def test_it_tells_people_too(self, db: None) -> None:
        assert [line.split() for line in run("sweep").splitlines()] == [[name, "0"] for name in SWEEPS]

    def test_it_adds_up_uses(self, alice: Person, instance: Instance) -> None:
        """What one run has seen, the next one adds."""
        keys.encrypt(alice(), make.key(alice, home=instance), plaintext="aGVsbG8=")
        assert [run_json("sweep")["gather-uses"] for _ in range(3)] == [0, 1, 0]
