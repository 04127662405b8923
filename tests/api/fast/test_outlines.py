"""Messages that look like an earlier one: read as the parser would read them, judged as any other."""

from __future__ import annotations

import base64
import http.client
import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.fast import plans
from api.fast.connection import Connection
from api.fast.lane import Lane
from api.fast.outlines import Planned, outline
from api.request import Request
from api.signatures import schemes
from audit.models import Event
from base import clock
from keys import operations
from tests import doors
from tests.api.live.clients import signed_v3
from tests.doors import SDK_WARNINGS, fast_server
from tests.keys.calls import TEXT

CLIENT = SimpleNamespace(host="kms.example:8010", access_key_id="LTAI5tExample", access_key_secret="secret")
KEY = "key-lcl6748d1edtsaqwjws0y"
NONCE, DATE, SIGNATURE = "b103ca03a6155426bec44d52b0adf745", "2026-11-23T22:45:42Z", "0" * 64


def message(action, parameters, *, api=CLIENT, more="", **signing):
    path, headers, body = signed_v3(api, action, parameters, **signing)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Reader:
    """A lane that only looks, and the transport of its connection."""

    taken: list[Request] = field(default_factory=list)

    def take(self, request, request_id, respond):
        self.taken.append(request)

    def get_extra_info(self, name):
        return ("127.0.0.1", 1)

    def write(self, data): ...
    def pause_reading(self): ...
    def can_write_eof(self):
        return False

    def close(self): ...


def parsed(data):
    """The one request that is all of `data`; None for anything else."""
    reader = Reader()
    connection = Connection(reader, set())
    connection.connection_made(reader)
    try:
        connection.data_received(data)
    except RuntimeError:  # no loop to close it in
        return None
    whole = not connection._in_request and not connection._waiting
    return reader.taken[0] if reader.taken and whole else None


def planned(data):
    request = parsed(data)
    claim = schemes.claim(request)
    name, _ = plans.name_of(claim.access_key_id, claim.action, claim.version, request.query)
    return Planned(name, request, claim)


def known(data):
    return outline(data, planned(data))


PIECES = [b"", b"&", b"=", b"%", b"%3D", b"%zz", b"%FF", b"\r\n", b"\r\n\r\n", b" ", b"A", b"0" * 64, b"x: y\r\n", b"&X=1", b"#",
          b"\xff", b"\x00"]
BASE64 = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())


@given(st.text(max_size=20) | BASE64, BASE64, st.text("abcXYZ-019", min_size=1, max_size=36),
       st.sampled_from(["", "User-Agent: sdk\r\n", "Accept: */*\r\n"]))
def test_what_fits_reads_as_parsed(first, second, nonce, more):
    one = message("Encrypt", {"KeyId": KEY, "Plaintext": first, "EncryptionContext": '{"a":"b c"}'}, more=more)
    other = message("Encrypt", {"KeyId": KEY, "Plaintext": second, "EncryptionContext": '{"a":"b c"}'}, more=more,
                    nonce=(nonce * 32)[:32], date="2026-11-23T22:45:43Z")
    found = known(one).fits(other)
    assert found and found.text == second
    request = parsed(other)
    assert known(one).whole(found) == (request, schemes.claim(request))
    assert known(one).signed(CLIENT.access_key_secret, found)
    assert not known(one).signed("another", found)


@pytest.mark.parametrize(("action", "parameters"), [
    ("Encrypt", {"KeyId": KEY, "Plaintext": TEXT}), ("Decrypt", {"CiphertextBlob": TEXT}),
    ("GenerateDataKey", {"KeyId": KEY, "KeySpec": "AES_256"}), ("GenerateMac", {"KeyId": KEY, "Message": TEXT})])
@given(st.data())
def test_whatever_fits_is_what_the_parser_reads(action, parameters, data):
    """Any change to a message: either it fits no more, or both readings are one."""
    sent = message(action, parameters, nonce=NONCE, date=DATE)
    outlined = known(sent)
    start = data.draw(st.integers(0, len(sent)))
    gone = data.draw(st.integers(0, 70))
    new = data.draw(st.sampled_from(PIECES) | st.binary(max_size=80))
    changed = sent[:start] + new + sent[start + gone:]
    if found := outlined.fits(changed):
        request = parsed(changed)
        assert request is not None
        assert outlined.whole(found) == (request, schemes.claim(request))


def test_the_test_of_changes_sees_messages_that_fit():
    sent = message("Encrypt", {"KeyId": KEY, "Plaintext": TEXT}, nonce=NONCE, date=DATE)
    at = sent.find(b"Plaintext=") + len("Plaintext=")
    assert known(sent).fits(sent[:at] + b"QQ%3D%3D" + sent[sent.find(b" HTTP"):]).text == "QQ=="
    assert known(sent).fits(sent.replace(NONCE.encode(), NONCE.upper().encode())).nonce == NONCE.upper().encode()
    signature = sent[sent.find(b"Signature=") + 10:][:64]
    assert known(sent).fits(sent.replace(signature, b"\0" * 64)) is None
    for wrong in (b"&X=1", b"%zz", b"%2b", b"%ff", b" ", b"+"):
        assert known(sent).fits(sent[:at] + wrong + sent[at:]) is None


@pytest.mark.parametrize("why", ["two of one value", "a body", "two messages", "RPC", "expect"])
def test_there_is_no_outline(why):
    parameters = {"KeyId": KEY, "Plaintext": TEXT}
    sent = message("Encrypt", parameters, nonce="1" if why == "two of one value" else NONCE, form=why == "a body",
                   more="Expect: 100-continue\r\n" if why == "expect" else "")
    found = planned(sent)
    if why == "RPC":
        found = found._replace(claim=found.claim._replace(algorithm="HMAC-SHA1"))
    assert outline(sent * 2 if why == "two messages" else sent, found) is None


def test_no_payload_is_kept():
    sent = message("Encrypt", {"KeyId": KEY, "Plaintext": "c2VjcmV0IG9mIG91cnM="})
    assert "c2VjcmV0" not in repr([getattr(known(sent), name) for name in ("head", "rest", "canonical", "name")])
    kept = known(sent).request
    assert "c2VjcmV0" not in repr([*kept])


# --- through the server ---------------------------------------------------------------------------------------------------

through = pytest.mark.django_db(transaction=True)
pytestmark = SDK_WARNINGS


@pytest.fixture(scope="module")
def host():
    with fast_server() as address:
        yield address


@pytest.fixture
def again(monkeypatch):
    """What `take_again` said, one by one."""
    said, real = [], Lane.take_again
    monkeypatch.setattr(Lane, "take_again", lambda *args: (said.append(real(*args)), said[-1])[1])
    return said


@pytest.fixture
def ask(host, alice, again):
    """(status, body) over one connection."""
    secret = doors.used_access_key(alice)
    api = SimpleNamespace(host=host, access_key_id=secret[0], access_key_secret=secret[1])
    connection = http.client.HTTPConnection(host, timeout=30)

    def asked(action, parameters, **signing):
        path, headers, body = signed_v3(api, action, parameters, **signing)
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return json.loads(answer.read())

    yield asked
    connection.close()


def until_known(ask, again, action, parameters):
    """A plan lasts a second of the clock; so the first answers may be the parser's."""
    for _ in range(200):
        said = ask(action, parameters)
        assert "Code" not in said
        if again and again[-1]:
            again.clear()
            return said
    raise AssertionError("no request was known again")


@through
def test_the_second_of_its_kind_is_known_again(ask, again, make_key):
    key = make_key()
    for number in range(3):
        text = base64.b64encode(bytes([number]) * 20).decode()
        until_known(ask, again, "Encrypt", {"KeyId": key.pk, "Plaintext": text})
        blob = ask("Encrypt", {"KeyId": key.pk, "Plaintext": text})["CiphertextBlob"]
        until_known(ask, again, "Decrypt", {"CiphertextBlob": blob})
        assert ask("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == text
    until_known(ask, again, "GenerateDataKey", {"KeyId": key.pk})
    assert Event.objects.filter(action="Decrypt", object_id=key.pk, outcome="ok").exists()


@through
def test_what_comes_once_is_not_kept(ask, again, make_key):
    keys = [make_key().pk for _ in range(3)]
    for _ in range(4):
        for key in keys:
            assert "Code" not in ask("Encrypt", {"KeyId": key, "Plaintext": TEXT})
    assert again == []
    until_known(ask, again, "Encrypt", {"KeyId": keys[0], "Plaintext": TEXT})


@through
def test_what_breaks_in_a_plan_goes_the_whole_way(ask, again, make_key, monkeypatch):
    asked, broken, real = {"KeyId": make_key().pk, "Plaintext": TEXT}, [True], plans.cryptography.checked_plaintext

    def breaks_once(text):
        if broken:
            raise RuntimeError(broken.clear())
        return real(text)

    until_known(ask, again, "Encrypt", asked)
    monkeypatch.setattr(plans.cryptography, "checked_plaintext", breaks_once)
    assert "CiphertextBlob" in ask("Encrypt", asked)
    assert broken == []
    until_known(ask, again, "Encrypt", asked)


@through
@pytest.mark.parametrize(("signing", "code"), [
    ({"secret": "wrong"}, "SignatureDoesNotMatch"),
    ({"date": clock.iso(clock.real_now() - timedelta(hours=1))}, "InvalidTimeStamp.Expired"),
    ({"date": "2026-11-23T99:45:42Z"}, "InvalidTimeStamp.Format")])
def test_what_is_known_again_is_judged_like_any_other(ask, again, make_key, signing, code):
    asked = {"KeyId": make_key().pk, "Plaintext": TEXT}
    until_known(ask, again, "Encrypt", asked)
    good = Event.objects.filter(action="Encrypt", outcome="ok")
    before = good.count()
    assert ask("Encrypt", asked, **signing)["Code"] == code
    assert good.count() == before


@through
def test_a_used_nonce_is_refused_and_recorded(ask, again, make_key):
    key = make_key()
    asked = {"KeyId": key.pk, "Plaintext": TEXT}
    until_known(ask, again, "Encrypt", asked)
    for _ in range(20):
        nonce = uuid.uuid4().hex
        assert "Code" not in ask("Encrypt", asked, nonce=nonce)
        assert ask("Encrypt", asked, nonce=nonce)["Code"] == "SignatureNonceUsed"
        if again[-2:] == [True, True]:
            break
    assert again[-2:] == [True, True]
    refused = Event.objects.filter(outcome="SignatureNonceUsed").first()
    assert (refused.action, refused.principal, refused.object_id, refused.address) == ("Encrypt", "", key.pk, "127.0.0.1")


@through
def test_a_disabled_key_is_not_used_again(ask, again, make_key, alice):
    key = make_key()
    asked = {"KeyId": key.pk, "Plaintext": TEXT}
    until_known(ask, again, "Encrypt", asked)
    operations.disable_key(alice(), key)
    assert ask("Encrypt", asked)["Code"] == "Rejected.Disabled"
    operations.enable_key(alice(), key)
    until_known(ask, again, "Encrypt", asked)
