"""Between stores of different kinds: into a token and back, and what a store refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from base.refusal import Refused
from crypto.errors import Unavailable, Unsupported
from crypto.memory import MemoryProvider
from instances import opening
from instances.models import Instance, WrappingKey
from keys.models import Key, SpareMaterial
from migration import operations, sweeps
from migration.models import Item
from migration.states import ItemState, RunState
from tests import make
from tests.migration import estate

pytestmark = pytest.mark.django_db


class Token(MemoryProvider):
    """Keeps keys itself and gives handles out, as an HSM does; `exports` as a token with extractable keys would."""

    exports = True

    def export_raw(self, material):
        if not self.exports:
            raise Unsupported("not extractable")
        return self._open(material)


@pytest.fixture
def token():
    return Token()


@pytest.fixture
def hardware(alice, token, monkeypatch):
    """An instance whose material lies in `token`."""
    home = make.instance(alice)
    Instance.objects.filter(pk=home.pk).update(type="hardware")
    WrappingKey.objects.filter(instance=home).update(provider="memory")
    real = opening.open_provider
    monkeypatch.setattr(opening, "open_provider", lambda name, raw: token if name == "memory" else real(name, raw))
    opening.forget()
    yield Instance.objects.get(pk=home.pk)
    opening.forget()


def fresh(key):
    return Key.objects.select_related("instance").get(pk=key.pk)


def test_into_a_token_and_back(alice, hardware, token):
    keys = [estate.key(alice, rotation=90, versions=2), estate.key(alice, spec="EC_P256"),
            estate.key(alice, spec="RSA_2048", usage="ENCRYPT/DECRYPT"), estate.key(alice, imported=True)]
    before = estate.export(alice.account.pk)
    opens = [use for key in keys for use in estate.uses(alice, key)]
    run = estate.plan(alice, hardware)
    assert not any(estate.predicted(alice, run).values())
    assert not token._keys, "the dry run left something in the token"
    assert estate.run_all(alice, run).state == RunState.SUCCEEDED
    assert len(token._keys) == 5
    assert {fresh(key).protection_level for key in keys} == {"HSM"}
    assert not fresh(keys[0]).automatic_rotation, "hardware instances do not rotate"
    opens += [use for key in keys for use in estate.uses(alice, fresh(key))]
    assert all(use() for use in opens)
    estate.back(alice, run)
    assert estate.export(alice.account.pk) == before
    assert all(use() for use in opens)


def test_it_needs_a_tick(alice, hardware):
    key = estate.key(alice)
    with pytest.raises(Refused, match="migration_not_accepted"):
        operations.start_migration(alice(), estate.plan(alice, hardware, key), accepted={"R15"})


def test_a_spec_that_the_token_does_not_have_is_refused_beforehand(alice, hardware):
    key = estate.key(alice, spec="Aliyun_SM4")
    run = estate.plan(alice, hardware, key)
    assert estate.predicted(alice, run) == {key.pk: "UnsupportedOperation"}


def test_a_token_that_takes_nothing_refuses_with_its_reason(alice, hardware, token, monkeypatch):
    key = estate.key(alice)
    real = opening.open_provider
    monkeypatch.setattr(opening, "open_provider", lambda name, raw: object() if real(name, raw) is token else real(name, raw))
    opening.forget()
    run = estate.plan(alice, hardware, key)
    assert estate.predicted(alice, run) == {key.pk: "UnsupportedOperation"}


def test_a_token_that_does_not_answer_fails_the_key_and_the_next_try_moves_it(alice, hardware, token):
    key = estate.key(alice)
    run = estate.plan(alice, hardware, key)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    token.fail_next(Unavailable())
    run = estate.run_all(alice, run, start=False)
    assert (run.state, fresh(key).edition, Item.objects.get().state) == (RunState.FAILED, "1.0", ItemState.FAILED)
    assert estate.run_all(alice, run).state == RunState.SUCCEEDED


def test_a_proof_that_a_dead_worker_owed_is_made_later_or_sends_the_key_back(alice, hardware, token, monkeypatch):
    first, second = estate.key(alice), estate.key(alice)
    estate.run_all(alice, estate.plan(alice, hardware))
    Item.objects.update(proved_at=None)
    SpareMaterial.objects.update(drop_at=None)
    later = clock.now() + timedelta(minutes=5)
    token.fail_next(Unavailable())
    sweeps.advance(later)
    assert set(Item.objects.values_list("state", "proved_at")) == {("Switched", None), ("Switched", later)}
    assert SpareMaterial.objects.filter(drop_at=None).count() == 1
    monkeypatch.setattr("migration.operations.moving.opens", lambda *args: False)
    sweeps.advance(later)
    assert sorted(fresh(key).edition for key in (first, second)) == ["1.0", "3.0"]
    assert sorted(Item.objects.values_list("state", flat=True)) == ["Failed", "Switched"]


def test_versions_made_in_a_token_that_gives_nothing_out_keep_the_key_there(alice, hardware, token, monkeypatch):
    key = estate.key(alice, imported=True)
    run = estate.run_all(alice, estate.plan(alice, hardware, key))
    SpareMaterial.objects.all().delete()
    monkeypatch.setattr(Token, "exports", False)
    with pytest.raises(Refused, match="migration_store_cannot"):
        operations.roll_back_key(alice(), Item.objects.get(run=run))
    assert fresh(key).edition == "3.0"


def test_from_an_hsm_into_software_needs_a_tick_and_says_so(alice):
    home, key = make.instance(alice), estate.key(alice)
    Key.objects.filter(pk=key.pk).update(protection_level="HSM")
    run = estate.plan(alice, home, key)
    with pytest.raises(Refused, match="migration_not_accepted"):
        operations.start_migration(alice(), run, accepted={"R15"})
    assert estate.run_all(alice, run).state == RunState.SUCCEEDED
    assert fresh(key).protection_level == "SOFTWARE"
