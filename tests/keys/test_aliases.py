"""Aliases: names of their own, free again when the key is gone."""

from __future__ import annotations

import pytest

from keys import lookup, operations
from keys.models import Alias
from keys.states import State
from tests import make
from tests.keys.calls import outcome


def test_it_works(alice, make_key):
    key, other = make_key(), make_key()
    alias = operations.create_alias(alice(), key, alias_name="alias/payments/card")
    assert lookup.key_for(alice(), "alias/payments/card") == key
    assert lookup.key_for(alice(), alias.arn) == key
    operations.update_alias(alice(), other, alias_name="alias/payments/card")
    assert lookup.key_for(alice(), "alias/payments/card") == other
    operations.delete_alias(alice(), alias_name="alias/payments/card")
    assert outcome(lambda: lookup.key_for(alice(), "alias/payments/card")) == "Forbidden.AliasNotFound"


@pytest.mark.parametrize(("name", "code"), [
    ("alias/a", "ok"), ("alias/" + "a" * 255, "ok"), ("alias/A_b-c/d9", "ok"), ("alias/" + "a" * 256, "InvalidParameter"),
    ("alias/", "InvalidParameter"), ("a", "InvalidParameter"), ("Alias/a", "InvalidParameter"), ("alias/é", "InvalidParameter"),
    ("alias/a b", "InvalidParameter"), ("alias/acs/oss", "InvalidParameter"), ("alias/acsx", "InvalidParameter"),
    ("alias/a\n", "InvalidParameter"), ("alias/a\0", "InvalidParameter")])
def test_names(alice, make_key, name, code):
    assert outcome(lambda: operations.create_alias(alice(), make_key(), alias_name=name)) == code


def test_a_taken_name_is_refused_and_two_accounts_may_share_it(alice, charlie, make_key):
    operations.create_alias(alice(), make_key(), alias_name="alias/one")
    assert outcome(lambda: operations.create_alias(alice(), make_key(), alias_name="alias/one")) == "AliasAlreadyExists"
    theirs = make.key(charlie, home=make.instance(charlie))
    assert outcome(lambda: operations.create_alias(charlie(), theirs, alias_name="alias/one")) == "ok"


def test_deleting_an_alias_works_while_its_key_waits_for_deletion(alice, make_key):
    key = make_key()
    operations.create_alias(alice(), key, alias_name="alias/one")
    operations.schedule_key_deletion(alice(), key, window_days=7)
    assert outcome(lambda: operations.delete_alias(alice(), alias_name="alias/one")) == "ok"


def test_an_alias_is_moved_away_from_a_key_that_waits_for_deletion(alice, make_key):
    old, new = make_key(), make_key()
    operations.create_alias(alice(), old, alias_name="alias/one")
    operations.schedule_key_deletion(alice(), old, window_days=7)
    assert outcome(lambda: operations.update_alias(alice(), new, alias_name="alias/one")) == "ok"


def test_names_of_destroyed_keys_are_free(alice, make_key, instance):
    make.destroyed_key(alice, home=instance)
    key = make.due_key(alice, home=instance)
    before = alice(at=key.deletion_scheduled_at)
    Alias.objects.create(account=alice.account, name="alias/one", key=key, created_at=before.at)
    from base.caller import Caller

    operations.destroy_key(Caller.system(alice().at), key)
    assert outcome(lambda: operations.create_alias(alice(), make_key(), alias_name="alias/one")) == "ok"


def test_an_id_is_needed_where_the_vendor_takes_no_alias(alice, make_key):
    operations.create_alias(alice(), make_key(), alias_name="alias/one")
    assert outcome(lambda: lookup.key_for_id(alice(), "alias/one")) == "Unsupported.Alias"


def test_lists(alice, make_key):
    key = make_key()
    for name in "cab":
        operations.create_alias(alice(), key, alias_name=f"alias/{name}")
    page = operations.list_aliases(alice(), page_number=1, page_size=2)
    assert ([alias.name for alias in page.items], page.total) == (["alias/a", "alias/b"], 3)
    assert operations.list_aliases(alice(), page_number=9, page_size=2).items == []
    assert operations.list_aliases_by_key_id(alice(), make_key()).total == 0


def test_a_pending_import_key_may_have_one(alice, make_key):
    assert outcome(lambda: operations.create_alias(alice(), make_key(State.PENDING_IMPORT), alias_name="alias/one")) == "ok"
