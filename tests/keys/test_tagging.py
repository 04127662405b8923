"""Tags of one key and of many."""

from __future__ import annotations

import json

import pytest

from access import operations as access
from audit.models import Event
from base.refusal import Refused
from keys import operations
from keys.models import Key, KeyTag
from keys.states import State
from tests import make
from tests.keys.calls import batch, outcome


def tags_of(key: Key) -> dict[str, str]:
    return dict(KeyTag.objects.filter(key=key).values_list("tag_key", "tag_value"))


def many(*keys: Key) -> dict[str, object]:
    return batch(keys[0]) | {"resource_ids": [key.pk for key in keys]}


def numbered(count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"t{number}", "v") for number in range(start, start + count)]


def test_it_works(alice, make_key):
    key = make_key()
    operations.tag_resource(alice(), key, tags=[("team", "core"), ("stage", "")])
    assert [(tag.tag_key, tag.tag_value) for tag in operations.list_resource_tags(alice(), key)] == [
        ("stage", ""), ("team", "core")]
    operations.untag_resource(alice(), key, tag_keys=["stage", "never"])
    assert tags_of(key) == {"team": "core"}


def test_a_tag_that_is_there_gets_the_new_value(alice, make_key):
    key = make_key()
    operations.tag_resource(alice(), key, tags=[("team", "core"), ("stage", "test")])
    operations.tag_resource(alice(), key, tags=[("team", "edge")])
    assert tags_of(key) == {"team": "edge", "stage": "test"}


def test_a_key_has_twenty_tags_at_most(alice, make_key):
    key = make_key()
    operations.tag_resource(alice(), key, tags=numbered(20))
    operations.tag_resource(alice(), key, tags=[("t3", "new")])
    assert outcome(lambda: operations.tag_resource(alice(), key, tags=[("one-more", "")])) == "Rejected.LimitExceeded"
    assert outcome(lambda: operations.tag_resource(alice(), make_key(), tags=numbered(21))) == "Rejected.LimitExceeded"
    assert len(tags_of(key)) == 20


@pytest.mark.parametrize(("tags", "code"), [
    ([("aliyun-x", "")], "InvalidParameter.TagKey"), ([("acs:x", "")], "InvalidParameter.TagKey"),
    ([("", "")], "InvalidParameter.TagKey"), ([(129 * "k", "")], "InvalidParameter.TagKey"),
    ([("a;b", "")], "InvalidParameter.TagKey"), ([("a", "b;c")], "InvalidParameter.TagValue"),
    ([("a", 129 * "v")], "InvalidParameter.TagValue"), ([("a", "1"), ("a", "2")], "Duplicate.TagKey"),
    ([], "MissingParameter"),
])
def test_it_refuses_tags_that_cannot_be(alice, make_key, tags, code):
    key = make_key()
    assert outcome(lambda: operations.tag_resource(alice(), key, tags=tags)) == code
    assert tags_of(key) == {}


@pytest.mark.parametrize(("names", "code"), [
    ([], "MissingParameter"), ([""], "InvalidParameter"), ([129 * "k"], "InvalidParameter"),
    ([f"t{n}" for n in range(21)], "InvalidParameter")])
def test_it_refuses_names_that_cannot_be(alice, make_key, names, code):
    assert outcome(lambda: operations.untag_resource(alice(), make_key(), tag_keys=names)) == code


def test_secrets_and_certificates_are_not_here(alice, bob):
    assert outcome(lambda: operations.tag_resource(alice(), None, tags=[("a", "")], secret_name="db")) == \
        "Forbidden.ResourceNotFound"
    assert outcome(lambda: operations.untag_resource(alice(), None, tag_keys=["a"], certificate_id="c")) == "UnsupportedOperation"
    assert outcome(lambda: operations.tag_resource(bob(), None, tags=[("a", "")], secret_name="db")) == "Forbidden.NoPermission"
    assert Event.objects.filter(object_kind="secret", object_id="db", action="TagResource").count() == 1


def test_a_batch_is_one_change_and_one_event(alice, make_key):
    keys = [make_key() for _ in range(3)]
    operations.tag_resources(alice(), **many(*keys, keys[0]), tags=[("team", "core"), ("stage", "test")])
    assert all(tags_of(key) == {"team": "core", "stage": "test"} for key in keys)
    [event] = Event.objects.filter(action="TagResources")
    assert all(key.pk in event.detail for key in keys)
    operations.untag_resources(alice(), **many(*keys[:2]), tag_keys=["team"])
    assert [len(tags_of(key)) for key in keys] == [1, 1, 2]
    operations.untag_resources(alice(), **many(*keys), everything=True)
    assert [len(tags_of(key)) for key in keys] == [0, 0, 0]


def test_a_batch_is_all_or_nothing(alice, make_key):
    good, pending, full = make_key(), make_key(State.PENDING_DELETION), make_key()
    operations.tag_resource(alice(), full, tags=numbered(20))
    for other, code in ((pending, "Rejected.PendingDeletion"), (full, "Rejected.LimitExceeded")):
        good.refresh_from_db()
        both = many(good, other)
        assert outcome(lambda both=both: operations.tag_resources(alice(), **both, tags=[("team", "core")])) == code
        assert tags_of(good) == {}


def test_everything_counts_only_where_no_tag_is_named(alice, make_key):
    key = make_key()
    operations.tag_resource(alice(), key, tags=numbered(3))
    operations.untag_resources(alice(), **batch(key), tag_keys=["t1"], everything=True)
    assert tags_of(key) == {"t0": "v", "t2": "v"}
    assert outcome(lambda: operations.untag_resources(alice(), **batch(key))) == "MissingParameter"


def test_a_batch_knows_ids_and_arns(alice, make_key):
    key = make_key()
    operations.tag_resources(alice(), **batch(key) | {"resource_ids": [key.arn]}, tags=[("a", "")])
    assert tags_of(key) == {"a": ""}


def test_a_batch_names_every_resource_that_is_not_there(alice, charlie, make_key):
    gone, theirs = make.key(alice, State.DESTROYED), make.key(charlie, home=make.instance(charlie))
    with pytest.raises(Refused) as error:
        operations.tag_resources(alice(), **many(make_key(), gone, theirs), tags=[("a", "")])
    assert [refusal.code for refusal in error.value.refusals] == ["InvalidResourceId.NotFound"] * 2
    secret = batch(gone) | {"resource_type": "secret"}
    assert outcome(lambda: operations.tag_resources(alice(), **secret, tags=[("a", "")])) == "InvalidResourceId.NotFound"
    assert outcome(lambda: operations.tag_resources(alice(), **secret | {"resource_type": "ca"}, tags=[("a", "")])) == \
        "InvalidParameter"


def test_bob_cannot_but_may_look(bob, make_key):
    key = make_key(tags=(("team", "core"),))
    assert outcome(lambda: operations.tag_resource(bob(), key, tags=[("a", "")])) == "Forbidden.NoPermission"
    assert outcome(lambda: operations.untag_resources(bob(), **batch(key), everything=True)) == "Forbidden.NoPermission"
    assert len(operations.list_resource_tags(bob(), key)) == 1
    assert len(operations.list_tag_resources(bob(), **batch(key)).items) == 1


def test_permissions_may_depend_on_the_tags_of_each_key(alice, bob, make_key):
    """Bob may tag what belongs to his team, and a batch with one other key in it is refused as a whole."""
    access.attach_policy(make.operator(), bob.user, name="own-team", document=json.dumps({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "kms:TagResources", "Resource": "*",
        "Condition": {"StringEquals": {"kms:tag/team": "core"}}}]}))
    core, edge = make_key(tags=(("team", "core"),)), make_key(tags=(("team", "edge"),))
    bob.user.refresh_from_db()
    operations.tag_resources(bob(), **many(core), tags=[("a", "")])
    assert outcome(lambda: operations.tag_resources(bob(), **many(core, edge), tags=[("b", "")])) == "Forbidden.NoPermission"
    assert "b" not in tags_of(core) | tags_of(edge)


def test_the_list_comes_in_pages(alice, make_key):
    keys = [make_key(tags=tuple(numbered(20))) for _ in range(21)]
    everything = batch(keys[0]) | {"resource_ids": []}
    found, token, sizes = [], "", []
    while not sizes or token:
        page = operations.list_tag_resources(alice(), **everything, next_token=token)
        token, sizes = page.next_token, [*sizes, len(page.items)]
        found += [(tag.key_id, tag.tag_key) for tag in page.items]
    assert sizes == [200, 200, 20]
    assert found == sorted((key.pk, f"t{number}") for key in keys for number in range(20))


def test_exactly_one_page_has_no_next(alice, make_key):
    key = [make_key(tags=tuple(numbered(20))) for _ in range(10)][0]
    page = operations.list_tag_resources(alice(), **batch(key) | {"resource_ids": []})
    assert (len(page.items), page.next_token) == (200, "")


def test_the_list_narrows_by_tag(alice, charlie, make_key):
    one = make_key(tags=(("team", "core"), ("stage", "live")))
    two = make_key(tags=(("team", "edge"),))
    make.key(charlie, home=make.instance(charlie), tags=(("team", "core"),))
    everything = batch(one) | {"resource_ids": []}

    def keys_with(*tags):
        return sorted({tag.key_id for tag in operations.list_tag_resources(alice(), **everything, tags=tags).items})

    assert keys_with(("team", "")) == sorted([one.pk, two.pk])
    assert keys_with(("team", "core")) == keys_with(("team", "core"), ("stage", "")) == [one.pk]
    assert keys_with(("team", "edge"), ("stage", "")) == []
    assert outcome(lambda: keys_with(("team", "core"), ("team", "edge"))) == "Duplicate.TagKey"


@pytest.mark.parametrize("token", ["x", "é", "W10=", "WzEsMl0=", "bnVsbA==", 4000 * "W", "WyJcdTAwMDAiLCJhIl0=",
                                   "WyJcdWQ4MDAiLCJhIl0="])
def test_a_token_that_is_none(alice, make_key, token):
    assert outcome(lambda: operations.list_tag_resources(alice(), **batch(make_key()), next_token=token)) == "InvalidParameter"


def test_a_batch_costs_a_fixed_number_of_queries_to_decide(alice, make_key, django_assert_max_num_queries):
    keys = [make_key() for _ in range(30)]
    with django_assert_max_num_queries(8):
        operations.list_tag_resources(alice(), **many(*keys))
