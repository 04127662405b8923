"""Objects for tests, built by the product's own operations; nothing here writes a row that a user could not cause."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from access import operations as access
from access import root
from access.models import Account, Role, User
from base import clock, ids
from base.caller import Caller
from instances import hsm_operations as hsms
from instances import operations as instances
from instances.hsm_models import HsmCluster
from instances.models import Instance
from instances.rules import Facts as InstanceFacts
from instances.states import State as InstanceState
from keys import operations as keys
from keys import states
from keys.models import Key
from keys.rules import Facts
from keys.states import State
from tests import importing

if TYPE_CHECKING:
    from tests.softhsm import SoftHsm  # a plugin of pytest, which wants to import it itself

PASSWORD = "only-for-tests-4711"


@dataclass(frozen=True)
class Person:
    """Someone of the cast. Call it for a Caller: ``alice()``, ``alice(at=..., door="console")``."""

    user: User

    def __call__(self, *, at: datetime | None = None, door: str = "api") -> Caller:
        return self.user.caller(door, at or clock.now(), request_id=ids.request_id(), address="127.0.0.1")

    @property
    def account(self) -> Account:
        return self.user.account

    @property
    def name(self) -> str:
        return self.user.username


def operator(at: datetime | None = None) -> Caller:
    """The product itself, at the shell."""
    return Caller.system(at or clock.now(), job="tests", door="shell")


def later(**more: float) -> datetime:
    return clock.now() + timedelta(**more)


def account(name: str = "Example") -> Account:
    root.prepare()
    return access.create_account(operator(), name=name)


def person(home: Account, name: str, role: str = Role.ADMINISTRATOR) -> Person:
    return Person(access.create_user(operator(), home, name=name, password=PASSWORD, role=role))


def access_key(who: Person) -> tuple[str, str]:
    return access.create_access_key(operator(), who.user)


def instance(who: Person, *, name: str = "main", months: int = 12, enabled: bool = True, at: datetime | None = None,
             key_quota: int = 1000, **more: Any) -> Instance:
    """key_quota: a smaller one than can be ordered lets a test fill the instance."""
    made = instances.order_instance(who(at=at), who.account, name=name, months=months, **more)
    if key_quota != made.key_quota:
        Instance.objects.filter(pk=made.pk).update(key_quota=key_quota)
        made.key_quota = key_quota
    return instances.enable_instance(who(at=at), made) if enabled else made


def expired_instance(who: Person, *, name: str = "expired") -> Instance:
    """One whose twelve months ended a month ago, so it can still be renewed by its owner's wish."""
    return instance(who, name=name, at=clock.now() - timedelta(days=396))


def key(who: Person, state: State = State.ENABLED, *, home: Instance | None = None, at: datetime | None = None,
        **more: Any) -> Key:
    """A key in `state`, led there by operations: Unavailable lives in an expired instance, Destroyed was scheduled and due."""
    at = at or clock.now()
    if state is State.UNAVAILABLE:
        home = expired_instance(who)
        return keys.create_key(who(at=home.created_at), instance=home, **more)
    if state is State.DESTROYED:
        return destroyed_key(who, home=home, at=at, **more)
    if state is State.PENDING_IMPORT:
        more["origin"] = "EXTERNAL"
    made = keys.create_key(who(at=at), instance=home, **more)
    if state is State.DISABLED:
        keys.disable_key(who(at=at), made)
    elif state is State.PENDING_DELETION:
        keys.schedule_key_deletion(who(at=at), made, window_days=7)
    return made


def due_key(who: Person, *, home: Instance | None = None, at: datetime | None = None, **more: Any) -> Key:
    """A key whose scheduled deletion fell due an hour ago and that no sweep has met yet."""
    before = (at or clock.now()) - timedelta(days=7, hours=1)
    made = keys.create_key(who(at=before), instance=home, **more)
    return keys.schedule_key_deletion(who(at=before), made, window_days=7)


def destroyed_key(who: Person, *, home: Instance | None = None, at: datetime | None = None, **more: Any) -> Key:
    due = due_key(who, home=home, at=at, **more)
    return keys.destroy_key(Caller.system(at or clock.now()), due)


def instance_facts(state: State) -> InstanceFacts:
    """Facts of an instance that would put a key into `state`: expired for Unavailable, serving for the others."""
    now = clock.now()
    serving = InstanceState.EXPIRED if state is State.UNAVAILABLE else InstanceState.CONNECTED
    return InstanceFacts("kst-1", "main", serving, end_at=now, renew_by=now + timedelta(days=15))


def suited(operation: str) -> tuple[str, str]:
    """(spec, usage) of a key that `operation` is made for."""
    if operation in states.PUBLIC_KEY_ENCRYPTION | {"GetPublicKey"}:
        return "RSA_2048", "ENCRYPT/DECRYPT"
    if operation in states.SIGNATURES:
        return "EC_P256", "SIGN/VERIFY"
    if operation in states.MACS:
        return "HMAC_SHA_256", "GENERATE_MAC/VERIFY_MAC"
    return "Aliyun_AES_256", "ENCRYPT/DECRYPT"


def key_facts(operation: str, state: State) -> Facts:
    """Facts of a key in `state` whose kind, origin, spec and usage all suit `operation`, so that the state alone decides."""
    spec, usage = suited(operation)
    origin = "EXTERNAL" if operation in states.IMPORT else "Aliyun_KMS"
    return Facts("key-1", state, "customer", "3.0", origin, "1", "api", spec, usage, instance=instance_facts(state))


def in_state(who: Person, state: State, home: Instance, build: Callable[..., Key],
             operation: str = "") -> tuple[Key, dict[str, str]]:
    """(a key suited to `operation`, led into `state`; what calls need beside it: a blob of its own and of another key, its
    alias, the alias of another key, what an import takes)."""
    place = expired_instance(who) if state is State.UNAVAILABLE else home
    made = who(at=place.created_at)
    external = state is State.PENDING_IMPORT or operation in states.IMPORT
    spec, usage = suited(operation)
    subject = keys.create_key(made, instance=place, spec=spec, usage=usage, origin="EXTERNAL" if external else "")
    parcel = importing.parcel(made, subject, importing.material_for(spec), importing.algorithm_for(spec)) if external else {}
    if parcel:
        keys.import_key_material(made, subject, **parcel)
    blob = sealed_by(made, subject)
    keys.create_alias(made, subject, alias_name="alias/own")
    other = build()
    keys.create_alias(who(), other, alias_name="alias/other")
    at = {"blob": blob, "alias": "alias/own", "other_alias": "alias/other", "other_blob": sealed_by(who(), other),
          **parcel}
    if state is State.DISABLED:
        keys.disable_key(who(), subject)
    elif state is State.PENDING_DELETION:
        keys.schedule_key_deletion(who(), subject, window_days=7)
    elif state is State.PENDING_IMPORT:
        # With the material gone again there is ciphertext to ask for, and a version to describe.
        keys.delete_key_material(who(), subject)
    return subject, at


def sealed_by(caller: Caller, key: Key, text: str = "aGVsbG8=") -> str:
    """Ciphertext of `key`, however it encrypts; nothing where it does not."""
    if key.spec.startswith("RSA") and key.usage == "ENCRYPT/DECRYPT":
        version = keys.list_key_versions(caller, key).items[0].pk
        return keys.asymmetric_encrypt(caller, key, key_version_id=version, algorithm="RSAES_OAEP_SHA_256",
                                       plaintext=text).ciphertext_blob
    return keys.encrypt(caller, key, plaintext=text).ciphertext_blob if key.spec.startswith("Aliyun") else ""


def hsm_cluster(who: Person, hsm: SoftHsm, *, name: str = "vault", labels: tuple[str, ...] = ("kms-hsm-a", "kms-hsm-b"),
                replication: str = "console") -> HsmCluster:
    """A cluster of SoftHSM tokens, registered as the operator does."""
    known = hsm.registered.get((labels, replication))
    if known is None:
        made = hsms.register_hsm_cluster(operator(), who.account, name=name, module=hsm.module, tokens=labels,
                                         replication=replication, pin_source=f"file:{hsm.pin_file}")
        hsm.registered[labels, replication] = (made, hsms.members_of(made))
        return made
    # Making the cluster key takes seconds. The tokens still have it from an earlier test, whose rows are gone.
    cluster, members = (copy.deepcopy(rows) for rows in known)
    cluster.account, cluster.name, cluster.revision, cluster.instance = who.account, name, 0, None
    cluster.save(force_insert=True)
    for member in members:
        member.cluster = cluster
        member.save(force_insert=True)
    return cluster


def hardware_instance(who: Person, cluster: HsmCluster | None, *, name: str = "hardware", **more: Any) -> Instance:
    """Connected to `cluster`; only ordered without one."""
    made = instances.order_instance(who(), who.account, name=name, type=Instance.Type.HARDWARE, **more)
    return hsms.connect_hardware_instance(who(), made, cluster=cluster) if cluster else made
