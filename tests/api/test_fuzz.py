"""Whatever comes through the door: an answer in the vendor's form, never a 500, and soon.

Each example is one signed request through the whole WSGI entry: decoding, signature, parameters, operation, answer.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.calls import CALLS
from api.wsgi import application
from keys import operations
from keys.filters import FILTERS
from tests import make
from tests.api.live.clients import signed_v3
from tests.keys.calls import TEXT

OPERATIONS = json.loads((Path(__file__).parent.parent / "reference/operations.json").read_text(encoding="utf-8"))["operations"]
# What stands in no SDK of today takes at least a key.
REQUESTS = {action: OPERATIONS.get(action, {"request": {"KeyId": {"type": "string"}}})["request"] for action in CALLS}
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning:alibabacloud.*")]
often = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

characters = st.characters(exclude_categories=("Cs",))
texts = st.text(characters, max_size=60)
scalars = st.none() | st.booleans() | st.integers(-2**70, 2**70) | st.floats() | texts
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
                         max_leaves=12)
NASTY = [
    "", "\0", "a\0b", "null", "[]", "{}", "[" * 5000, '{"a":' * 2000, '"\\ud800"', '{"\\udfff":"a"}', '{"a":1,"a":2}', "1e999",
    "NaN", "-0", "9" * 400, "true", "\N{PILE OF POO}" * 40, "'; DROP TABLE keys_key;--", "%s%n{0}", "../../etc/passwd",
    "alias/", "alias/acs/ecs", "acs:kms:cn-local:1:key/", "acs:kms:::", "key-", "====", "AAAA", "/" * 300, "\r\nX: y", "\u0663",
    "\u22121",
]


class Door:
    """Sends requests as Alice. `known` are values that mean something: her key, a blob, an alias."""

    def __init__(self, who: make.Person, home: Any) -> None:
        self.host, self.id_and_secret = "localhost", make.access_key(who)
        self.access_key_id, self.access_key_secret = self.id_and_secret
        self.key = make.key(who, home=home, tags=(("team", "core"),))
        operations.create_alias(who(), self.key, alias_name="alias/fuzz")
        self.blob = operations.encrypt(who(), self.key, plaintext=TEXT).ciphertext_blob
        self.known = [self.key.pk, self.key.arn, "alias/fuzz", self.blob, TEXT, home.pk, "Aliyun_AES_256", "EC_P256", "key",
                      "secret", "true", "1", "7", "default"]

    def send(self, action: str, parameters: dict[str, str]) -> tuple[int, dict[str, Any]]:
        path, headers, body = signed_v3(self, action, parameters, form=True)
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": path.partition("?")[2],
                   "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": headers.pop("content-type"), "CONTENT_LENGTH": str(len(body)),
                   "wsgi.input": io.BytesIO(body)}
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        seen: list[Any] = []
        payload = b"".join(application(environ, lambda status, head: seen.extend((status, dict(head)))))
        answer = json.loads(payload)
        assert seen[1]["Content-Type"] == "application/json;charset=utf-8"
        assert answer["RequestId"] == seen[1]["x-acs-request-id"]
        return int(seen[0].split()[0]), answer

    def holds(self, action: str, parameters: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, answer = self.send(action, parameters)
        assert status < 500, (action, parameters)
        assert answer.get("Code") != "SignatureDoesNotMatch"
        assert (status == 200) == ("Code" not in answer)
        return status, answer


@pytest.fixture
def door(alice, instance):
    return Door(alice, instance)


def values(known: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(known), st.sampled_from(NASTY), texts, documents.map(lambda document: json.dumps(document)),
                     st.binary(max_size=80).map(lambda raw: base64.b64encode(raw).decode()), st.integers(-5, 400).map(str))


def names_of(action: str) -> list[str]:
    """Every way the vendor's parameters are spelt: flat lists and maps by a few numbers and fields."""
    found = []
    for name, facts in REQUESTS[action].items():
        found.append(name)
        if facts["type"] == "array":
            found += [f"{name}.{number}{end}" for number in ("0", "1", "01", "7", "99999", "x", "")
                      for end in ("", ".Key", ".Value", ".")]
        if facts["type"] == "object" or name.endswith("Context"):
            found += [f"{name}.{key}" for key in ("a", "", "a.b", "ü")]
    return found


@pytest.mark.parametrize("action", sorted(CALLS))
def test_no_parameters_break_an_operation(door, action):
    fitting = {"KeyId": door.key.pk, "CiphertextBlob": door.blob, "Plaintext": TEXT, "AliasName": "alias/fuzz",
               "ResourceType": "key", "RegionId": "cn-local", "ResourceId.1": door.key.pk, "Tag.1.Key": "a", "TagKey.1": "a",
               "EnableDeletionProtection": "true", "PendingWindowInDays": "7"}
    mine = [name for name in fitting if name.partition(".")[0] in REQUESTS[action]]

    @often
    @given(st.sets(st.sampled_from(mine or [""])),
           st.dictionaries(st.sampled_from(names_of(action) or ["Other"]), values(door.known), max_size=6))
    def run(good: set[str], rest: dict[str, str]) -> None:
        door.holds(action, {name: fitting[name] for name in good if name} | rest)

    run()


def test_no_blob_opens_or_breaks(door):
    """Cut, lengthened, flipped, or anything at all: one outward form, unless the blob's version is nobody's."""
    raw = base64.b64decode(door.blob)

    @often
    @given(st.one_of(
        st.binary(max_size=200), st.integers(0, len(raw) - 1).map(lambda at: raw[:at]),
        st.binary(min_size=1, max_size=9).map(raw.__add__),
        st.tuples(st.integers(0, len(raw) - 1), st.integers(1, 255)).map(
            lambda change: raw[:change[0]] + bytes([raw[change[0]] ^ change[1]]) + raw[change[0] + 1:])))
    def run(blob: bytes) -> None:
        status, answer = door.holds("Decrypt", {"CiphertextBlob": base64.b64encode(blob).decode()})
        assert (status, answer["Code"]) in ((400, "InvalidParameter"), (404, "Forbidden.KeyNotFound"))

    run()


def test_no_filter_breaks(door):
    known = st.sampled_from([door.key.pk, "Enabled", "Unavailable"])
    entries = st.fixed_dictionaries({"Key": st.sampled_from(sorted(FILTERS)) | texts,
                                     "Values": st.lists(texts | known, max_size=11)})

    @often
    @given(st.lists(entries, max_size=11).map(json.dumps) | documents.map(json.dumps) | texts)
    def run(text: str) -> None:
        status, answer = door.holds("ListKeys", {"Filters": text})
        assert status == 200 or answer["Code"] == "InvalidParameter"

    run()


def test_no_tags_break(door):
    tag = st.fixed_dictionaries({"TagKey": texts}, optional={"TagValue": texts})

    @often
    @given(st.lists(tag, max_size=22).map(json.dumps) | documents.map(json.dumps) | texts)
    def run(text: str) -> None:
        status, answer = door.holds("TagResource", {"KeyId": door.key.pk, "Tags": text})
        assert status == 200 or answer["Code"].startswith(("InvalidParameter", "Duplicate.", "Missing", "Rejected.LimitExceeded"))
        listed = door.holds("ListResourceTags", {"KeyId": door.key.pk})[1]["Tags"]["Tag"]
        assert 1 <= len(listed) <= 20

    run()


def test_no_flat_list_breaks(door):
    number = st.integers(0, 60).map(str) | st.sampled_from(["01", "99999", "-1", "x", "", "1.1", "\u0663"])
    tags = st.tuples(number, st.sampled_from(["Key", "Value", "Other", ""])).map(lambda parts: f"Tag.{parts[0]}.{parts[1]}")
    names = st.one_of(number.map("ResourceId.{}".format), tags, st.just("Tag"), st.just("ResourceId"))

    @often
    @given(st.dictionaries(names, texts | st.sampled_from([door.key.pk, door.key.arn, "team"]), max_size=30))
    def run(flat: dict[str, str]) -> None:
        for action in ("TagResources", "ListTagResources"):
            door.holds(action, {"RegionId": "cn-local", "ResourceType": "key"} | flat)

    run()


def test_no_context_breaks(door):
    @often
    @given(st.dictionaries(texts, texts, max_size=6), st.booleans())
    def run(context: dict[str, str], dotted: bool) -> None:
        given = ({f"EncryptionContext.{name}": value for name, value in context.items()} if dotted
                 else {"EncryptionContext": json.dumps(context)})
        status, made = door.holds("Encrypt", {"KeyId": door.key.pk, "Plaintext": TEXT} | given)
        assert status == 200
        other = {"EncryptionContext": json.dumps(dict(reversed(context.items())), ensure_ascii=False)}
        assert door.holds("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]} | other)[1]["Plaintext"] == TEXT

    run()


def test_no_next_token_breaks(door):
    @often
    @given(texts | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
           | documents.map(lambda document: base64.urlsafe_b64encode(json.dumps(document).encode()).decode()))
    def run(token: str) -> None:
        door.holds("ListTagResources", {"RegionId": "cn-local", "ResourceType": "key", "NextToken": token})

    run()
