"""`manage.py migration`: the same rules, codes for scripts."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from keys.models import Key
from keys.states import State
from migration.models import Run
from tests import make
from tests.migration import estate

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(alice):
    return make.instance(alice)


def run(capsys, *args, code=0):
    """The JSON of every line. code: how the command ended."""
    try:
        call_command("migration", *args, "--json")
        ended = 0
    except SystemExit as end:
        ended = end.code
    assert ended == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_assess_dry_run_run_and_roll_back(alice, home, capsys):
    key, dying = estate.key(alice, rotation=400), estate.key(alice, state=State.PENDING_DELETION)
    before = estate.export(alice.account.pk)
    found = run(capsys, "assess", "--instance", home.pk, code=2)[0]
    assert (found["keys"], found["ready"], found["versions"]) == (2, 1, 2)
    assert {"K3", "K5", "K7"} == {row["rule"] for row in found["findings"]}
    *rows, last = run(capsys, "dry-run", "--instance", home.pk, "--all", code=2)
    assert {row["key"]: row["codes"] for row in rows} == {key.pk: [], dying.pk: ["Rejected.PendingDeletion"]}
    assert last["accept"] == ["K7", "R15"]
    assert estate.export(alice.account.pk) == before
    with pytest.raises(CommandError, match="migration_not_accepted"):
        call_command("migration", "run", "--instance", home.pk, "--keys", key.pk)
    done = run(capsys, "run", "--instance", home.pk, "--keys", key.pk, "--accept", "all")[0]
    assert done["counts"] == {"Switched": 1}
    assert Key.objects.get(pk=key.pk).instance_id == home.pk
    assert run(capsys, "roll-back", "--run", done["run"])[0]["state"] == "RolledBack"
    assert estate.export(alice.account.pk) == before


def test_what_stands_against_the_run_has_a_code(alice, capsys):
    key, small = estate.key(alice, versions=3), make.instance(alice, key_quota=2)
    assert run(capsys, "run", "--instance", small.pk, "--all", "--accept", "all", code=3)[0]["blocked"]
    assert run(capsys, "dry-run", "--instance", small.pk, "--keys", key.pk, code=3)[-1]["blocked"]
    assert {one.state for one in Run.objects.all()} == {"Cancelled"}


def test_it_says_what_is_missing(alice, home):
    for args, says in ((["assess"], "--instance"), (["run", "--instance", home.pk], "--keys"),
                       (["roll-back", "--run", "mig-1"], "there is no migration"),
                       (["assess", "--instance", "kst-1"], "no instance")):
        with pytest.raises(CommandError, match=says):
            call_command("migration", *args)
