"""The three doors of one operation: the function, the API over HTTP with the official SDK, and the page of the console.

Each door answers ``ok`` or the code of the refusal, so that they can be compared.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from alibabacloud_kms20160120 import models as sdk
from alibabacloud_kms20160120.client import Client as Sdk
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import DaraException
from django.db import connections
from django.test import Client
from django.urls import reverse

from access.access_keys import note_use
from base import clock
from keys.key_policies import default_document
from keys.models import Key
from tests import make
from tests.keys.calls import DIGEST, ECDSA, EXPORT, HMAC, OAEP, TEXT, version_of
from tests.make import Person
from tests.rows import OK

Surroundings = dict[str, str]


# What the SDK packages themselves do wrong; our own warnings stay errors.
SDK_WARNINGS = [pytest.mark.filterwarnings(f"ignore::{kind}:{module}")
                for module in ("Tea.*", "alibabacloud.*", "darabonba.*") for kind in ("DeprecationWarning", "ResourceWarning")]


def used_access_key(who: Person) -> tuple[str, str]:
    """Used a moment ago: the first use of one goes through dispatch, whichever the door."""
    key_id, secret = make.access_key(who)
    note_use(key_id, None, clock.now())
    return key_id, secret


def sdk_for(who: Person, host: str) -> Sdk:
    """The official SDK with an AccessKey of `who` that nothing else uses."""
    key_id, secret = used_access_key(who)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Sdk(Config(access_key_id=key_id, access_key_secret=secret, endpoint=host, protocol="http", region_id="cn-local"))


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False


@contextmanager
def api_server() -> Iterator[str]:
    """``host:port`` of the API's WSGI entry over the database of this test."""
    from api.wsgi import application

    def closing(environ: Any, start_response: Any) -> Any:
        try:
            return application(environ, start_response)
        finally:
            connections.close_all()

    server = make_server("127.0.0.1", 0, closing, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def fast_server() -> Iterator[str]:
    """``host:port`` of the fast lane over the database of this test, its event loop in a thread."""
    from api.fast.lane import Lane
    from api.fast.server import Server

    listener = socket.create_server(("127.0.0.1", 0))
    started, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane(loop)
        server = Server(loop, lane, [listener])
        started.set()
        await asyncio.to_thread(ended.wait)
        await server.finish(5)
        await asyncio.to_thread(lane.stop)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        listener.close()


def request(name: str, **parameters: Any) -> Any:
    return getattr(sdk, f"{name}Request")(**parameters)


def _version(key: Key, algorithm: str) -> dict[str, str]:
    return {"key_id": key.pk, "key_version_id": version_of(key), "algorithm": algorithm}


def batch(key: Key) -> dict[str, Any]:
    return {"region_id": "cn-local", "resource_type": "key", "resource_id": [key.pk]}


API: dict[str, Callable[[Key, Surroundings], dict[str, Any]]] = {
    "ListKeys": lambda key, at: {},
    "DescribeKey": lambda key, at: {"key_id": key.pk},
    "Encrypt": lambda key, at: {"key_id": key.pk, "plaintext": TEXT},
    "Decrypt": lambda key, at: {"ciphertext_blob": at["blob"]},
    "GenerateDataKey": lambda key, at: {"key_id": key.pk},
    "GenerateDataKeyWithoutPlaintext": lambda key, at: {"key_id": key.pk},
    "EnableKey": lambda key, at: {"key_id": key.pk},
    "DisableKey": lambda key, at: {"key_id": key.pk},
    "ScheduleKeyDeletion": lambda key, at: {"key_id": key.pk, "pending_window_in_days": 7},
    "CancelKeyDeletion": lambda key, at: {"key_id": key.pk},
    "UpdateKeyDescription": lambda key, at: {"key_id": key.pk, "description": "new"},
    "CreateAlias": lambda key, at: {"key_id": key.pk, "alias_name": "alias/fresh"},
    "UpdateAlias": lambda key, at: {"key_id": key.pk, "alias_name": at["other_alias"]},
    "DeleteAlias": lambda key, at: {"alias_name": at["alias"]},
    "ListAliases": lambda key, at: {},
    "ListAliasesByKeyId": lambda key, at: {"key_id": key.pk},
    "SetKeyPolicy": lambda key, at: {"key_id": key.pk, "policy": default_document(key.account_id)},
    "GetKeyPolicy": lambda key, at: {"key_id": key.pk},
    "DescribeKeyVersion": lambda key, at: {"key_id": key.pk, "key_version_id": version_of(key)},
    "ListKeyVersions": lambda key, at: {"key_id": key.pk},
    "CreateKeyVersion": lambda key, at: {"key_id": key.pk},
    "UpdateRotationPolicy": lambda key, at: {"key_id": key.pk, "enable_automatic_rotation": True, "rotation_interval": "30d"},
    "GetParametersForImport": lambda key, at: {"key_id": key.pk, "wrapping_key_spec": "RSA_2048", "wrapping_algorithm": OAEP},
    "ImportKeyMaterial": lambda key, at: {"key_id": key.pk, "import_token": at["import_token"],
                                          "encrypted_key_material": at["encrypted_key_material"]},
    "DeleteKeyMaterial": lambda key, at: {"key_id": key.pk},
    "TagResource": lambda key, at: {"key_id": key.pk, "tags": '[{"TagKey":"team","TagValue":"core"}]'},
    "UntagResource": lambda key, at: {"key_id": key.pk, "tag_keys": '["team"]'},
    "ListResourceTags": lambda key, at: {"key_id": key.pk},
    "TagResources": lambda key, at: batch(key) | {"tag": [sdk.TagResourcesRequestTag(key="team", value="core")]},
    "UntagResources": lambda key, at: batch(key) | {"all": True},
    "ListTagResources": lambda key, at: batch(key),
    "SetDeletionProtection": lambda key, at: {"key_id": key.pk, "enable_deletion_protection": True},
    "AsymmetricEncrypt": lambda key, at: _version(key, OAEP) | {"plaintext": TEXT},
    "AsymmetricDecrypt": lambda key, at: _version(key, OAEP) | {"ciphertext_blob": at["blob"]},
    "AsymmetricSign": lambda key, at: _version(key, ECDSA) | {"digest": DIGEST},
    "AsymmetricVerify": lambda key, at: _version(key, ECDSA) | {"digest": DIGEST, "value": TEXT},
    "GetPublicKey": lambda key, at: {"key_id": key.pk, "key_version_id": version_of(key)},
    "GenerateMac": lambda key, at: {"key_id": key.pk, "algorithm": HMAC, "message": TEXT},
    "VerifyMac": lambda key, at: {"key_id": key.pk, "algorithm": HMAC, "message": TEXT, "mac": TEXT},
    "ReEncrypt": lambda key, at: {"destination_key_id": key.pk, "ciphertext_blob": at["other_blob"]},
    "ExportDataKey": lambda key, at: {"ciphertext_blob": at["blob"], **EXPORT},
    "GenerateAndExportDataKey": lambda key, at: {"key_id": key.pk, **EXPORT},
}


@dataclass(frozen=True)
class ApiDoor:
    client: Sdk

    def try_(self, operation: str, key: Key, at: Surroundings) -> str:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
        try:
            getattr(self.client, method)(request(operation, **API[operation](key, at)))
        except DaraException as error:
            return str(error.code)
        return OK


def _alias_page(name: str, alias: str) -> str:
    return f"{reverse(f'aliases:{name}')}?{urlencode({'name': alias})}"


PAGES: dict[str, Callable[[Key, Surroundings], tuple[str, dict[str, str] | None]]] = {
    "ListKeys": lambda key, at: (reverse("keys:list"), None),
    "DescribeKey": lambda key, at: (reverse("keys:detail", args=[key.pk]), None),
    "EnableKey": lambda key, at: (reverse("keys:enable", args=[key.pk]), {}),
    "DisableKey": lambda key, at: (reverse("keys:disable", args=[key.pk]), {}),
    "ScheduleKeyDeletion": lambda key, at: (reverse("keys:schedule_deletion", args=[key.pk]), {"days": "7", "confirm": key.pk}),
    "CancelKeyDeletion": lambda key, at: (reverse("keys:cancel_deletion", args=[key.pk]), {}),
    "UpdateKeyDescription": lambda key, at: (reverse("keys:describe", args=[key.pk]), {"description": "new"}),
    "CreateAlias": lambda key, at: (reverse("keys:create_alias", args=[key.pk]), {"alias": "fresh"}),
    "UpdateAlias": lambda key, at: (_alias_page("repoint", at["other_alias"]), {"key": key.pk}),
    "DeleteAlias": lambda key, at: (_alias_page("delete", at["alias"]), {}),
    "ListAliases": lambda key, at: (reverse("aliases:list"), None),
}


@dataclass(frozen=True)
class ConsoleDoor:
    client: Client

    def try_(self, operation: str, key: Key, at: Surroundings) -> str:
        url, fields = PAGES[operation](key, at)
        if fields is None:
            return OK if self.client.get(url).status_code == 200 else "no page"
        answer = self.client.post(url, {"revision": str(key.revision), **fields})
        if answer.status_code == 303:
            return OK
        return str(answer.context["form"].refusals[0].code)
