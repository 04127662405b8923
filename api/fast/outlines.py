"""Messages that look like an earlier one of the same connection. A client that works with a key sends the same bytes again and
again, but for date, nonce, signature and payload; so what was read and looked up for the first of them holds for the others.

An outline is what stands around these four in a message (ACS3-HMAC-SHA256, no body), and in its canonical request. A message that
fits it byte by byte is the same request with other values in these places; `Outline.whole` builds it, and a property test holds
it to what the parser makes of the same bytes. The signature is checked, and the plan looked up, for every message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from api.fast import plans
from api.request import Request, base64_value
from api.signatures import headers, v3
from api.signatures.claim import Claim
from api.signatures.encoding import same

MOST = 2  # of one connection
_END = b"\r\n\r\n"
_DATE = re.compile(rb"[0-9TZ:-]{20}")
_NONCE = re.compile(rb"[0-9A-Za-z-]{1,128}")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}")


class Planned(NamedTuple):
    """A request that a plan has served, and the name of the plan."""

    name: plans.Name
    request: Request
    claim: Claim


class Found(NamedTuple):
    """The four values of a message; text: the payload without its encoding."""

    payload: bytes
    date: bytes
    nonce: bytes
    signature: bytes
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """head: up to the payload, which is all that varies in length; rest: what stands between the places behind it, with its
    distance from the payload's end; places: of date, nonce and signature, likewise. canonical: around payload, date and nonce.
    request, claim: of the first such message, without its payload."""

    head: bytes
    rest: tuple[tuple[int, bytes], ...]
    size: int
    places: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    canonical: tuple[bytes, bytes, bytes, bytes]
    request: Request
    claim: Claim
    payload: str
    name: plans.Name

    def fits(self, message: bytes) -> Found | None:
        end = len(message) - self.size
        if end < len(self.head) or not message.startswith(self.head):
            return None
        for start, text in self.rest:
            if not message.startswith(text, end + start):
                return None
        payload = message[len(self.head):end]
        (one, two), (three, four), (five, six) = self.places
        date, nonce, signature = message[end + one:end + two], message[end + three:end + four], message[end + five:end + six]
        if not (_DATE.fullmatch(date) and _NONCE.fullmatch(nonce) and _SIGNATURE.fullmatch(signature)):
            return None
        if not self.payload:
            return Found(b"", date, nonce, signature, "") if payload == b"" else None
        decoded = base64_value(payload)
        return None if decoded is None else Found(payload, date, nonce, signature, decoded)

    def signed(self, secret: str, found: Found) -> bool:
        before, one, two, three = self.canonical
        canonical = b"".join((before, found.payload, one, found.date, two, found.nonce, three))
        algorithm = self.claim.algorithm
        expected = v3.signature(secret, algorithm, v3.string_to_sign(algorithm, canonical))
        return same(expected, found.signature.decode("latin-1"))

    def whole(self, found: Found) -> tuple[Request, Claim]:
        """As if the message had been parsed."""
        date, nonce, signature = (value.decode("latin-1") for value in (found.date, found.nonce, found.signature))
        authorization = self.request.headers["authorization"].replace(self.claim.signature, signature)
        given = {**self.request.headers, "x-acs-date": date, "x-acs-signature-nonce": nonce, "authorization": authorization}
        query = tuple((name, found.text if name == self.payload else value) for name, value in self.request.query)
        first = len(f"{self.request.method}\n/\n")
        canonical = (self.canonical[0] + found.payload + self.canonical[1])[first:].partition(b"\n")[0].decode("ascii")
        return (self.request._replace(headers=given, query=query, canonical=canonical),
                self.claim._replace(timestamp=date, nonce=nonce, signature=signature))


def outline(message: bytes, planned: Planned) -> Outline | None:
    """Of a message that came in one piece. None where one of the four cannot be told from its surroundings, or where there is
    more to the message than head and query."""
    name, request, claim = planned
    given = request.headers
    if (claim.algorithm != "ACS3-HMAC-SHA256" or not request.canonical or request.body or "expect" in given
            or message.count(_END) != 1 or not message.endswith(_END)):
        return None
    [signed] = headers.canonical_requests(request, claim.signed_headers, "sha256")
    query = request.canonical.encode()
    start = message.find(query)
    values = [value.encode("latin-1") for value in (claim.timestamp, claim.nonce, claim.signature)]
    spots = [(at, at + len(value)) for value in values for at in (message.find(value),)]
    if start < 0 or any(message.count(value) != 1 for value in values) or min(spots)[0] < start + len(query):
        return None
    varying = plans.payload_of(claim.action)
    first, last = _value(query, varying.encode())
    if first < 0:
        return None
    end = start + last
    edges = [end, *[edge for spot in sorted(spots) for edge in spot], len(message)]
    rest = tuple((one - end, message[one:two]) for one, two in zip(edges[::2], edges[1::2], strict=True))
    date, nonce, signature = [(one - end, two - end) for one, two in spots]
    canonical = _around(signed, len(f"{request.method}\n/\n") + first, last - first, claim)
    if canonical is None:
        return None
    kept = request._replace(query=tuple((name, "" if name == varying else value) for name, value in request.query), canonical="")
    return Outline(message[:start + first], rest, len(message) - end, (date, nonce, signature), canonical, kept, claim, varying,
                   name)


def _value(query: bytes, name: bytes) -> tuple[int, int]:
    """Where the value of a parameter begins and ends in a canonical query: its end twice without a name, -1 where it has none of
    the name."""
    if not name:
        return len(query), len(query)
    at = (b"&" + query).find(b"&" + name + b"=")
    if at < 0:
        return -1, -1
    first = at + len(name) + 1
    last = query.find(b"&", first)
    return first, last if last >= 0 else len(query)


def _around(signed: bytes, payload: int, length: int, claim: Claim) -> tuple[bytes, bytes, bytes, bytes] | None:
    """The canonical request without payload, date and nonce."""
    date, nonce = f"\nx-acs-date:{claim.timestamp}\n".encode(), f"\nx-acs-signature-nonce:{claim.nonce}\n".encode("latin-1")
    if signed.count(date) != 1 or signed.count(nonce) != 1:
        return None
    one = signed.find(date) + len("\nx-acs-date:")
    two = signed.find(nonce) + len("\nx-acs-signature-nonce:")
    return (signed[:payload], signed[payload + length:one], signed[one + len(claim.timestamp):two],
            signed[two + len(claim.nonce):])
