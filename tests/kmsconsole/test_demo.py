"""`manage.py demo` fills an empty installation and nothing else."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from access.models import Account, User
from audit.models import Event
from base import clock
from instances.models import Instance
from instances.states import State as InstanceState
from keys import operations
from keys.models import Alias, Key
from keys.states import State
from kmsconsole import first_start
from tests import make
from tests.kmsconsole.test_commands import run, run_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> make.Person:
    make.root.prepare()
    first_start.ensure(make.operator(), "", lambda things: None)
    return make.Person(User.objects.get(username="admin"))


@pytest.mark.usefixtures("admin")
class TestTheEstate:
    def test_it_has_keys_in_every_state(self) -> None:
        run("demo")
        assert {key.state_at(clock.now()) for key in Key.objects.select_related("instance")} == set(State)

    def test_it_has_instances_in_several_states_and_one_that_ends_soon(self) -> None:
        run("demo")
        now = clock.now()
        states = sorted(instance.state_at(now) for instance in Instance.objects.all())
        assert states == [InstanceState.CONNECTED] * 3 + [InstanceState.EXPIRED, InstanceState.UNINITIALIZED]
        assert any(0 < (instance.end_at - now).days < 15 for instance in Instance.objects.all())

    def test_it_has_service_keys_the_default_key_and_1_0_keys(self) -> None:
        run("demo")
        services = Key.objects.filter(kind="service")
        assert set(Alias.objects.filter(key__in=services).values_list("name", flat=True)) == {
            f"alias/acs/{service}" for service in services.values_list("creator", flat=True)}
        assert Key.objects.get(kind="default").instance is None
        legacy = Key.objects.filter(edition="1.0")
        assert legacy.count() >= 3
        assert all(len(key.pk) == 36 and (clock.now() - key.created_at).days > 900 for key in legacy)

    def test_its_keys_work(self, admin: make.Person) -> None:
        run("demo")
        for key in Key.objects.filter(state=State.ENABLED, kind="customer").select_related("instance"):
            if key.state_at(clock.now()) is State.ENABLED:
                sealed = operations.encrypt(admin(), key, plaintext="aGVsbG8=", encryption_context={})
                opened = operations.decrypt(admin(), ciphertext_blob=sealed.ciphertext_blob, encryption_context={})
                assert opened.plaintext == "aGVsbG8="

    def test_it_is_marked_for_good(self) -> None:
        run("demo")
        assert Account.objects.get().demo_at is not None

    def test_a_second_time_changes_nothing(self) -> None:
        assert run_json("demo")["keys"] > 30
        counted = [model.objects.count() for model in (Key, Instance, Alias, Event)]
        assert "demo data is here since" in run("demo")
        assert [model.objects.count() for model in (Key, Instance, Alias, Event)] == counted


def test_it_never_mixes_with_keys_of_yours(admin: make.Person) -> None:
    make.key(admin)
    with pytest.raises(CommandError, match="holds keys already"):
        run("demo")
    assert Key.objects.count() == 1
    assert Account.objects.get().demo_at is None


def test_it_needs_a_set_up() -> None:
    with pytest.raises(CommandError, match="no user 'admin'"):
        run("demo")
