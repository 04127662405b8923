"""One estate and the pages over it: the process that `bench.console` asks, over its standard input and output.

    python -m bench.visits <number of keys>

The environment says where the estate is (KMS_DATA_DIR, DATABASE_URL); it is built where there is none. Requests go through the
whole of Django without a socket, as the administrator. Each line in is ``["cost", page, times]`` or ``["queries", page]``, each
line out its answer in JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

Visit = Callable[[], object]
EVENTS = (40, 80)  # of the trail


@dataclass(frozen=True, slots=True)
class Spots:
    """What the addresses of the pages need of an estate, kept beside it."""

    instance: str
    key: str
    version: str
    event: str


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "kmsconsole.settings"
    django.setup()
    spots = built(int(sys.argv[1]))
    visits = {name: visit for _, name, visit in pages(spots)}
    print(json.dumps([(family, name) for family, name, _ in pages(spots)]), flush=True)
    for line in sys.stdin:
        what, name, *more = json.loads(line)
        print(json.dumps(cost(visits[name], *more) if what == "cost" else queries(visits[name])), flush=True)


def built(keys: int) -> Spots:
    from django.conf import settings

    from audit.models import Event
    from base import clock
    from bench import estate
    from kmsconsole import preparing

    kept: Path = settings.DATA_DIR / "spots.json"
    preparing.prepare()  # one that was kept may be older than the tables
    if kept.exists():
        estate.as_the_clock_does(clock.now())
    else:
        made = estate.build(keys)
        event = Event.objects.values_list("request_id", flat=True).order_by("-id")[min(keys, 1000) // 2]
        kept.write_text(json.dumps(asdict(Spots(made.instance.pk, made.middle, made.version, event))))
    return Spots(**json.loads(kept.read_text()))


def pages(spots: Spots) -> Iterator[tuple[str, str, Visit]]:
    """(family, name, what asks for it once)"""
    from django.test import Client

    from access.models import User
    from kmsconsole.first_start import ADMINISTRATOR

    client = Client(headers={"host": "localhost"}, raise_request_exception=True)
    user = User.objects.get(username=ADMINISTRATOR)
    client.force_login(user)

    def ask(path: str, query: Mapping[str, str] | None = None, **headers: str) -> Visit:
        address = f"{path}?{urlencode(query)}" if query else path

        def visit() -> int:
            answer = client.get(address, headers=headers or None)
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code}")
            return sum(map(len, islice(answer.streaming_content, 2))) if answer.streaming else len(answer.content)

        return visit

    def fragment(path: str, query: Mapping[str, str]) -> Visit:
        return ask(path, query, hx_request="true", hx_target="list")

    for family, name, path, query in addresses(spots, user.account_id or ""):
        yield family, name, ask(path, query)
    for name, query in cursors(spots, user.account_id or "").items():
        yield "page", name, ask("/keys/", query)
    yield "list", "keys, the list alone", fragment("/keys/", {"sort": "newest"})
    yield "search_description", "keys, a word, the list alone", fragment("/keys/", {"q": "zeppelin"})
    yield "palette", "palette", ask("/search/", {"q": "pay"}, hx_request="true", hx_target="palette")
    yield from calls(user)


def addresses(spots: Spots, account: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """(family, name, path, query)"""
    yield "list", "keys", "/keys/", {}
    yield "list", "keys, 100 on a page", "/keys/", {"size": "100"}
    for sort in ("oldest", "idle", "used"):
        yield "sort", f"keys, {sort} first", "/keys/", {"sort": sort}
    for name, value in (
            ("state", "Enabled"), ("state", "Disabled"), ("state", "PendingDeletion"), ("state", "PendingImport"),
            ("state", "Unavailable"), ("spec", "EC_P256"), ("origin", "EXTERNAL"), ("instance", spots.instance), ("idle", "90"),
            ("idle", "365"), ("creator", account), ("creator", "nobody"), ("tag", "team"), ("tag", "team:payments"),
            ("tag", "nothing")):
        yield "filter", f"keys, {name}={value}", "/keys/", {name: value}
    yield "filter", "keys, three filters", "/keys/", {"state": "Enabled", "spec": "Aliyun_AES_256", "idle": "30"}
    yield "filter", "keys, three filters that hardly any fits", "/keys/", {"state": "Disabled", "spec": "EC_P256", "idle": "30"}
    yield "filter", "keys, a filter and a sort", "/keys/", {"state": "Disabled", "sort": "oldest"}
    yield "search_id", "keys, by id", "/keys/", {"q": spots.key}
    yield "search_id", "keys, by the beginning of an id", "/keys/", {"q": spots.key[:14]}
    yield "search_id", "keys, by what all ids begin with", "/keys/", {"q": "key-"}
    yield "search_alias", "keys, by the beginning of an alias", "/keys/", {"q": "payments/"}
    yield "search_alias", "keys, by a part of an alias", "/keys/", {"q": "orders"}
    yield "search_alias", "keys, by two parts of an alias", "/keys/", {"q": "people 1"}
    yield "search_description", "keys, a rare word", "/keys/", {"q": "zeppelin"}
    yield "search_description", "keys, a common word", "/keys/", {"q": "service"}
    yield "search_description", "keys, two common words", "/keys/", {"q": "receipts shop"}
    yield "search_description", "keys, a rare and a common word", "/keys/", {"q": "zeppelin service"}
    yield "search_description", "keys, two words never together", "/keys/", {"q": "telemetry settlement"}
    yield "search_description", "keys, a word of nothing", "/keys/", {"q": "aardvark"}
    yield "search_description", "keys, a common word and a filter", "/keys/", {"q": "service", "state": "Enabled"}
    yield "list", "default keys", "/keys/", {"tab": "default"}
    yield "list", "default keys, those of 1.0", "/keys/", {"tab": "default", "group": "old"}
    yield "list", "1.0 keys", "/v1/keys/", {}
    yield "search_description", "1.0 keys, how words begin", "/v1/keys/", {"q": "s"}
    yield "list", "aliases", "/aliases/", {}
    yield "search_alias", "aliases, by their beginning", "/aliases/", {"q": "payments/"}
    yield "search_alias", "aliases, by a part", "/aliases/", {"q": "orders"}
    yield "search_alias", "aliases, by the id of a key", "/aliases/", {"q": spots.key}
    yield "search_alias", "aliases, nothing", "/aliases/", {"q": "aardvark"}
    yield "instances", "instances", "/instances/", {}
    yield "instances", "an instance", f"/instances/{spots.instance}/", {}
    for tab in ("", "versions/", "usage/", "activity/", "delete/"):
        yield "key", f"a key, {tab or 'overview'}", f"/keys/{spots.key}/{tab}", {}
    yield "overview", "overview", "/", {}
    yield "timeline", "timeline", "/timeline/", {}
    for kind in ("deletion", "material", "rotation"):
        yield "timeline", f"timeline, {kind}", "/timeline/", {"kind": kind}
    yield "audit", "audit log", "/audit/", {}
    since, until = times(account)
    day = moment(timedelta(days=200))
    for name, query in (("everything", {"show": "all"}), ("refused", {"outcome": "refused"}),
                        ("of a person", {"principal": "admin"}), ("an action", {"action": "CreateKey"}),
                        ("of a key", {"object": spots.key}),
                        ("a request", {"request": spots.event}), ("up to a day", {"until": day}),
                        ("between two times", {"since": since, "until": until}),
                        ("of a person up to a day", {"principal": "admin", "until": day}),
                        ("a person nobody knows", {"principal": "nobody"})):
        yield "audit", f"audit log, {name}", "/audit/", query
    for text in ("pay", "zeppelin", spots.key, spots.key[:12], "nothing of the kind"):
        yield "palette", f"search, {text}", "/search/", {"q": text}
    yield "why", "why, by id", "/why/", {"q": spots.key}
    yield "why", "why, by id of a version", "/why/", {"q": spots.version}
    yield "csv", "CSV of keys, its beginning", "/keys/export.csv", {}
    yield "metrics", "metrics", "/metrics", {}
    for name, path in (("backups", "/backups/"), ("HSM", "/hsm/"),
                       ("settings", "/settings/"), ("new key", "/keys/new/")):
        yield "other", name, path, {}


def moment(ago: timedelta) -> str:
    from base import clock

    return (clock.now() - ago).strftime("%Y-%m-%dT%H:%M")


def times(account: str) -> list[str]:
    """Two early in the trail, where visits add nothing. As many events lie between them in every estate, so that a page of them
    costs the same to draw."""
    from audit.models import Event

    rows = Event.objects.filter(account=account).order_by("id").values_list("at", flat=True)
    return [rows[place].strftime("%Y-%m-%dT%H:%M") for place in EVENTS]


def cursors(spots: Spots, account: str) -> dict[str, dict[str, str]]:
    """The addresses of the pages after and before a key in the middle."""
    from access import lists
    from keys import listing
    from keys.models import Key

    middle = Key.objects.get(pk=spots.key)
    found = {}
    for sort in ("newest", "idle"):
        order = listing.ORDERS[sort]
        older = Key.objects.of(account).filter(**{f"{order.fields[0]}__lte": getattr(middle, order.fields[0])})
        edge = lists.window(older.filter(kind=Key.Kind.CUSTOMER, edition=Key.Edition.V3), order, size=1).next
        for way in ("after", "before"):
            found[f"keys, {sort} first, {way} the middle"] = {"sort": sort, way: edge}
    return found


def calls(user: Any) -> Iterator[tuple[str, str, Visit]]:
    """Lists of the API, without its HTTP."""
    from base import clock, ids
    from keys import operations

    def caller() -> Any:
        return user.caller("api", clock.now(), request_id=ids.request_id(), address="127.0.0.1")

    yield "api", "ListKeys", lambda: operations.list_keys(caller(), page_size=20)
    yield "api", "ListKeys, a state", lambda: operations.list_keys(caller(), filters={"KeyState": ["Disabled"]}, page_size=20)
    yield "api", "ListAliases", lambda: operations.list_aliases(caller(), page_size=20)


def cost(visit: Visit, times: int) -> dict[str, float]:
    """Milliseconds of one visit: CPU, of the database's process too where it is one of its own, and on the wall."""
    backend = _backend()
    theirs, ours, start = backend(), time.process_time_ns(), time.perf_counter_ns()
    for _ in range(times):
        visit()
    wall, cpu = time.perf_counter_ns() - start, time.process_time_ns() - ours + backend() - theirs
    return {"cpu": cpu / times / 1e6, "wall": wall / times / 1e6}


def _backend() -> Callable[[], int]:
    """Nanoseconds that PostgreSQL's process for our connection has worked."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return lambda: 0
    connection.ensure_connection()
    stat = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return lambda: int(stat.read_text().split()[0])


def queries(visit: Visit) -> dict[str, Any]:
    """How many statements one visit costs, and the slowest of them."""
    from django.db import connection

    found: list[tuple[float, str]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            found.append(((time.perf_counter() - start) * 1000, sql))

    with connection.execute_wrapper(note):
        visit()
    return {"queries": len(found), "slowest": sorted(found, reverse=True)[:3]}


if __name__ == "__main__":
    main()
