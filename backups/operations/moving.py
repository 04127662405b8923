"""Taking a backup out of this installation, and bringing one in. The file stays as it is; only who can open it changes."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from django.db import transaction

from access.models import Account
from access.rules import why_not_permitted
from audit import recording
from backups import files, lookup, rules
from backups.models import Backup, Download
from backups.states import DOWNLOAD_FOR, Kind, State
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import sealed_stream
from crypto.envelope import WrappingKey
from crypto.sealed_stream import FORMAT, Opening, Recipient, Unreadable
from instances.models import Instance

PREFIX = "KMSB"
_GROUP, _BLOCK, NAME_LIMIT = 4, 256 * 1024, 128


@dataclass(frozen=True, slots=True)
class Exported:
    """encryption_key: printable, shown once and kept nowhere."""

    download: Download
    encryption_key: str = field(repr=False)


def printable(raw: bytes) -> str:
    """``KMSB-XXXX-…``: 32 bytes and two of a check sum, in groups of Base32, which nobody misreads aloud."""
    text = base64.b32encode(raw + _check(raw)).decode("ascii").rstrip("=")
    return "-".join([PREFIX, *(text[i:i + _GROUP] for i in range(0, len(text), _GROUP))])


def _check(raw: bytes) -> bytes:
    return bytes.fromhex(WrappingKey(raw).check_value()[:4])


def from_printable(text: str) -> WrappingKey | None:
    """None for what is no such key; a slip of the pen is seen at once, without trying the file."""
    letters = "".join(text.upper().split()).replace("-", "").removeprefix(PREFIX)
    with contextlib.suppress(ValueError):
        raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
        if len(raw) == 34 and raw[32:] == _check(raw[:32]):
            return WrappingKey(raw[:32])
    return None


@recording.operation("DownloadBackup")
def download_backup(caller: Caller, backup: Backup) -> Exported:
    """A fresh download key, and the file's own key sealed under it. Whoever has both the file and this key can open every key
    in it, whatever becomes of this installation."""
    if reasons := rules.why_not_use(lookup.facts(caller, backup, "DownloadBackup")):
        raise Refused(*reasons)
    bearer, raw = WrappingKey.generate()
    try:
        with lookup.opened(backup) as (_, _opening, key):
            recipient = key.sealed_for(Recipient.BEARER, bearer)
    except Unreadable as error:
        raise lookup.refused_as(error, backup) from None
    with transaction.atomic():
        download = Download.objects.create(id=secrets.token_hex(16), backup=backup, recipient=recipient,
                                           expires_at=caller.at + DOWNLOAD_FOR)
        recording.record(caller, "DownloadBackup", backup, instance=backup.source, download=download.pk)
    return Exported(download, printable(raw))


def blocks(download: Download) -> Iterator[bytes]:
    """The file for the bearer of the key, block by block. Raises Unreadable."""
    with lookup.opened(download.backup) as (source, opening, _):
        yield opening.raw + bytes(download.recipient)
        source.seek(opening.start)
        while block := source.read(_BLOCK):
            yield block


def size_of(download: Download) -> int:
    """A download is as long as the file: both seal 32 bytes."""
    return download.backup.size


@recording.operation("UploadBackup")
def upload_backup(caller: Caller, account: Account, source: BinaryIO, *, decryption_key: str = "", name: str = "") -> Backup:
    """Takes a file in, if every byte of it is genuine, as a backup of `account`. Without a key it must be one of this
    installation's own, as they lie in its directory: that is how they come back after the database was lost."""
    if denied := why_not_permitted(caller, "UploadBackup"):
        raise Refused(*denied)
    if len(name) > NAME_LIMIT:
        raise Refused(Refusal("InvalidParameter", {"name": "Name", "limit": NAME_LIMIT}, reason="too_long", who="user"))
    try:
        opening = sealed_stream.read_opening(source)
        key = opening.file_key(_holder(opening, decryption_key))
        about = _about(opening)
    except Unreadable as error:
        raise lookup.refused_as(error) from None
    backup = Backup(id=ids.backup_id(caller.at), account=account, name=name, kind=Kind.UPLOADED, state=State.RUNNING,
                    asked_by=caller.principal, format_version=FORMAT, **about)
    backup.instance = Instance.objects.filter(pk=backup.source, account=account).first()
    with files.held(backup.pk):
        try:
            with files.drafted(backup.pk) as out:
                out.write(opening.raw + key.sealed_for(Recipient.INSTALLATION, lookup.holder()))
                source.seek(opening.start)
                while block := source.read(_BLOCK):
                    out.write(block)
                out.flush()
                backup.digest, backup.size = files.digest_of(out)
            backup.key_count, backup.version_count = lookup.count_in(backup)
            backup.state, backup.ended_at = State.SUCCEEDED, caller.at
            with transaction.atomic():
                backup.save(force_insert=True)
                recording.record(caller, "UploadBackup", backup, source=backup.source, source_account=backup.source_account,
                                 keys=backup.key_count, size=backup.size)
        except Unreadable as error:
            files.shred(files.path_of(backup.pk))
            raise lookup.refused_as(error) from None
        except BaseException:
            files.shred(files.path_of(backup.pk))
            raise
    return backup


def _holder(opening: Opening, decryption_key: str) -> WrappingKey:
    if opening.recipient is Recipient.INSTALLATION:
        return lookup.holder()
    bearer = from_printable(decryption_key)
    if bearer is None:
        raise Refused(Refusal("InvalidParameter", {"name": "DecryptionKey"}, reason="backup_key_syntax", who="user"))
    return bearer


def _about(opening: Opening) -> dict[str, Any]:
    """What the header says, as columns. It was authenticated with the file key. Raises Unreadable."""
    try:
        said = json.loads(opening.header)
        made_at = datetime.fromisoformat(said["created_at"])
        about = {"source": said["instance"], "source_name": said["name"], "source_type": said["type"],
                 "source_account": said["account"]}
        if not all(isinstance(text, str) and 0 < len(text) <= 128 for text in about.values()):
            raise ValueError
        if about["source_type"] not in Instance.Type.values or len(about["source_account"]) > 16 or len(about["source"]) > 64:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Unreadable("damaged") from None
    return {**about, "began_at": made_at}
