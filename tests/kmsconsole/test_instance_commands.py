"""Ordering, renewing and releasing instances at the shell."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from access.models import User
from audit.models import Event
from instances.models import Instance
from instances.states import NEVER, Status
from kmsconsole import first_start
from tests import make
from tests.kmsconsole.test_commands import run, run_json


@pytest.fixture
def admin(db: None) -> make.Person:
    make.root.prepare()
    first_start.ensure(make.operator(), "", lambda things: None)
    return make.Person(User.objects.get(username="admin"))


def test_an_order_with_everything(admin: make.Person) -> None:
    made = run_json("order_instance", "hot/payments", "--months", "6", "--spec", "2000", "--key-quota", "500", "--secret-quota",
                    "20", "--vpc-quota", "3", "--auto-renewal", "12", "--grace-policy", "drain", "--enable")
    home = Instance.objects.get(pk=made["instance"])
    assert (home.account, home.status, home.spec, home.key_quota, home.secret_quota, home.vpc_quota) == (
        admin.account, Status.CONNECTED, 2000, 500, 20, 3)
    assert (home.auto_renewal_months, home.grace_policy) == (12, "drain")
    assert Event.objects.get(action="CreateInstance", object_id=home.pk).door == "shell"


def test_hardware_and_pay_as_you_go(admin: make.Person) -> None:
    assert Instance.objects.get(pk=run_json("order_instance", "hsm", "--type", "hardware")["instance"]).spec == 2000
    made = Instance.objects.get(pk=run_json("order_instance", "flexible", "--charge-type", "POSTPAY")["instance"])
    assert made.end_at == NEVER
    with pytest.raises(CommandError, match="pay_as_you_go_has_no_term"):
        run("renew_instance", made.pk)


@pytest.mark.parametrize(("args", "reason"), [
    (["two words"], "instance_name_syntax"), (["x", "--spec", "3000"], "no_such_plan"),
    (["x", "--key-quota", "99"], "out_of_range"),
    (["x", "--months", "37"], "months_out_of_range"), (["x", "--auto-renewal", "4"], "auto_renewal_months"),
    (["x", "--charge-type", "POSTPAY", "--auto-renewal", "1"], "pay_as_you_go_has_no_term"),
    (["x", "--type", "hardware", "--enable"], "hardware_needs_cluster"),
])
def test_what_cannot_be_ordered_is_said_in_one_line(admin: make.Person, args: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        run("order_instance", *args)


def test_for_another_account(admin: make.Person) -> None:
    other = make.account("Elsewhere")
    assert Instance.objects.get(pk=run_json("order_instance", "x", "--account", other.pk)["instance"]).account == other
    with pytest.raises(CommandError, match="no account"):
        run("order_instance", "x", "--account", "1")


def test_setting_how_it_ends_renews_only_when_asked(admin: make.Person) -> None:
    home = Instance.objects.get()
    told = run_json("renew_instance", home.pk, "--auto-renewal", "3", "--grace-policy", "drain")
    now = Instance.objects.get()
    assert (now.end_at, now.auto_renewal_months, now.grace_policy) == (home.end_at, 3, "drain")
    assert told["auto_renewal_months"] == 3
    run("renew_instance", home.pk, "--grace-policy", "stop", "--months", "1")
    assert Instance.objects.get().end_at > home.end_at
    with pytest.raises(CommandError, match="months_out_of_range"):
        run("renew_instance", home.pk, "--months", "0")


def test_a_release_needs_the_name_and_a_backup_or_a_word(admin: make.Person) -> None:
    home = Instance.objects.get()
    make.key(admin, home=home)
    with pytest.raises(CommandError, match="first-instance"):
        run("release_instance", home.pk, "--confirm", "another")
    with pytest.raises(CommandError, match="no_backup"):
        run("release_instance", home.pk, "--confirm", "first-instance")
    told = run_json("release_instance", home.pk, "--confirm", "first-instance", "--without-backup")
    assert told["keys"] == 1
    gone = Instance.objects.get()
    assert gone.released_at is not None
    assert gone.released_by == "system/operator"
    with pytest.raises(CommandError, match="no instance"):
        run("release_instance", "kst-none", "--confirm", "x")
