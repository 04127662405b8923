"""Whatever may change between two requests is seen by the next one; and no column that this depends on is forgotten."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from access import access_keys, operations, people
from access.models import AccessKey, User, UserPolicy
from api import dispatch
from api.fast import tables
from base import clock
from instances import hsm_operations, opening
from instances import operations as instances
from instances.models import HsmMember, Instance, WrappingKey
from keys import operations as keys
from keys import rewrapping
from keys.models import Alias, Key
from tests import doors, make
from tests.api.live.clients import call
from tests.doors import SDK_WARNINGS, fast_server
from tests.keys.calls import TEXT
from tests.parts import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), *SDK_WARNINGS]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def host():
    with fast_server() as address:
        yield address


class Api:
    """Somebody's calls through the lane; ``dispatched`` counts those that it handed on."""

    def __init__(self, host, who, monkeypatch):
        self.host, (self.access_key_id, self.access_key_secret) = host, doors.used_access_key(who)
        self.dispatched, real = 0, dispatch.answer

        def answer(asked, request_id):
            self.dispatched += 1
            return real(asked, request_id)

        monkeypatch.setattr(dispatch, "answer", answer)

    def encrypt(self, key):
        return call(self, "Encrypt", {"KeyId": key.pk, "Plaintext": TEXT})

    def decrypt(self, blob):
        return call(self, "Decrypt", {"CiphertextBlob": blob})

    def warm(self, key):
        """The blob of a key that the lane has seen and uses by itself."""
        blob = self.encrypt(key).body["CiphertextBlob"]
        self.decrypt(blob)
        before = self.dispatched
        assert self.encrypt(key).status == self.decrypt(blob).status == 200
        assert self.dispatched == before
        return blob


@pytest.fixture
def api(host, alice, monkeypatch):
    return Api(host, alice, monkeypatch)


@pytest.fixture
def his(host, bob, monkeypatch):
    return Api(host, bob, monkeypatch)


def test_a_release(api, alice):
    home = make.instance(alice)
    key = make.key(alice, home=home)
    blob = api.warm(key)
    keys.refund_instance(alice(), home, force_delete_without_backup=True)
    assert [api.decrypt(blob).code for _ in range(2)] == ["Forbidden.KeyNotFound"] * 2
    assert api.encrypt(key).code == "Forbidden.KeyNotFound"


@pytest.fixture
def lately_expired(alice):
    """(instance, key, blob): its twelve months ended some days ago, so it can still be renewed."""
    home = make.instance(alice, at=clock.now() - timedelta(days=370))
    then = alice(at=home.created_at)
    key = keys.create_key(then, instance=home)
    return home, key, keys.encrypt(then, key, plaintext=TEXT).ciphertext_blob


def test_a_renewal(api, alice, lately_expired):
    home, key, blob = lately_expired
    assert [api.decrypt(blob).code for _ in range(2)] == ["Rejected.Unavailable"] * 2
    instances.renew_instance(alice(), home, months=1)
    assert api.decrypt(blob).body["Plaintext"] == TEXT
    api.warm(key)


def test_another_grace_policy(api, alice, lately_expired):
    home, key, blob = lately_expired
    for policy, code in (("stop", "Rejected.Unavailable"), ("drain", ""), ("stop", "Rejected.Unavailable"), ("drain", "")):
        instances.set_grace_policy(alice(), home, policy=policy)
        assert [api.decrypt(blob).code for _ in range(2)] == [code] * 2
        assert api.encrypt(key).code == "Rejected.Unavailable"


def test_a_rotation_of_the_instance_key(api, alice, instance, make_key):
    key = make_key()
    blob = api.warm(key)
    keys.rotate_instance_key(alice(), instance)
    assert api.decrypt(blob).status == 200
    rewrapping.rewrap_superseded(clock.now() + rewrapping.REST + timedelta(seconds=1))
    assert WrappingKey.objects.filter(instance=instance, destroyed_at=None).count() == 1
    before = api.dispatched
    assert api.decrypt(blob).body["Plaintext"] == TEXT
    assert api.dispatched == before + 1, "what was opened with a destroyed instance key is not used any more"
    assert api.decrypt(api.warm(key)).status == 200


def test_material_whose_instance_key_is_gone_is_left_to_the_rules(api, make_key):
    key = make_key()
    WrappingKey.objects.update(destroyed_at=clock.now(), sealed=opening.OVERWRITE)
    assert api.encrypt(key).code == "InternalFailure"  # our own rows contradict each other


def test_a_disconnected_hardware_instance(api, alice, softhsm):
    cluster = make.hsm_cluster(alice, softhsm)
    home = make.hardware_instance(alice, cluster)
    key = keys.create_key(alice(), instance=home)
    blob = api.warm(key)
    hsm_operations.disconnect_hardware_instance(alice(), home)
    assert [api.decrypt(blob).code for _ in range(2)] == ["Rejected.Unavailable"] * 2
    hsm_operations.connect_hardware_instance(alice(), home, cluster=cluster)
    api.warm(key)
    # Where the members are is asked for every use: it moves no revision.
    HsmMember.objects.filter(cluster=cluster).delete()
    assert api.decrypt(blob).code == "ServiceUnavailableTemporary"


def test_another_role(his, bob, make_key):
    key = make_key()
    blob = his.warm(key)
    people.set_user_role(make.operator(), bob.user, role="auditor")
    assert [his.decrypt(blob).code for _ in range(2)] == ["Forbidden.NoPermission"] * 2
    people.set_user_role(make.operator(), bob.user, role="key-user")
    assert his.decrypt(blob).status == 200


def test_a_policy_that_comes_and_goes(his, alice, bob, make_key):
    blob = his.warm(make_key())
    deny = '{"Version":"1","Statement":[{"Effect":"Deny","Action":["kms:Decrypt"],"Resource":["*"]}]}'
    operations.attach_policy(alice(), bob.user, name="stop", document=deny)
    assert his.decrypt(blob).code == "Forbidden.NoPermission"
    operations.detach_policy(alice(), bob.user, name="stop")
    assert his.decrypt(blob).status == 200


def test_a_user_who_is_deactivated(his, alice, bob, make_key):
    blob = his.warm(make_key())
    people.deactivate_user(alice(), bob.user)
    assert his.decrypt(blob).code == "InvalidAccessKeyId.Inactive"
    people.reactivate_user(alice(), bob.user)
    assert his.decrypt(blob).status == 200


def test_an_access_key_that_is_disabled_and_deleted(his, alice, make_key):
    blob = his.warm(make_key())
    pair = AccessKey.objects.select_related("user").get(pk=his.access_key_id)
    access_keys.update_access_key(alice(), pair, status="Inactive")
    assert his.decrypt(blob).code == "InvalidAccessKeyId.Inactive"
    access_keys.update_access_key(alice(), pair, status="Active")
    assert his.decrypt(blob).status == 200
    access_keys.update_access_key(alice(), pair, status="Inactive")
    access_keys.delete_access_key(alice(), pair)
    assert his.decrypt(blob).code == "InvalidAccessKeyId.NotFound"


def test_a_service_whose_key_it_is_not(host, alice, make_key, monkeypatch):
    ecs = make.person(alice.account, f"ecs@{alice.account.pk}", "service")
    service = Api(host, ecs, monkeypatch)
    service.warm(keys.create_service_key(ecs(), service="ecs"))
    assert service.encrypt(make_key()).code == "Forbidden.NoPermission"


def test_the_use_of_an_access_key_is_noted_now_and_then(api, make_key, monkeypatch):
    key, mine = make_key(), AccessKey.objects.filter(pk=api.access_key_id)

    assert api.encrypt(key).status == 200
    mine.update(last_used_at=None)
    before = api.dispatched
    with monkeypatch.context() as patch:
        patch.setattr(access_keys, "NOTED_EVERY", timedelta(0))  # whatever the lane has seen is long ago
        assert api.encrypt(key).status == 200
    wait_for(lambda: mine.get().last_used_at, what="the use to be noted")
    assert clock.now() - mine.get().last_used_at < timedelta(minutes=1)
    mine.update(last_used_at=None)
    assert [api.encrypt(key).status for _ in range(3)] == [200] * 3
    assert (api.dispatched, mine.get().last_used_at) == (before, None), "not each time, and on nobody's way"


# --- columns --------------------------------------------------------------------------------------------------------------

# Of a user, an AccessKey and so on: what the lane compares, and what no answer of it depends on.
COMPARED = {
    WrappingKey: ("wrapping", {
        "account": "never changes", "instance": "never changes", "check_value": "proves what `sealed` opens to",
        "created_at": "never changes", "sealed": "by root rotation only, which keeps what it opens to; and with `destroyed_at`",
        "root_generation": "with `sealed`"}),
    AccessKey: ("access", {"sealed_secret": "never changes", "created_at": "never changes",
                           "last_used_at": "asked of the sight itself, which is read again when it is old"}),
    User: ("user", dict.fromkeys(
        ("password", "last_login", "is_superuser", "first_name", "last_name", "email", "is_staff", "date_joined", "language",
         "theme", "time_zone", "must_change_password", "revision", "groups", "user_permissions"),
        "of the console; `User.caller` does not look at it")),
    Alias: ("alias", {"created_at": "never changes"}),
}


@pytest.mark.parametrize("model", COMPARED, ids=lambda model: model.__name__)
def test_every_column_is_compared_or_of_no_matter(model):
    kind, ignored = COMPARED[model]
    query = tables._ROWS[kind].partition(" FROM ")
    compared = {name.split()[0] for name in query[0].removeprefix("SELECT ").split(", ")}
    assert query[2] == model._meta.db_table
    columns = {field.name: getattr(field, "column", field.name) for field in [*model._meta.fields, *model._meta.many_to_many]}
    assert not set(ignored) - set(columns)
    assert {column for name, column in columns.items() if name not in ignored} == compared


def test_every_column_of_a_policy_is_compared():
    assert {field.column for field in UserPolicy._meta.fields} == {"id", "user_id", "name", "document"}
    assert tables._POLICIES.startswith("SELECT user_id, name, document FROM access_userpolicy")


# Columns that are written without a new revision, and why nothing of a use depends on them.
WITHOUT_REVISION = {Key: {"idle_since", "next_try_at"}, Instance: {"last_backup_at"}}


@pytest.mark.parametrize("model", WITHOUT_REVISION, ids=lambda model: model.__name__)
def test_every_other_change_of_a_key_or_instance_moves_its_revision(model):
    """``Model.objects...update(...)`` anywhere in the product, but in `move`."""
    found = set()
    for path in ROOT.glob("*/**/*.py"):
        if path.parts[len(ROOT.parts)] in ("tests", "bench") or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"
                    and ast.unparse(node.func).startswith(f"{model.__name__}.objects.")):
                names = {keyword.arg for keyword in node.keywords}
                found |= set() if "revision" in names else names
    assert found == WITHOUT_REVISION[model]
