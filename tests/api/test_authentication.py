"""AccessKeys that may not speak, though their signature is good."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest

from access.models import AccessKey, NonceGroup, UsedNonce
from access.operations import open_access_key
from api import wsgi
from tests import make
from tests.api.live.clients import SDK_WARNINGS, signed_v3

pytestmark = [pytest.mark.django_db, *SDK_WARNINGS]


@pytest.fixture
def pair(alice):
    return make.access_key(alice)


def answered(pair, action="DescribeRegions", parameters=None, **signing):
    """The answer of the application in this process."""
    path, headers, _ = signed_v3(SimpleNamespace(host="h"), action, parameters or {}, pair=pair, **signing)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": path.partition("?")[2],
               "wsgi.input": io.BytesIO(), "REMOTE_ADDR": "192.0.2.1"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return json.loads(b"".join(wsgi.application(environ, lambda status, headers: None)))


def test_it_works(pair):
    assert answered(pair)["Regions"]


def test_an_inactive_key(pair):
    AccessKey.objects.filter(pk=pair[0]).update(status=AccessKey.Status.INACTIVE)
    assert answered(pair)["Code"] == "InvalidAccessKeyId.Inactive"


def test_a_key_of_somebody_who_has_left(pair, alice):
    alice.user.is_active = False
    alice.user.save()
    assert answered(pair)["Code"] == "InvalidAccessKeyId.Inactive"


def test_a_key_of_somebody_without_an_account(pair, alice, monkeypatch):
    found = open_access_key(pair[0])
    found.user.account_id = None
    monkeypatch.setattr("api.authentication.open_access_key", lambda access_key_id: found)
    assert answered(pair)["Code"] == "InvalidAccessKeyId.Inactive"


def test_an_empty_nonce(pair, monkeypatch):
    monkeypatch.setattr("tests.api.live.clients.uuid.uuid4", lambda: SimpleNamespace(hex=""))
    assert answered(pair)["Code"] == "MissingSignatureNonce"


def test_a_nonce_is_kept_until_its_time_cannot_pass(pair):
    from api.signatures import window
    from base import clock

    answered(pair)
    kept = (NonceGroup.objects.first() or UsedNonce.objects.get()).forget_at - clock.real_now()
    assert window.WINDOW < kept <= 2 * window.WINDOW


def test_a_role_that_may_nothing(pair, alice):
    alice.user.role = "nobody"
    alice.user.save()
    for action in ("DescribeRegions", "DescribeAccountKmsStatus"):
        refused = answered(pair, action)
        assert refused["Code"] == "Forbidden.NoPermission"
        assert refused["Refusals"][0]["Facts"]["action"] == action


def test_the_clock_of_the_product_does_not_move_the_window(pair, monkeypatch):
    """KMS_CLOCK_OFFSET shifts dates of keys; the other side of a signature has the real time."""
    monkeypatch.setenv("KMS_TEST_MODE", "1")
    monkeypatch.setenv("KMS_CLOCK_OFFSET", "+400d")
    assert answered(pair)["Regions"]
