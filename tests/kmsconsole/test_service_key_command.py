"""`manage.py create_service_key`: what a product would do."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError

from access.models import User
from access.operations import open_access_key
from keys.models import Key
from kmsconsole import first_start
from tests import make
from tests.kmsconsole.test_commands import run, run_json


@pytest.fixture
def admin(db: None) -> User:
    make.root.prepare()
    first_start.ensure(make.operator(), "", lambda things: None)
    return User.objects.get(username="admin")


def test_it_works_and_a_second_time_finds_the_same(admin: User) -> None:
    made = run_json("create_service_key", "--service", "ecs")
    assert (made["alias"], made["account"]) == ("alias/acs/ecs", admin.account_id)
    assert run_json("create_service_key", "--service", "ecs") == made
    assert "alias/acs/ecs" in run("create_service_key", "--service", "ecs", "--account", made["account"])
    assert Key.objects.count() == 1


def test_the_pair_signs_as_the_product(admin: User) -> None:
    pairs: list[Any] = [run_json("create_service_key", "--service", "ecs", "--access-key") for _ in range(2)]
    opened = open_access_key(pairs[1]["AccessKeyId"])
    assert opened is not None
    assert (opened.active, opened.secret) == (True, pairs[1]["AccessKeySecret"])
    assert opened.user.caller("api", opened.user.date_joined, request_id="").principal == "service/ecs"
    assert User.objects.count() == 2


def test_it_refuses(admin: User) -> None:
    for args, text in ((("--service", "E/C"), "service_code"), (("--service", "ecs", "--account", "1"), "no account '1'")):
        with pytest.raises(CommandError, match=text):
            run("create_service_key", *args)
    User.objects.create(username=f"ecs@{admin.account_id}", account=admin.account)
    with pytest.raises(CommandError, match="who is no service"):
        run("create_service_key", "--service", "ecs", "--access-key")
    assert not Key.objects.exists()
