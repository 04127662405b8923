"""Speed is not paid with safety: several processes answer as fast as they can while something is taken away from them."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
HEAD = """
from access import access_keys, operations as access, people
from access.models import AccessKey, User
from base import clock
from base.caller import Caller
from instances import operations as instances
from instances.models import Instance, WrappingKey
from keys import operations as keys, rewrapping
who, admin, home = Caller.system(clock.now()), User.objects.get(username="admin"), Instance.objects.get()
pair = AccessKey.objects.select_related("user").first()
deny = '{"Version":"1","Statement":[{"Effect":"Deny","Action":["kms:Encrypt"],"Resource":["*"]}]}'
"""
# What ends the use of a key, as Python for `manage.py shell`; the code that callers hear from then on; what brings it back.
ENDS = {
    "a Deny is attached": ("access.attach_policy(who, admin, name='stop', document=deny)", "Forbidden.NoPermission",
                           "access.detach_policy(who, admin, name='stop')"),
    "another role": ("people.set_user_role(who, admin, role='auditor')", "Forbidden.NoPermission",
                     "people.set_user_role(who, admin, role='administrator')"),
    "the user is deactivated": ("people.deactivate_user(who, admin)", "InvalidAccessKeyId.Inactive",
                                "people.reactivate_user(who, admin)"),
    "the AccessKey is disabled": ("access_keys.update_access_key(who, pair, status='Inactive')", "InvalidAccessKeyId.Inactive",
                                  "access_keys.update_access_key(who, pair, status='Active')"),
    "the term is over": ("home.move(end_at=clock.now(), grace_policy='drain')", "Rejected.Unavailable",
                         "instances.renew_instance(who, home, months=1)"),
    "the instance is released": ("keys.refund_instance(who, home, force_delete_without_backup=True)",
                                 "Forbidden.KeyNotFound", ""),
    "the AccessKey is deleted": ("access_keys.update_access_key(who, pair, status='Inactive');"
                                 "access_keys.delete_access_key(who, pair)", "InvalidAccessKeyId.NotFound", ""),
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


def test_nor_after_anything_else_that_ends_it(serve):
    with serve() as server:
        key = new_key(server)
        for what, (end, code, undo) in ENDS.items():
            assert late_codes(server, key, HEAD + end) == {code}, what
            if undo:
                server.python(HEAD + undo)


def late_codes(server, key, change):
    """What those are told who ask after the change."""
    before = len(server.said)
    with server.hammered("Encrypt", {"KeyId": key, "Plaintext": TEXT}, clients=6):
        server.wait_for(before + 100)
        server.python(change)
        ended = time.monotonic()
        server.wait_for(len(server.said) + 60)
    late = {one.code for one in server.said[before:] if one.sent > ended}
    assert {one.code for one in server.said[before:]} > late or late == {"InvalidAccessKeyId.NotFound"}
    return late


ROTATED = """
from datetime import timedelta
keys.rotate_instance_key(who, home)
print(rewrapping.rewrap_superseded(clock.now() + rewrapping.REST + timedelta(seconds=1)))
print(WrappingKey.objects.filter(destroyed_at=None).count())
"""


def test_a_rotation_of_the_instance_key_is_felt_by_nobody(serve):
    with serve() as server:
        key = new_key(server)
        blob = call(server, "Encrypt", {"KeyId": key, "Plaintext": TEXT}).body["CiphertextBlob"]
        with server.hammered("Encrypt", {"KeyId": key, "Plaintext": TEXT}, clients=6), \
                server.hammered("Decrypt", {"CiphertextBlob": blob}, clients=6):
            for _ in range(2):
                server.wait_for(len(server.said) + 100)
                assert server.python(HEAD + ROTATED).split() == ["1", "1"]
            server.wait_for(len(server.said) + 100)
        assert {one.code for one in server.said} == {"ok"}


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
