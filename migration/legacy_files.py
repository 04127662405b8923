"""Exports of 1.0 keys: JSON lines, version 1, described in `docs/migration.md`. Read twice: the first time everything is checked,
and nothing is handed out before the whole file is in order."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeVar

from base import ids
from base.clock import iso
from crypto.errors import BadCiphertext
from crypto.legacy_export import BLOCK, COST, LANES, ExportKey, Name, kek_of
from crypto.specs import ENCRYPT_DECRYPT, SIGN_VERIFY, SPECS
from instances.tags import why_not_tags
from keys.aliasing import why_not_name
from keys.creation import DESCRIPTION_LIMIT, LEGACY_SPECS
from keys.rotating import DAYS
from keys.states import State

FORMAT, VERSION = "kms-1.0-export", 1
LONGEST_LINE = 1_000_000
MOST_ERRORS = 20
STATES = (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
T = TypeVar("T")


class LegacyFileError(Exception):
    """The file cannot be taken. The text is for the operator: one line for each thing that is wrong, none with material."""

    def __init__(self, *errors: str) -> None:
        super().__init__("\n".join(errors))


@dataclass(frozen=True, slots=True)
class Version:
    """wrapped: material under the export's key; none where the material had been deleted."""

    id: str
    created_at: datetime
    primary: bool
    wrapped: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the file. rotation_days: 0 where it does not rotate."""

    id: str
    created_at: datetime
    state: State
    spec: str
    usage: str
    origin: str
    protection_level: str
    versions: tuple[Version, ...]
    creator: str = ""
    description: str = ""
    deletion_protection: bool = False
    delete_at: datetime | None = None
    material_expires_at: datetime | None = None
    last_rotation_at: datetime | None = None
    rotation_days: int = 0
    aliases: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


def _one(row: dict[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    value = row.get(name, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise LegacyFileError(f"{name} is missing or is not what it should be")
    return value


def _moment(row: dict[str, Any], name: str) -> datetime | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise LegacyFileError(f"{name} must look like 2021-03-12T08:00:00Z")
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise LegacyFileError(f"{name} is no date") from None


def _dated(row: dict[str, Any], name: str) -> datetime:
    if (found := _moment(row, name)) is None:
        raise LegacyFileError(f"{name} is missing")
    return found


def _check(holds: bool, text: str) -> None:
    if not holds:
        raise LegacyFileError(text)


def _version(row: Any) -> Version:
    _check(isinstance(row, dict), "a version is not an object")
    name, wrapped = _one(row, "id", str), row.get("material")
    _check(ids.is_legacy(name), f"the version id {name[:40]!r} is not a UUID in lower case")
    try:
        raw = base64.b64decode(wrapped, validate=True) if wrapped is not None else None
    except (binascii.Error, ValueError, TypeError):
        raise LegacyFileError("material is not Base64") from None
    return Version(name, _dated(row, "created_at"), _one(row, "primary", bool, False), raw)


def entry_of(row: Any) -> Entry:
    """A line of the file. Raises LegacyFileError."""
    _check(isinstance(row, dict), "the line is not a JSON object")
    tags, aliases, versions = _one(row, "tags", dict, {}), _one(row, "aliases", list, []), _one(row, "versions", list)
    entry = Entry(
        _one(row, "id", str), _dated(row, "created_at"), _state(row), _one(row, "spec", str), _one(row, "usage", str),
        _one(row, "origin", str, "Aliyun_KMS"), _one(row, "protection_level", str, "SOFTWARE"),
        tuple(_version(one) for one in versions), _one(row, "creator", str, ""), _one(row, "description", str, ""),
        _one(row, "deletion_protection", bool, False), _moment(row, "delete_at"), _moment(row, "material_expires_at"),
        _moment(row, "last_rotation_at"), _one(row, "rotation_days", int, 0), tuple(str(name) for name in aliases),
        tuple((str(name), str(value)) for name, value in tags.items()))
    _check_key(entry)
    _check_versions(entry)
    return entry


def _state(row: dict[str, Any]) -> State:
    value = _one(row, "state", str)
    _check(value in STATES, f"state {value[:40]!r} is not one of {', '.join(STATES)}")
    return State(value)


def _check_key(entry: Entry) -> None:
    _check(ids.is_legacy(entry.id), f"the key id {entry.id[:40]!r} is not a UUID in lower case")
    _check(entry.spec in LEGACY_SPECS, f"spec {entry.spec[:40]!r} is not one of {', '.join(LEGACY_SPECS)}")
    _check(entry.usage in (ENCRYPT_DECRYPT, SIGN_VERIFY) and entry.usage in SPECS[entry.spec].usages,
           f"usage {entry.usage[:40]!r} does not fit {entry.spec}")
    _check(entry.origin in ("Aliyun_KMS", "EXTERNAL"), "origin must be Aliyun_KMS or EXTERNAL")
    _check(entry.protection_level in ("SOFTWARE", "HSM"), "protection_level must be SOFTWARE or HSM")
    _check(len(entry.description) <= DESCRIPTION_LIMIT and len(entry.creator) <= 64, "description or creator is too long")
    _check((entry.delete_at is not None) == (entry.state is State.PENDING_DELETION), "delete_at belongs to state PendingDeletion")
    _check(entry.origin == "EXTERNAL" or entry.material_expires_at is None, "material_expires_at belongs to origin EXTERNAL")
    low, high = DAYS["1.0"]
    _check(not entry.rotation_days or low <= entry.rotation_days <= high, f"rotation_days must be 0 or {low} to {high}")
    _check(not entry.rotation_days or (SPECS[entry.spec].symmetric and entry.origin == "Aliyun_KMS"), "this key cannot rotate")
    for alias in entry.aliases:
        _check(not why_not_name(alias), f"the alias {alias[:60]!r} is not allowed")
    _check(not [*why_not_tags(entry.tags)], "the tags are not allowed")


def _check_versions(entry: Entry) -> None:
    versions, symmetric = entry.versions, SPECS[entry.spec].symmetric
    _check(len({version.id for version in versions}) == len(versions), "a version id is there twice")
    waits = entry.state is State.PENDING_IMPORT
    _check(not waits or entry.origin == "EXTERNAL", "PendingImport belongs to origin EXTERNAL")
    _check(entry.origin != "EXTERNAL" or len(versions) <= 1, "imported material has one version")
    _check(bool(versions) or entry.origin == "EXTERNAL", "the key has no version")
    with_material = [version.wrapped is not None for version in versions]
    needed = entry.state in (State.ENABLED, State.DISABLED) or entry.origin == "Aliyun_KMS"
    _check(all(with_material) and bool(versions) if needed else not (waits and any(with_material)),
           "a version lacks its material, or has one that state PendingImport rules out")
    primaries = sum(version.primary for version in versions)
    _check(primaries == (1 if symmetric and versions else 0), "a symmetric key has one primary version, a key pair none")


@dataclass(frozen=True, slots=True)
class Header:
    """kdf: scrypt for a passphrase, none for a KEK of 32 bytes."""

    keys: int
    kdf: str
    salt: bytes = b""
    cost: int = COST


def _header(line: bytes) -> Header:
    row = _json(line)
    _check(isinstance(row, dict) and row.get("format") == FORMAT, f"the first line does not say \"format\": \"{FORMAT}\"")
    _check(row.get("version") == VERSION, f"the file is of version {row.get('version')!r}; this program reads version {VERSION}")
    wrapping = _one(row, "wrapping", dict)
    kdf = _one(wrapping, "kdf", str)
    _check(kdf in ("scrypt", "none"), "kdf must be scrypt or none")
    if kdf == "none":
        return Header(_one(row, "keys", int), kdf)
    _check((wrapping.get("r"), wrapping.get("p")) == (BLOCK, LANES), f"scrypt must have r {BLOCK} and p {LANES}")
    return Header(_one(row, "keys", int), kdf, base64.b64decode(_one(wrapping, "salt", str)), _one(wrapping, "n", int))


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise LegacyFileError("the line is not JSON") from None


def export_key(header: Header, secret: str) -> ExportKey:
    """secret: the passphrase, or a KEK as 64 hex digits. Raises LegacyFileError."""
    try:
        return ExportKey(kek_of(secret, header.salt, cost=header.cost) if header.kdf == "scrypt" else bytes.fromhex(secret))
    except ValueError:
        raise LegacyFileError("the secret does not fit the file: " + ("a passphrase is needed" if header.kdf == "scrypt"
                                                                      else "a KEK of 64 hex digits is needed")) from None


class LegacyFile:
    """A checked export. Iterating gives each key and what opens its material. Raises LegacyFileError when it is made."""

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        lines = _lines(path)
        first = next(lines, b"")
        self.header = _numbered(1, lambda: _header(first))
        self._key = export_key(self.header, secret)
        self._verify(first, lines)

    def _verify(self, first: bytes, lines: Iterator[bytes]) -> None:
        """Whole, unchanged, and every line in order. The seal first: of a changed file no line means anything."""
        seal, errors, last, count = self._key.seal(), [], first, 0
        seen: set[str] = set()
        for count, (line, last) in enumerate(pairwise(chain([first], lines))):  # noqa: B007 - both are read after it
            seal.update(line)
            if not count:
                continue
            try:
                entry = _numbered(count + 1, lambda line=line: entry_of(_json(line)))  # type: ignore[misc]
            except LegacyFileError as error:
                errors.append(str(error))
                continue
            named = {entry.id, *(version.id for version in entry.versions), *entry.aliases}
            if named & seen:
                errors.append(f"line {count + 1}: an id or alias was there before")
            seen |= named
        try:
            end = _json(last)
        except LegacyFileError:
            end = None
        _check(isinstance(end, dict) and isinstance(end.get("mac"), str), "the last line is missing: the file was cut off")
        _check(hmac.compare_digest(end["mac"], seal.hexdigest()), "the secret is not that of this file, or the file was changed")
        _check(count == self.header.keys == end.get("end"), f"the file has {count} keys and says {self.header.keys}")
        if errors:
            raise LegacyFileError(*errors[:MOST_ERRORS])

    def __iter__(self) -> Iterator[tuple[Entry, dict[str, bytes]]]:
        lines = _lines(self._path)
        next(lines)
        for number in range(self.header.keys):
            entry = entry_of(_json(next(lines)))
            yield entry, _numbered(number + 2, lambda entry=entry: self._material(entry))  # type: ignore[misc]

    def _material(self, entry: Entry) -> dict[str, bytes]:
        try:
            return {version.id: self._key.unwrap(version.wrapped, Name(entry.id, version.id, entry.spec))
                    for version in entry.versions if version.wrapped is not None}
        except BadCiphertext:
            raise LegacyFileError(f"the material of key {entry.id} does not open") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while line := source.readline(LONGEST_LINE):
                _check(line.endswith(b"\n"), "a line is too long, or the last one has no end")
                yield line
    except OSError as error:
        raise LegacyFileError(f"{path} cannot be read: {error.strerror}") from None


def _numbered(number: int, work: Callable[[], T]) -> T:
    try:
        return work()
    except LegacyFileError as error:
        raise LegacyFileError(f"line {number}: {error}") from None


def written(keys: Iterable[tuple[Entry, dict[str, bytes]]], key: ExportKey, wrapping: dict[str, Any],
            count: int) -> Iterator[bytes]:
    """The lines of an export. wrapping: how `key` came about, as in the header."""
    seal = key.seal()
    head = {"format": FORMAT, "version": VERSION, "keys": count, "wrapping": wrapping}
    for row in (head, *(_row(entry, material, key) for entry, material in keys)):
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        seal.update(line)
        yield line
    yield json.dumps({"end": count, "mac": seal.hexdigest()}).encode() + b"\n"


def _row(entry: Entry, material: dict[str, bytes], key: ExportKey) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": entry.id, "created_at": iso(entry.created_at), "state": entry.state, "spec": entry.spec, "usage": entry.usage,
        "origin": entry.origin, "protection_level": entry.protection_level, "creator": entry.creator,
        "description": entry.description, "deletion_protection": entry.deletion_protection, "rotation_days": entry.rotation_days,
        "aliases": list(entry.aliases), "tags": dict(entry.tags)}
    row |= {name: iso(value) for name in ("delete_at", "material_expires_at", "last_rotation_at")
            if (value := getattr(entry, name)) is not None}
    row["versions"] = [
        {"id": version.id, "created_at": iso(version.created_at), "primary": version.primary}
        | ({"material": base64.b64encode(key.wrap(material[version.id], Name(entry.id, version.id, entry.spec))).decode()}
           if version.id in material else {}) for version in entry.versions]
    return row
