"""Lists of keys find what they should, and no query of theirs reads a whole table: the plans of both databases are looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from access import lists
from base import clock, ids
from keys import listing, operations, words
from keys.list_models import KeyWord
from keys.models import Alias, Key, KeyTag
from keys.states import State
from keys.usage_sweep import gather_uses
from tests import importing, make

WISHES = [
    {}, {"sort": "oldest"}, {"sort": "idle"}, {"sort": "used"}, {"state": "Disabled"}, {"state": "PendingDeletion"},
    {"state": "PendingImport"}, {"spec": "EC_P256"}, {"origin": "EXTERNAL"}, {"instance": "kst-x"}, {"creator": "ecs"},
    {"idle": "90"}, {"tag": "team"}, {"tag": "team:red"}, {"q": "card"}, {"q": "key-x"}, {"q": "payments/ca"},
    {"state": "Disabled", "spec": "EC_P256"}, {"state": "Disabled", "sort": "idle"}, {"creator": "ecs", "sort": "used"},
    {"instance": "kst-x", "state": "Enabled", "idle": "30"}, {"q": "card", "origin": "EXTERNAL"}]


def found(caller, group="customer", **wish):
    window = operations.browse_keys(caller, listing.asked(wish, group), size=100)
    return [key.pk for key in window.items]


def test_every_filter_finds_its_keys(alice, instance, make_key):
    plain, signing, off = make_key(), make_key(spec="EC_P256"), make_key(State.DISABLED)
    mine, going = make_key(State.PENDING_IMPORT), make_key(State.PENDING_DELETION)
    elsewhere = make.key(alice, home=make.instance(alice, name="other"))
    operations.tag_resource(alice(), off, tags=[("team", "red"), ("a:b", "")])
    assert found(alice(), spec="EC_P256") == [signing.pk]
    assert found(alice(), state="Disabled") == found(alice(), tag="team") == found(alice(), tag="team:red") == [off.pk]
    assert found(alice(), tag="a:b") == [off.pk]
    assert found(alice(), tag="team:blue") == found(alice(), tag="nobody") == []
    assert found(alice(), state="PendingImport") == found(alice(), origin="EXTERNAL") == [mine.pk]
    assert found(alice(), state="PendingDeletion") == [going.pk]
    assert found(alice(), instance=elsewhere.instance_id) == [elsewhere.pk]
    assert set(found(alice(), creator=alice.account.pk)) == {key.pk for key in (plain, signing, off, mine, going, elsewhere)}
    assert found(alice(), creator="ecs") == []
    assert found(alice(), sort="oldest") == list(reversed(found(alice())))


def test_state_is_what_shows_not_what_is_stored(alice, instance, make_key):
    gone = make.key(alice, State.UNAVAILABLE)
    key = make_key(State.PENDING_IMPORT)
    importing.bring(alice(), key, key_material_expire_unix=int(clock.now().timestamp()) + 60)
    assert found(alice(), state="Unavailable") == [gone.pk]
    assert gone.pk not in found(alice(), state="Enabled")
    later = alice(at=clock.now() + timedelta(minutes=5))
    assert (found(later, state="PendingImport"), found(later, state="Enabled")) == ([key.pk], [])


def test_words_of_names_and_descriptions_are_found_by_their_beginning(alice, make_key):
    key, other = make_key(description="Card numbers of the Shop, カード番号"), make_key(description="Voucher trial")
    operations.create_alias(alice(), key, alias_name="alias/payments/card-vault")
    for text in ("card", "CARD", "vault", "payments/card", "alias/payments", "numbers shop", "vau pay", "番号", "カード", key.pk,
                 key.pk[:12], key.arn, "number"):
        assert key.pk in found(alice(), q=text), text
    assert found(alice(), q="vault") == [key.pk]
    assert found(alice(), q="card voucher") == found(alice(), q="ault") == found(alice(), q="%") == []
    assert found(alice(), q="voucher") == [other.pk]


def test_a_search_follows_every_change_of_name(alice, make_key):
    key, other = make_key(description="first"), make_key()
    operations.update_key_description(alice(), key, description="second")
    assert (found(alice(), q="first"), found(alice(), q="second")) == ([], [key.pk])
    operations.create_alias(alice(), key, alias_name="alias/moving")
    operations.update_alias(alice(), other, alias_name="alias/moving")
    assert found(alice(), q="moving") == [other.pk]
    operations.delete_alias(alice(), alias_name="alias/moving")
    assert found(alice(), q="moving") == []
    gone = make.destroyed_key(alice, home=key.instance, description="gone")
    assert not KeyWord.objects.filter(key=gone).exists()


def test_words_are_limited():
    assert len(words.words_of([" ".join(f"w{n}" for n in range(500))])) == words.MOST
    assert max(map(len, words.words_of(["x" * 90, "漢" * 90]))) == words.LENGTH


def test_a_common_word_is_found_as_well(alice, make_key, monkeypatch):
    keys = {make_key(description=f"receipts {n}").pk for n in range(4)}
    tagged = make_key(description="rare receipts")
    operations.tag_resource(alice(), tagged, tags=[("team", "red")])
    monkeypatch.setattr(lists, "CAP", 0)
    assert set(found(alice(), q="receipts")) == keys | {tagged.pk}
    assert found(alice(), q="rare receipts") == found(alice(), tag="team") == [tagged.pk]


def test_nobody_finds_keys_of_others(alice, charlie, make_key):
    key = make_key(description="secret plans")
    operations.create_alias(alice(), key, alias_name="alias/plans")
    assert found(charlie(), q="plans") == found(charlie(), q=key.pk) == found(charlie()) == []
    assert operations.browse_aliases(charlie(), "plans", size=25).items == []
    assert [alias.name for alias in operations.browse_aliases(alice(), "plans", size=25).items] == ["alias/plans"]


def test_unused_is_counted_from_the_last_use(alice, make_key):
    at = clock.now() - timedelta(days=120)
    used, idle = make_key(at=at), make_key(at=at)
    assert set(found(alice(), idle="90")) == {used.pk, idle.pk}
    operations.encrypt(alice(), used, plaintext="aGk=")
    gather_uses(clock.now())
    gather_uses(clock.now())
    used.refresh_from_db()
    assert used.idle_since == clock.now().date()
    assert found(alice(), idle="90") == [idle.pk]
    assert found(alice(), sort="used")[0] == used.pk
    revision = used.revision
    used.refresh_from_db()
    assert used.revision == revision, "a use is no change of the key"


@pytest.fixture
def crowd(alice, instance):
    """Enough rows for a planner to have an opinion."""
    now, account = clock.now(), alice.account
    keys = [Key(id=ids.key_id(now), account=account, instance=instance, state=State.ENABLED if n % 50 else State.DISABLED,
                spec="Aliyun_AES_256" if n % 40 else "EC_P256", creator=account.pk, created_at=now - timedelta(minutes=n),
                last_rotation_at=now, idle_since=(now - timedelta(days=n // 10)).date(), description="x") for n in range(3000)]
    Key.objects.bulk_create(keys)
    Alias.objects.bulk_create([Alias(account=account, name=f"alias/payments/card-{n}", key=key, created_at=now)
                               for n, key in enumerate(keys)])
    KeyWord.objects.bulk_create([KeyWord(key=key, account=account.pk, word=f"w{n}") for n, key in enumerate(keys)])
    KeyTag.objects.bulk_create([KeyTag(key=key, tag_key="team", tag_value="red") for key in keys[::100]])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def scans(rows):
    """Parts of the plan that read a table of ours from its beginning to its end, or sort all of it."""
    plan = rows.explain()
    bad = ("Seq Scan on keys_", "SCAN keys_") if connection.vendor == "postgresql" else ("SCAN keys_",)
    return [line for line in plan.splitlines() if any(word in line for word in bad) and "USING" not in line] + (
        [line for line in plan.splitlines() if "USE TEMP B-TREE FOR ORDER BY" in line])


def test_no_list_reads_a_whole_table_and_none_costs_more_queries_for_more_rows(alice, crowd, django_assert_max_num_queries):
    found = []
    for wish in WISHES:
        asked = listing.asked(wish)
        with django_assert_max_num_queries(8):
            first = operations.browse_keys(alice(), asked, size=25)
        part = listing.select(alice(), asked).shown
        rows, order = part.rows, part.order
        edge = lists._position(rows, order, first.next)
        if part.inside:
            if connection.vendor == "postgresql":
                continue  # of three thousand rows it reads all rather than two thousand by their ids
            rows = rows.filter(pk__in=lists._looked_at(part.among, order))
        page = rows.order_by(*order.columns())
        leading = part.inside or {"q", "tag", "instance"} & set(wish)  # rare ids lead, and only those are sorted
        for one in (page, page.filter(lists._beyond(order, edge, descending=order.descending)) if edge else page):
            found += [f"{wish}: {line}" for line in scans(one[:26]) if not (leading and "ORDER BY" in line)]
    assert found == []


def test_the_look_at_plans_would_notice(alice, crowd):
    rows = Key.objects.filter(description="y").order_by("protection_level")
    assert scans(rows[:26])
