"""The two official SDKs pointed at a live server, and a bare HTTP client that signs by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest

from base import clock

# What the SDK packages themselves do wrong; our own warnings stay errors.
SDK_WARNINGS = [
    pytest.mark.filterwarnings(f"ignore::{kind}:{module}")
    for module in ("aliyunsdkcore.*", "Tea.*", "alibabacloud.*", "darabonba.*")
    for kind in ("DeprecationWarning", "SyntaxWarning", "ResourceWarning")
]
EMPTY = hashlib.sha256(b"").hexdigest()


def sdk(api: Any, pair: tuple[str, str] | None = None, **options: Any) -> Client:
    """`alibabacloud_kms20160120`, V3 unless `options` say otherwise."""
    access_key_id, secret = pair or (api.access_key_id, api.access_key_secret)
    return Client(Config(access_key_id=access_key_id, access_key_secret=secret, endpoint=api.host, protocol="http",
                         region_id="cn-local", **options))


class OldSdk:
    """`aliyun-python-sdk-kms`, RPC: ``OldSdk(api).call(EncryptRequest(), KeyId=…)`` gives the parsed body."""

    def __init__(self, api: Any, pair: tuple[str, str] | None = None) -> None:
        access_key_id, secret = pair or (api.access_key_id, api.access_key_secret)
        self.api, self.client = api, AcsClient(access_key_id, secret, "cn-local")

    def call(self, request: RpcRequest, *, method: str = "POST", **parameters: Any) -> dict[str, Any]:
        request.set_protocol_type("http")
        request.set_endpoint(self.api.host)
        request.set_method(method)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return json.loads(self.client.do_action_with_exception(request))


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("Code", ""))


def send(api: Any, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None, *,
         chunked: bool = False) -> Reply:
    """One request as it stands; the answer must be JSON in any case."""
    connection = http.client.HTTPConnection(api.host, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.getheader("Content-Type") == "application/json;charset=utf-8", text[:200]
        parsed = json.loads(text)
        assert parsed["RequestId"] == answer.getheader("x-acs-request-id")
        return Reply(answer.status, dict(answer.getheaders()), parsed)
    finally:
        connection.close()


def enc(text: str) -> str:
    return quote(text, safe="-_.~")


def signed_v3(api: Any, action: str, parameters: dict[str, str], *, method: str = "POST", form: bool = False,
              nonce: str = "", date: str = "", secret: str = "", version: str = "2016-01-20",
              pair: tuple[str, str] | None = None) -> tuple[str, dict[str, str], bytes]:
    """(path with query, headers, body) of a V3 request. Written from the reference, not from our verifier."""
    access_key_id, own = pair or (api.access_key_id, api.access_key_secret)
    body = urlencode(parameters).encode() if form else b""
    query = "" if form else "&".join(f"{enc(name)}={enc(value)}" for name, value in sorted(parameters.items()))
    headers = {"host": api.host, "x-acs-action": action, "x-acs-version": version,
               "x-acs-date": date or clock.iso(clock.real_now()), "x-acs-signature-nonce": nonce or uuid.uuid4().hex,
               "x-acs-content-sha256": hashlib.sha256(body).hexdigest()}
    if form:
        headers["content-type"] = "application/x-www-form-urlencoded"
    names = sorted(headers)
    canonical = "\n".join([method, "/", query, *(f"{name}:{headers[name]}" for name in names), "", ";".join(names),
                           headers["x-acs-content-sha256"]])
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new((secret or own).encode(), text.encode(), "sha256").hexdigest()
    headers["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={access_key_id},SignedHeaders={';'.join(names)},"
                                f"Signature={signature}")
    return f"/?{query}" if query else "/", headers, body


def call(api: Any, action: str, parameters: dict[str, str] | None = None, *, method: str = "POST", chunked: bool = False,
         **signing: Any) -> Reply:
    """One signed V3 call by hand."""
    path, headers, body = signed_v3(api, action, parameters or {}, method=method, **signing)
    if chunked:
        return send(api, method, path, headers | {"Transfer-Encoding": "chunked"}, iter([body[:5], body[5:]]), chunked=True)
    return send(api, method, path, headers, body or None)


def signed_rpc(api: Any, action: str, parameters: dict[str, str] | None = None, *, method: str = "POST", secret: str = "",
               **system: str) -> str:
    """The urlencoded parameters of an RPC request, Signature included; `system` replaces or, by ``""``, leaves out."""
    everything = {"Action": action, "Version": "2016-01-20", "Format": "JSON", "AccessKeyId": api.access_key_id,
                  "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureNonce": uuid.uuid4().hex,
                  "Timestamp": clock.iso(clock.real_now()), **(parameters or {}), **system}
    everything = {name: value for name, value in everything.items() if value or name == "SignatureType"}
    canonical = "&".join(f"{enc(name)}={enc(value)}" for name, value in sorted(everything.items()))
    text = f"{method}&%2F&{enc(canonical)}"
    digest = hmac.digest(f"{secret or api.access_key_secret}&".encode(), text.encode(), "sha1")
    return urlencode({**everything, "Signature": base64.b64encode(digest).decode()})
