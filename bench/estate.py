"""A large estate, as years of work leave one: keys of all kinds and states with versions, names, tags, words and a trail.

`build` writes it into the database of this process, whose tables must stand (`kmsconsole.preparing.prepare`). The same numbers
give the same estate, but for its ids. Material is real where somebody will erase or replace it, and elsewhere there is none
unless asked for.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.models import Account, User
from audit.models import Event
from base import clock, ids
from bench.loading import Row, Table, in_bulk, in_one_go
from crypto.engine import material_identity
from crypto.specs import AES_256, SPECS
from instances import opening
from instances import operations as instances
from instances.models import Instance, WrappingKey
from keys import tallies
from keys.key_policies import default_document
from keys.list_models import AccountUse, KeyWord
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion, UseCursor
from keys.states import State
from keys.words import words_of
from kmsconsole import first_start, shell

BATCH = 20_000
YEARS = timedelta(days=4 * 365)
ROOM = 100_000_000
# Words of descriptions: the first are in hundreds of thousands of a million keys, RARE in RARE_KEYS of any estate.
COMMON, RARE, RARE_KEYS = "service", "zeppelin", 30
TEXTS = ("Database of the order service", "Receipts of the shop service", "Card numbers at rest", "Settlement files to the bank",
         "Session cookies", "Backups of the mail archive", "Customer records, service desk", "Telemetry of the fleet", "", "")
TEAMS = ("payments", "orders", "people")
SPEC_SHARES = (("Aliyun_AES_256", 76), ("RSA_2048", 6), ("EC_P256", 8), ("HMAC_SHA_256", 6), ("Aliyun_SM4", 4))
ACTIONS = ("Encrypt",) * 60 + ("Decrypt",) * 25 + ("DescribeKey",) * 8 + ("ListKeys",) * 4 + (
    "CreateKey", "DisableKey", "CreateAlias")
SERVICES = ("ecs", "oss", "rds", "nas", "ack", "sls", "mse", "dts", "cen", "vpc", "ros", "ddos", "cdn", "eci", "fnf", "hbr")
LETTERS = ids.BASE36


@dataclass(frozen=True, slots=True)
class Estate:
    """What was built. middle: id of a living key of half the age; key: of the newest; version: of `middle`."""

    user: User
    instance: Instance
    keys: int
    newest: str
    middle: str
    version: str

    @property
    def account(self) -> Account:
        return self.user.account


def build(keys: int = 1_000_000, *, material: bool = False, due: int = 0, rotation_due: int = 0, expiry_due: int = 0,
          events: int | None = None) -> Estate:
    """due, rotation_due, expiry_due: how many of the keys are destroyed, rotated, or lose their material at the next tick; they
    have material in any case. material: whether all others have, too. events: as many as keys unless said."""
    first_start.ensure(shell.operator(), "only-for-measuring-4711", lambda things: None)
    user = User.objects.select_related("account").get(username=first_start.ADMINISTRATOR)
    with in_bulk(Key, KeyVersion, KeyMaterial, Alias, KeyTag, KeyWord, Event):
        found = fill(user, keys, material=material, due=due, rotation_due=rotation_due, expiry_due=expiry_due, events=events)
    as_the_clock_does(clock.now())
    return found


def fill(user: User, keys: int, *, material: bool = False, due: int = 0, rotation_due: int = 0, expiry_due: int = 0,
         events: int | None = None) -> Estate:
    """The same for an account that is there, with a default instance and no keys, and with the indexes standing."""
    builder = _Builder(user, keys, material, due, rotation_due, expiry_due)
    in_one_go(builder.batches())
    in_one_go(builder.trail(keys if events is None else events))
    AccountUse.objects.bulk_create([
        AccountUse(account=user.account, day=(builder.now - timedelta(days=n)).date(), used=10_000 + n, refused=n)
        for n in range(90)])
    return Estate(user, builder.homes[0], keys, builder.newest, *builder.middle)


def as_the_clock_does(now: datetime) -> None:
    """What the sweeps have found out by the time somebody looks: every use added up, and large instances counted."""
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    UseCursor.objects.update_or_create(pk=1, defaults={"gathered_to": newest, "seen_to": newest})
    tallies.count_large(now)


class _Builder:
    def __init__(self, user: User, keys: int, material: bool, due: int, rotation_due: int, expiry_due: int) -> None:
        self.user, self.account, self.count = user, user.account, keys
        self.now = clock.now().replace(microsecond=0)
        self.draw = random.Random(keys)  # noqa: S311 - the same estate each time
        self.all_material = material
        chosen = self.draw.sample(range(keys), due + rotation_due + expiry_due)
        names = ["due"] * due + ["rotation"] * rotation_due + ["expiry"] * expiry_due
        self.special = dict(zip(chosen, names, strict=True))
        self.homes = self._homes()
        self.wrapping = {home.pk: WrappingKey.objects.of(self.account.pk, home.pk)[0] for home in self.homes}
        self.wrapping[None] = opening.wrapping_key_for(self._caller(0), self.account, None)  # type: ignore[index]
        self.stored = self._stored()
        self.policy = default_document(self.account.pk)
        self.newest, self.middle = "", ("", "")

    def _caller(self, days_ago: float):  # type: ignore[no-untyped-def]
        return self.user.caller("console", self.now - timedelta(days=days_ago), request_id=ids.request_id(), address="127.0.0.1")

    def _homes(self) -> list[Instance]:
        """Three that serve, the first with most keys, and one that has expired and can still be renewed."""
        made = [Instance.objects.of(self.account.pk).get(is_default=True)]
        for name, days_ago in (("payments", 100), ("orders", 200), ("archive", 371)):
            home = instances.order_instance(self._caller(days_ago), self.account, name=name, months=12)
            made.append(instances.enable_instance(self._caller(days_ago), home))
        Instance.objects.filter(pk__in=[home.pk for home in made]).update(key_quota=ROOM)
        return made

    def _stored(self) -> bytes:
        """One wrapped AES key. Whoever erases or replaces material never opens it."""
        holder = self.wrapping[self.homes[0].pk]
        made = opening.engine_for(holder).generate(AES_256, material_identity(self.account.pk, "key-bench", "key-bench-1"))
        return made.stored

    def _tables(self) -> None:
        account = self.account
        self.keys = Table(Key(account=account), "id", "instance", "kind", "edition", "state", "spec", "usage",
                          "origin", "description", "creator", "created_at", "last_rotation_at", "delete_at",
                          "deletion_scheduled_at", "deletion_scheduled_by", "destroyed_at", "disabled_at", "material_expires_at",
                          "automatic_rotation", "rotation_interval_seconds", "next_rotation_at", "deletion_protection", "policy",
                          "idle_since")
        self.versions = Table(KeyVersion(), "id", "key", "is_primary", "created_at", "public_key")
        self.materials = Table(KeyMaterial(), "version", "wrapping_key", "stored")
        self.aliases = Table(Alias(account=account), "name", "key", "created_at")
        self.tags = Table(KeyTag(), "key", "tag_key", "tag_value")
        self.words = Table(KeyWord(account=account.pk), "key", "word")
        self.events = Table(Event(account=account.pk, door="api", address="127.0.0.1"), "at", "request_id", "principal",
                            "action", "object_kind", "object_id", "outcome", "detail")

    def batches(self) -> Iterator[dict[Table, list[Row]]]:
        self._tables()
        for start in range(0, self.count, BATCH):
            batch: dict[Table, list[Row]] = {table: [] for table in (
                self.keys, self.versions, self.materials, self.aliases, self.tags, self.words)}
            for number in range(start, min(start + BATCH, self.count)):
                self._key(number, batch)
            yield batch

    def _word(self, length: int = 10) -> str:
        return "".join(self.draw.choices(LETTERS, k=length))

    def _key(self, number: int, batch: dict[Table, list[Row]]) -> None:
        """One key with what belongs to it. Oldest first: ids and dates grow together, as they do in life."""
        draw, special = self.draw.random, self.special.get(number, "")
        created = self.now - YEARS + YEARS * (number / self.count)
        legacy = not special and draw() < 0.05
        service = SERVICES[number] if number < len(SERVICES) and not special else ""
        kind = "service" if service else "default" if number == len(SERVICES) and not special else "customer"
        edition = "1.0" if legacy and kind == "customer" else "3.0"
        key = str(uuid.UUID(int=self.draw.getrandbits(128))) if edition == "1.0" else (
            f"key-{ids.SITE}{int(created.timestamp()):08x}{self._word()}")
        home = None if edition == "1.0" or kind != "customer" else self.homes[self._place(special)].pk
        spec = SPECS[AES_256.name if special or kind != "customer" else self._spec()]
        state, dates = self._state(special, kind, created)
        origin = "EXTERNAL" if special == "expiry" or state == State.PENDING_IMPORT or (
            not special and kind == "customer" and draw() < 0.04) else "Aliyun_KMS"
        expires = (self.now - timedelta(seconds=number % 3600 + 1) if special == "expiry" else
                   self.now + timedelta(days=1 + 300 * draw()) if origin == "EXTERNAL" and state == State.ENABLED else None)
        rotates = special == "rotation" or (not special and state == State.ENABLED and spec.symmetric and kind == "customer"
                                            and origin != "EXTERNAL" and draw() < 0.1)
        turns = (None if not rotates else self.now - timedelta(seconds=number % 3600 + 1) if special
                 else self.now + timedelta(days=1 + 364 * draw()))
        text = self._text(number)
        idle = (created + (self.now - created) * draw()).date()
        creator = service or (self.account.pk if draw() < 0.9 else f"20{int(4 * draw())}" + "0" * 13)
        policy = self.policy if home and draw() < 0.01 else ""
        batch[self.keys].append((
            key, home, kind, edition, state, spec.name, spec.usages[0], origin, text, creator, created, created, *dates, expires,
            rotates, 365 * 86_400 if rotates else None, turns, not special and draw() < 0.02, policy, idle))
        if state != State.PENDING_IMPORT:
            self._versions(key, spec, home, created, batch, special, state)
        if state != State.DESTROYED:
            self._names(number, key, text, created, batch)

    def _place(self, special: str) -> int:
        """Of `homes`: most keys in the first, a few in the one that does not serve."""
        share = self.draw.random()
        return 0 if share < 0.7 else 1 if share < 0.85 else 2 if special or share < 0.94 else 3

    def _spec(self) -> str:
        names, shares = zip(*SPEC_SHARES, strict=True)
        return self.draw.choices(names, shares)[0]

    def _state(self, special: str, kind: str, created: datetime) -> tuple[State, Row]:
        """(state, (delete_at, deletion_scheduled_at, deletion_scheduled_by, destroyed_at, disabled_at))"""
        share, who, nothing = self.draw.random(), f"user/{self.user.username}", (None, None, "", None, None)
        ago = timedelta(seconds=1 + 3600 * self.draw.random())
        if special == "due":
            return State.PENDING_DELETION, (self.now - ago, self.now - timedelta(days=7) - ago, who, None, None)
        if special or kind != "customer" or share > 0.2:
            return State.ENABLED, nothing
        if share < 0.05:
            asked = self.now - timedelta(days=6 * self.draw.random())
            return State.PENDING_DELETION, (asked + timedelta(days=7 + 300 * self.draw.random()), asked, who, None, None)
        if share < 0.1:
            return State.DISABLED, (None, None, "", None, self.now - ago)
        if share < 0.15:
            return State.PENDING_IMPORT, nothing
        gone = created + (self.now - created) * self.draw.random()
        return State.DESTROYED, (gone, gone - timedelta(days=7), who, gone, None)

    def _text(self, number: int) -> str:
        text = self.draw.choice(TEXTS)
        if self.draw.random() < 0.3:
            text = f"{text} {self._word(6)}".strip()
        return f"{text} {RARE}".strip() if number % max(1, self.count // RARE_KEYS) == 0 else text

    def _versions(self, key: str, spec, home, created: datetime, batch: dict[Table, list[Row]],  # type: ignore[no-untyped-def]
                  special: str, state: State) -> None:
        several = 3 if spec.symmetric and self.draw.random() < 0.05 else 1
        for turn in range(several):
            version = f"{key}-{self._word()}" if key.startswith("key-") else str(uuid.UUID(int=self.draw.getrandbits(128)))
            newest = turn == several - 1
            batch[self.versions].append((version, key, newest and not spec.asymmetric, created + timedelta(seconds=turn),
                                         b"\x30" * 91 if spec.asymmetric else None))
            if special or (self.all_material and state != State.DESTROYED):
                batch[self.materials].append((version, self.wrapping[home].pk, self.stored))
            if newest and state != State.DESTROYED and key.startswith("key-") and home == self.homes[0].pk:
                self.newest = key
                if created <= self.now - YEARS / 2 or not self.middle[0]:
                    self.middle = key, version

    def _names(self, number: int, key: str, text: str, created: datetime, batch: dict[Table, list[Row]]) -> None:
        called = []
        if self.draw.random() < 1 / 3:
            called = [f"{self.draw.choice(TEAMS)}/{self._word(6)}-{number}"]
            batch[self.aliases].append((f"alias/{called[0]}", key, created))
        if self.draw.random() < 0.1:
            batch[self.tags] += [(key, "env", "prod"), (key, "team", self.draw.choice(TEAMS))]
        batch[self.words] += [(key, word) for word in sorted(words_of([*called, text]))]

    def trail(self, events: int) -> Iterator[dict[Table, list[Row]]]:
        """Mostly uses of keys, refused now and then; a reader who looks for decisions walks past them."""
        draw, key = self.draw, self.newest
        for start in range(0, events, BATCH):
            rows: list[Row] = []
            for number in range(start, min(start + BATCH, events)):
                at = self.now - YEARS + YEARS * (number / events)
                request = str(uuid.UUID(int=draw.getrandbits(128), version=4)).upper()
                rows.append((at, request, f"user/{'app' if number % 7 else 'admin'}", draw.choice(ACTIONS), "key", key,
                             "Forbidden.NoPermission" if draw.random() < 0.02 else "ok", "{}"))
            yield {self.events: rows}
