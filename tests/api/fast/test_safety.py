"""Speed is not paid with safety: several processes answer as fast as they can while something is taken away from them."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.fast.conftest import TEXT, serving
from tests.api.live.clients import call
from tests.live import descendants
from tests.parts import end, start_postgres

TRAIL = """
from audit.models import Event
print(*Event.objects.filter(action={action!r}, outcome="ok").order_by("-id").values_list({column!r}, flat=True))
"""
ALL = """
from audit.models import Event
print(*Event.objects.filter(outcome="ok").order_by("id").values_list("action", flat=True))
"""
# What ends the use of a key, as Python for `manage.py shell`, and the code that callers hear from then on.
ENDS = {
    "a Deny is attached": ("Forbidden.NoPermission", """
from access import operations; from access.models import User; from base import clock; from base.caller import Caller
deny = '{"Version":"1","Statement":[{"Effect":"Deny","Action":["kms:Encrypt"],"Resource":["*"]}]}'
operations.attach_policy(Caller.system(clock.now()), User.objects.get(username="admin"), name="stop", document=deny)"""),
    "the AccessKey is disabled": ("InvalidAccessKeyId.Inactive", """
from access.models import AccessKey
AccessKey.objects.update(status="Inactive")"""),
    "the user is deactivated": ("InvalidAccessKeyId.Inactive", """
from access.models import User
User.objects.filter(username="admin").update(is_active=False)"""),
    "the instance key is destroyed": ("", """
from base import clock; from instances.models import WrappingKey
WrappingKey.objects.update(destroyed_at=clock.now(), sealed=b"")"""),
}


def new_key(server):
    return call(server, "CreateKey", {}).body["KeyMetadata"]["KeyId"]


def used_after_disable(server, rounds=6):
    """How many uses were asked for after a disable had been answered, and were answered well."""
    key, late = new_key(server), 0
    with server.hammered("Encrypt", {"KeyId": key, "Plaintext": TEXT}):
        for _ in range(rounds):
            before = len(server.said)
            server.wait_for(before + 60)
            assert call(server, "DisableKey", {"KeyId": key}).status == 200
            answered = time.monotonic()
            server.wait_for(len(server.said) + 60)
            late += sum(one.sent > answered and one.status == 200 for one in server.said[before:])
            assert call(server, "EnableKey", {"KeyId": key}).status == 200
    assert {one.code for one in server.said} == {"ok", "Rejected.Disabled"} or late
    return late


def test_no_process_uses_a_key_after_its_disable_was_answered(serve):
    with serve() as server:
        assert used_after_disable(server) == 0
        # In the trail as well: between a disable and the next enable stands no use.
        state, trail = "EnableKey", server.python(ALL)
        for action in trail.split():
            state = action if action in ("EnableKey", "DisableKey") else state
            assert (state, action) != ("DisableKey", "Encrypt")


def test_the_test_would_notice_a_process_that_trusts_what_it_has_seen(tmp_path):
    with serving(tmp_path, worker="tests.api.fast.unsafe.TrustingWorker") as server:
        assert used_after_disable(server, rounds=1) > 0


@pytest.mark.parametrize("what", ENDS)
def test_nor_after(tmp_path, what):
    nor_after(serving(tmp_path), *ENDS[what])


def test_nor_after_a_policy_whose_user_is_held(tmp_path, postgres_database):
    nor_after(serving(tmp_path, DATABASE_URL=postgres_database), *ENDS["a Deny is attached"])


def nor_after(started, code, change):
    with started as server:
        key = new_key(server)
        with server.hammered("Encrypt", {"KeyId": key, "Plaintext": TEXT}, clients=6):
            server.wait_for(100)
            server.python(change)
            ended = time.monotonic()
            server.wait_for(len(server.said) + 60)
        late = [one for one in server.said if one.sent > ended]
        assert late
        assert "ok" not in {one.code for one in late}
        assert not code or {one.code for one in late} == {code}


def missing_after_kill(server):
    """Answers that were given before kill -9 of every process, and have no event."""
    with server.hammered("Encrypt", {"KeyId": new_key(server), "Plaintext": TEXT}, clients=24):
        server.wait_for(400)
        server.kill_all()
    answered = {one.request_id for one in server.said if one.status == 200}
    assert len(answered) >= 300
    return answered - {*server.python(TRAIL.format(action="Encrypt", column="request_id")).split()}


def test_nothing_answered_is_missing_from_the_trail_after_kill(serve):
    with serve() as server:
        assert missing_after_kill(server) == set()


def test_the_test_would_notice_a_process_that_answers_first(tmp_path):
    with serving(tmp_path, worker="tests.api.fast.unsafe.HastyWorker") as server:
        assert missing_after_kill(server) != set()


def test_nothing_answered_is_missing_after_the_database_server_was_killed(tmp_path):
    """kill -9 of PostgreSQL and of the API, with fsync on; the server comes back from its log."""
    with tempfile.TemporaryDirectory(prefix="kms-postgres-") as home:
        postgres, url = start_postgres(Path(home), durable=True)
        try:
            with serving(tmp_path, DATABASE_URL=url) as server:
                with server.hammered("Encrypt", {"KeyId": new_key(server), "Plaintext": TEXT}, clients=24):
                    server.wait_for(300)
                    kill_tree(postgres.pid)
                    server.kill_all()
                postgres.wait()
                (Path(home) / "data" / "postmaster.pid").unlink(missing_ok=True)
                postgres, _ = start_postgres(Path(home), durable=True)
                answered = {one.request_id for one in server.said if one.status == 200}
                assert len(answered) >= 200
                assert answered <= {*server.python(TRAIL.format(action="Encrypt", column="request_id")).split()}
        finally:
            end(postgres, how=signal.SIGINT)


def kill_tree(pid):
    for each in (pid, *descendants(pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def test_a_nonce_is_good_for_one_process_once(serve):
    """Every request is sent to the port twice at the same moment, over connections that different processes hold."""
    with serve() as server, ThreadPoolExecutor(16) as clients:
        key = new_key(server)
        for number in range(12):
            asked = [clients.submit(call, server, "Encrypt", {"KeyId": key, "Plaintext": TEXT}, nonce=f"nonce-{number}")
                     for _ in range(8)]
            codes = sorted(one.result().code for one in asked)
            assert codes == ["", *["SignatureNonceUsed"] * 7]
