"""A long file under one key, read and written in flat memory: age's STREAM construction over AES-256-GCM.

    offset  length        content
    0       8             magic
    8       2             format, 1
    10      4             n, the length of the header
    14      n             header: whatever the writer says of the file, readable without a key
    14+n    1             recipient: 1 this installation, 2 the bearer of a download key
    15+n    69            the file key, sealed for the recipient (`crypto.envelope`)
    84+n    65536 + 16    chunks; the last one is shorter, or full, and never followed by another

A chunk's nonce is its number (11 bytes) and whether it is the last (1 byte): so no chunk can be left out, moved, repeated or
added, and a file cut between two chunks has no last one. Everything before the recipient is hashed into the payload key, so
a changed header opens nothing. The recipient is apart from that: the same file goes to another holder by sealing 32 bytes
again. No byte of the file can change without a refusal.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext

MAGIC = b"KMSBKUP\n"
FORMAT = 1
CHUNK = 64 * 1024
TAG = 16
SEALED_KEY = 69
HEADER_LIMIT = 64 * 1024
LINE_LIMIT = 4 * 1024 * 1024


class Recipient(IntEnum):
    INSTALLATION = 1
    BEARER = 2


class Unreadable(Exception):
    """reason: ``not_a_backup``, ``newer_format``, ``wrong_key`` or ``damaged``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _derived(file_key: bytes, binding: bytes, what: bytes) -> bytes:
    return HKDF(SHA256(), 32, binding, b"kms-console backup " + what).derive(file_key)


@dataclass(frozen=True, slots=True)
class FileKey:
    """The key of one file. binding: SHA-256 of all that stands before the recipient."""

    raw: bytes = field(repr=False)
    binding: bytes

    def material_key(self) -> WrappingKey:
        """Seals key material inside the file once more, so that reading about keys never opens any."""
        return WrappingKey(_derived(self.raw, self.binding, b"material"))

    def payload(self) -> AESGCM:
        return AESGCM(_derived(self.raw, self.binding, b"payload"))

    def sealed_for(self, recipient: Recipient, holder: WrappingKey) -> bytes:
        """What stands in the file for `recipient`: its number and the sealed key."""
        return bytes([recipient]) + holder.seal(self.raw, _identity(recipient, self.binding))


def _identity(recipient: Recipient, binding: bytes) -> Identity:
    return Identity("backup-file-key", "", recipient.name, binding.hex())


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands before the chunks. raw: everything before the recipient; start: where the chunks begin."""

    header: bytes
    raw: bytes = field(repr=False)
    recipient: Recipient
    sealed_key: bytes = field(repr=False)

    @property
    def start(self) -> int:
        return len(self.raw) + 1 + SEALED_KEY

    @property
    def binding(self) -> bytes:
        return hashlib.sha256(self.raw).digest()

    def file_key(self, holder: WrappingKey) -> FileKey:
        """Raises Unreadable: wrong_key where the file is sealed for another, damaged where it was changed."""
        if self.sealed_key[1:9] != holder.key_id:
            raise Unreadable("wrong_key")
        try:
            return FileKey(holder.open(self.sealed_key, _identity(self.recipient, self.binding)), self.binding)
        except BadCiphertext:
            raise Unreadable("damaged") from None


def read_opening(source: BinaryIO) -> Opening:
    """Raises Unreadable."""
    head = source.read(14)
    if head[:8] != MAGIC:
        raise Unreadable("not_a_backup")
    if len(head) < 14:
        raise Unreadable("damaged")
    if int.from_bytes(head[8:10], "big") != FORMAT:
        raise Unreadable("newer_format" if int.from_bytes(head[8:10], "big") > FORMAT else "damaged")
    length = int.from_bytes(head[10:], "big")
    rest = source.read(min(length, HEADER_LIMIT) + 1 + SEALED_KEY)
    if length > HEADER_LIMIT or len(rest) != length + 1 + SEALED_KEY or rest[length] not in list(Recipient):
        raise Unreadable("damaged")
    return Opening(rest[:length], head + rest[:length], Recipient(rest[length]), rest[length + 1:])


class Writer:
    """Seals what is written to it, chunk by chunk. Without `close` the file has no last chunk, and nobody will read it."""

    def __init__(self, out: BinaryIO, header: bytes, holder: WrappingKey) -> None:
        if len(header) > HEADER_LIMIT:
            raise ValueError("the header is too long")
        raw = MAGIC + FORMAT.to_bytes(2, "big") + len(header).to_bytes(4, "big") + header
        self.key = FileKey(os.urandom(32), hashlib.sha256(raw).digest())
        self._out, self._aead, self._number, self._waiting = out, self.key.payload(), 0, bytearray()
        out.write(raw + self.key.sealed_for(Recipient.INSTALLATION, holder))

    def write(self, data: bytes) -> None:
        self._waiting += data
        # A full chunk waits until something follows it: it could be the last.
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._out.write(self._aead.encrypt(_nonce(self._number, last), chunk, None))
        self._number += 1


def chunks(source: BinaryIO, key: FileKey) -> Iterator[bytes]:
    """The chunks of a file whose opening has been read. Raises Unreadable as soon as one does not open; what came before
    is genuine, but only the end says that it is all."""
    aead, number, block = key.payload(), 0, source.read(CHUNK + TAG)
    while True:
        following = source.read(CHUNK + TAG)
        try:
            yield aead.decrypt(_nonce(number, not following), block, None)
        except (InvalidTag, ValueError):
            raise Unreadable("damaged") from None
        if not following:
            return
        number, block = number + 1, following


def lines(source: BinaryIO, key: FileKey) -> Iterator[bytes]:
    """The lines of the file, without their ends; the last one must have one too. Raises Unreadable."""
    rest = b""
    for chunk in chunks(source, key):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LINE_LIMIT:
            raise Unreadable("damaged")
    if rest:
        raise Unreadable("damaged")
