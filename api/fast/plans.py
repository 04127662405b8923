"""Work that many requests share. An AccessKey that encrypts with one key a thousand times a second asks the rules the same
question a thousand times; so the first of these requests goes the whole way, and what it found is a plan for those of the same
second that differ in their payload only.

A plan holds no verdict that its group does not check: it rests on the same sights as the request it was made from, and a second
later it is over. Whatever a plan cannot do (a bad payload, a used key of another kind) goes the whole way again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from api.calls import CALLS
from api.errors import Answer
from api.fast.rows import SeenRows
from api.fast.seen import Sight
from api.request import Pairs, Request
from audit.recording import Entry
from base.caller import Caller
from crypto import blobs
from crypto.algorithms import MACS, SIGNINGS
from crypto.engine import Engine
from crypto.provider import Material
from keys.models import Key
from keys.operations import asymmetric, cryptography, mac, using

MOST = 1024
Name = tuple[Any, ...]
BLOB_HEAD = blobs.VERSION_ID * 4 // 3  # the version id fills these characters of a CiphertextBlob exactly
VARYING = frozenset({"RequestId", "CiphertextBlob", "Plaintext", "Value", "Mac"})


@dataclass(frozen=True, slots=True)
class Kind:
    """payload: the parameter in which requests of one plan differ; work: what is made of it, as fields of the answer, each as it
    may stand between quotes in JSON: Base64 of our own does as it is."""

    payload: str
    work: Callable[[Plan, str], Mapping[str, str]]


def _encrypt(plan: Plan, text: str) -> Mapping[str, str]:
    return {"CiphertextBlob": plan.engine.encrypt(plan.material, cryptography.checked_plaintext(text), plan.context)}


def _decrypt(plan: Plan, text: str) -> Mapping[str, str]:
    """The text may be any: whoever imported material can seal what they like under it."""
    return {"Plaintext": quoted(plan.engine.decrypt(plan.material, blobs.unpack(text)[1], plan.context))[1:-1]}


def _data_key(plan: Plan, _: str) -> Mapping[str, str]:
    text, blob = plan.engine.data_key(plan.material, plan.length, plan.context)
    return {"CiphertextBlob": blob, "Plaintext": text}


def _data_key_alone(plan: Plan, _: str) -> Mapping[str, str]:
    return {"CiphertextBlob": plan.engine.data_key(plan.material, plan.length, plan.context)[1]}


def _sign(plan: Plan, text: str) -> Mapping[str, str]:
    digest = asymmetric.checked_digest(plan.algorithm, text)
    return {"Value": using.to_base64(plan.engine.sign(plan.material, SIGNINGS[plan.algorithm], digest))}


def _mac(plan: Plan, text: str) -> Mapping[str, str]:
    return {"Mac": using.to_base64(plan.engine.mac(plan.material, MACS[plan.algorithm], mac.checked_message(text)))}


KINDS: dict[str, Kind] = {
    "Encrypt": Kind("Plaintext", _encrypt), "Decrypt": Kind("CiphertextBlob", _decrypt),
    "GenerateDataKey": Kind("", _data_key), "GenerateDataKeyWithoutPlaintext": Kind("", _data_key_alone),
    "AsymmetricSign": Kind("Digest", _sign), "GenerateMac": Kind("Message", _mac),
}


@dataclass(slots=True, eq=False)
class Plan:
    """fixed: what is the same in every answer, as JSON; algorithm, length: of the parameters, as the operation got them."""

    at: datetime
    engine: Engine
    material: Material
    context: Mapping[str, str]
    algorithm: str
    length: int
    fixed: str
    entry: Entry
    rests_on: frozenset[Sight]
    uses: Sequence[tuple[str, Caller, Key]]
    kind: Kind

    def event(self, address: str) -> Entry:
        """The same for all requests from one address."""
        if self.entry.address != address:
            self.entry = self.entry._replace(address=address)
        return self.entry

    def payload(self, request_id: str, made: Mapping[str, str]) -> bytes:
        """The body of the answer; made: of `Kind.work`."""
        fields = ",".join([f'"{name}":"{value}"' for name, value in made.items()])
        return f'{{"RequestId":"{request_id}",{self.fixed}{fields}}}'.encode()


class Plans:
    """By AccessKey, action, version and all parameters but the payload."""

    def __init__(self) -> None:
        self._found: dict[Name, Plan] = {}
        self._at: datetime | None = None

    def get(self, name: Name, at: datetime) -> Plan | None:
        if at != self._at:
            self._found, self._at = {}, at
        return self._found.get(name)

    def forget(self) -> None:
        self._found.clear()

    def put(self, name: Name, plan: Plan | None) -> None:
        if plan is not None and plan.at == self._at and len(self._found) < MOST:
            self._found[name] = plan


def made(action: str, request: Request, rows: SeenRows, entry: Entry, answer: Answer) -> Plan | None:
    """The plan behind a request that has been answered well; None where each request has to go the whole way."""
    if action not in KINDS or len(rows.uses) != 1:
        return None
    values, [(engine, material)] = CALLS[action].read(request.parameters), rows.all_opened()
    length = 0
    if action in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        length = cryptography.data_key_length(values["key_spec"], values["number_of_bytes"])
    fixed = "".join(f"{quoted(name)}:{json.dumps(value)}," for name, value in answer.body.items() if name not in VARYING)
    return Plan(entry.at, engine, material, values.get("encryption_context") or {}, values.get("algorithm", ""), length, fixed,
                entry, frozenset(rows.rests_on), rows.uses, KINDS[action])


def payload_of(action: str) -> str:
    """The parameter in which requests of one plan differ; empty where none does."""
    return KINDS[action].payload if action in KINDS else ""


def name_of(access_key_id: str, action: str, version: str, query: Pairs) -> tuple[Name, str]:
    """(name of the plan, payload)"""
    payload, rest = "", []
    varying = payload_of(action)
    for pair in query:
        if pair[0] == varying:
            payload = pair[1]
        else:
            rest.append(pair)
    return with_payload((access_key_id, action, version, "", *rest), payload), payload


def with_payload(name: Name, payload: str) -> Name:
    """The same for another payload. Of a ciphertext the head says which version it is of."""
    return (*name[:3], payload[:BLOB_HEAD], *name[4:]) if name[1] == "Decrypt" else name
