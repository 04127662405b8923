"""The default CMK and service keys: who makes them, how often, and who uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access import operations as access
from access.models import Account, Role, User
from api.dispatch import perform
from audit.models import Event
from base.caller import Caller
from base.refusal import Refused
from instances.models import Instance
from keys import operations as keys
from keys.models import Alias, Key
from keys.operations.default_keys import enable_default_key
from keys.states import State
from tests import importing, make
from tests.make import Person
from tests.racing import race

HELLO = "aGVsbG8="


@pytest.fixture
def ecs(alice: Person) -> Person:
    user = access.create_user(make.operator(), alice.account, name=f"ecs@{alice.account.pk}", password="x", role=Role.SERVICE)
    return Person(user)


def slugs(work: Callable[[], Any]) -> list[str]:
    with pytest.raises(Refused) as refused:
        work()
    return [reason.slug for reason in refused.value.refusals]


class TestDefaultKey:
    def test_it_works_beside_a_default_instance(self, alice: Person, instance: Instance) -> None:
        key = enable_default_key(alice(), alias_name="alias/main", description="for services")
        assert (key.kind, key.instance, key.creator, key.description) == ("default", None, alice.account.pk, "for services")
        assert Alias.objects.get().key == key
        assert list(Event.objects.order_by("pk").values_list("action", flat=True))[-2:] == ["CreateKey", "CreateAlias"]

    def test_there_is_one(self, alice: Person, charlie: Person) -> None:
        key = enable_default_key(alice(), alias_name="alias/main")
        assert slugs(lambda: enable_default_key(alice(), alias_name="alias/second")) == ["one_default_key"]
        assert enable_default_key(charlie(), alias_name="alias/main").account == charlie.account
        keys.schedule_key_deletion(alice(), key, window_days=7)
        assert slugs(lambda: enable_default_key(alice(), alias_name="alias/second")) == ["one_default_key"]

    def test_after_a_deletion_there_is_room_again(self, alice: Person) -> None:
        make.destroyed_key(alice)
        assert enable_default_key(alice(), alias_name="alias/main")

    def test_material_of_ones_own(self, alice: Person) -> None:
        key = enable_default_key(alice(), alias_name="alias/main", origin="EXTERNAL")
        assert key.state == State.PENDING_IMPORT
        keys.import_key_material(alice(), key, **importing.parcel(alice(), key, importing.RAW, importing.OAEP_256))
        assert Key.objects.get().state == State.ENABLED

    def test_it_refuses_and_leaves_nothing(self, alice: Person, bob: Person, make_key: Callable[..., Key]) -> None:
        keys.create_alias(alice(), make_key(), alias_name="alias/taken")
        assert slugs(lambda: enable_default_key(alice(), alias_name="alias/taken")) == ["AliasAlreadyExists"]
        assert slugs(lambda: enable_default_key(alice(), alias_name="alias/acs/ecs")) == ["alias_reserved"]
        assert slugs(lambda: enable_default_key(alice(), alias_name="alias/a", origin="external")) == ["unknown_value"]
        assert set(slugs(lambda: enable_default_key(bob(), alias_name="alias/a"))) == {"Forbidden.NoPermission"}
        assert not Key.objects.filter(kind="default").exists()


class TestServiceKey:
    def test_it_works(self, alice: Person, ecs: Person) -> None:
        key = keys.create_service_key(ecs(), service="ecs")
        assert (key.kind, key.creator, key.instance, key.account) == ("service", "ecs", None, alice.account)
        assert Alias.objects.get().name == "alias/acs/ecs"

    def test_a_second_call_finds_it(self, ecs: Person, alice: Person) -> None:
        first = keys.create_service_key(ecs(), service="ecs")
        assert keys.create_service_key(ecs(), service="ecs") == first
        assert keys.create_service_key(alice(), service="ecs") == first
        assert Key.objects.count() == 1

    def test_it_refuses(self, alice: Person, bob: Person, ecs: Person) -> None:
        assert slugs(lambda: keys.create_service_key(ecs(), service="oss")) == ["not_this_service"]
        assert slugs(lambda: keys.create_service_key(bob(), service="oss")) == ["Forbidden.NoPermission"]
        for code in ("", "ECS", "e", "a/b", "1ab", "x" * 33):
            assert slugs(lambda code=code: keys.create_service_key(alice(), service=code)) == ["service_code"]  # type: ignore[misc]
        assert not Key.objects.exists()

    def test_through_the_api(self, alice: Person) -> None:
        told: Any = perform(alice(), "CreateServiceKey", "2016-01-20", {"Service": "oss"})
        assert told["KeyMetadata"]["Creator"] == "oss"

    @pytest.mark.django_db(transaction=True)
    def test_two_at_once_make_one(self, account: Account) -> None:
        owner = make.person(account, "owner")
        assert len(set(race(lambda number: keys.create_service_key(owner(), service="ecs").pk))) == 1
        assert Key.objects.count() == 1


class TestUseByServices:
    def test_its_own_key_and_the_default_key(self, alice: Person, ecs: Person) -> None:
        for key in (keys.create_service_key(ecs(), service="ecs"), enable_default_key(alice(), alias_name="alias/main")):
            data = keys.generate_data_key(ecs(), key)
            assert keys.decrypt(ecs(), ciphertext_blob=data.ciphertext_blob).plaintext == data.plaintext
            assert slugs(lambda key=key: keys.encrypt(alice(), key, plaintext=HELLO)) in (  # type: ignore[misc]
                ["service_key"], ["default_key_serves_services_only"])
        used = Event.objects.get(action="GenerateDataKey", object_id=key.pk)
        assert used.principal == "service/ecs"

    def test_nothing_else(self, alice: Person, ecs: Person, make_key: Callable[..., Key]) -> None:
        others = [keys.create_service_key(alice(), service="oss"), make_key()]
        for key in others:
            assert "not_this_service" in slugs(lambda key=key: keys.encrypt(ecs(), key, plaintext=HELLO))  # type: ignore[misc]
            assert "not_this_service" in slugs(lambda key=key: keys.describe_key(ecs(), key))  # type: ignore[misc]
        own = keys.create_service_key(ecs(), service="ecs")
        assert slugs(lambda: keys.disable_key(ecs(), own))[0] == "Forbidden.NoPermission"
        assert slugs(lambda: keys.list_keys(ecs())) == ["Forbidden.NoPermission"]
        assert "service_key" in slugs(lambda: keys.disable_key(alice(), own))

    def test_a_disabled_default_key_stops_services_too(self, alice: Person, ecs: Person) -> None:
        key = enable_default_key(alice(), alias_name="alias/main")
        keys.disable_key(alice(), key)
        assert slugs(lambda: keys.encrypt(ecs(), key, plaintext=HELLO)) == ["Rejected.Disabled"]

    def test_another_accounts_service_key_is_not_there(self, ecs: Person, charlie: Person) -> None:
        foreign = keys.create_service_key(charlie(), service="ecs")
        assert "Forbidden.KeyNotFound" in slugs(lambda: keys.encrypt(ecs(), foreign, plaintext=HELLO))

    def test_a_service_cannot_log_in(self, ecs: Person) -> None:
        assert not User.objects.get(pk=ecs.user.pk).has_usable_password()

    def test_who_calls(self, ecs: Person, alice: Person) -> None:
        assert (ecs().service, alice().service, Caller.system(alice().at).service) == ("ecs", "", "")
