"""A file that is not whole and genuine restores nothing: any byte changed, cut anywhere, the wrong key, a newer format."""

from __future__ import annotations

import io
import random

import pytest

from backups import files, lookup, operations
from backups.models import Backup, Restore
from backups.operations import moving
from backups.states import State
from base.refusal import Refused
from crypto import sealed_stream
from crypto.envelope import WrappingKey
from crypto.sealed_stream import CHUNK, SEALED_KEY, TAG, Unreadable, Writer
from keys.models import Key
from tests import make
from tests.backups.estate import back_up, lose

pytestmark = pytest.mark.django_db
HOLDER, _ = WrappingKey.generate()


def sealed(content: bytes, header: bytes = b'{"a":1}') -> bytes:
    out = io.BytesIO()
    writer = Writer(out, header, HOLDER)
    for start in range(0, len(content), 10_000):
        writer.write(content[start:start + 10_000])
    writer.close()
    return out.getvalue()


def read(data: bytes, holder: WrappingKey = HOLDER) -> bytes:
    source = io.BytesIO(data)
    return b"".join(sealed_stream.chunks(source, sealed_stream.read_opening(source).file_key(holder)))


def why(data: bytes, holder: WrappingKey = HOLDER) -> str:
    with pytest.raises(Unreadable) as caught:
        read(data, holder)
    return caught.value.reason


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_goes_in_comes_out(length):
    content = random.Random(length).randbytes(length)
    assert read(sealed(content)) == content


def test_every_byte_of_a_small_file_counts():
    data = sealed(b"one line\n" * 20)
    for place in range(len(data)):
        for bit in (1, 128):
            assert why(data[:place] + bytes([data[place] ^ bit]) + data[place + 1:])


def test_every_cut_of_a_small_file_is_seen():
    data = sealed(b"one line\n" * 20)
    for end in range(len(data)):
        assert why(data[:end])
    assert why(data + b"\0") == "damaged"


def test_chunks_cannot_be_cut_off_moved_repeated_left_out_or_mixed():
    content = random.Random(7).randbytes(3 * CHUNK + 500)
    data = sealed(content)
    start, whole = len(data) - (3 * (CHUNK + TAG) + 500 + TAG), CHUNK + TAG
    head, parts = data[:start], [data[start + n * whole:start + (n + 1) * whole] for n in range(4)]
    for wrong in ([0, 1, 2], [0, 1], [0], [], [1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 2, 3], [0, 1, 3], [3], [0, 1, 2, 3, 3]):
        assert why(head + b"".join(parts[n] for n in wrong)) == "damaged"
    other = sealed(content)
    assert why(head + b"".join(parts[:3]) + other[start + 3 * whole:]) == "damaged"
    for cut in random.Random(8).sample(range(len(data)), 25):
        assert why(data[:cut])


def test_the_header_is_bound_to_the_content():
    one, other = sealed(b"content", b'{"account":"1"}'), sealed(b"content", b'{"account":"2"}')
    assert why(one[:29] + other[29:]) in ("damaged", "wrong_key")
    # The recipient's part of one file opens no other.
    start = 14 + 15
    assert why(one[:start] + other[start:start + 1 + SEALED_KEY] + one[start + 1 + SEALED_KEY:]) == "damaged"


def test_each_reason_is_said():
    data, stranger = sealed(b"content"), WrappingKey.generate()[0]
    assert why(data, stranger) == "wrong_key"
    assert why(data[:9] + b"\2" + data[10:]) == "newer_format"
    assert why(b"PK\3\4 a zip file") == "not_a_backup"
    assert why(b"") == "not_a_backup"


@pytest.fixture
def backup(alice, instance, make_key) -> Backup:
    for _ in range(3):
        make_key()
    made = back_up(alice, instance)
    lose(instance)
    return made


def refused(what) -> str:
    with pytest.raises(Refused) as caught:
        what()
    return caught.value.first.slug


def nothing_restored() -> bool:
    return not Key.objects.exists()


def test_a_damaged_file_restores_nothing(alice, instance, backup):
    """Sampled over the whole file, its last byte and its cuts included; the keys before the damage do not come back either."""
    path = files.path_of(backup.pk)
    data, dice = path.read_bytes(), random.Random(1)
    places = [0, 8, 14, len(data) - 1, *dice.sample(range(len(data)), 12)]
    changed = [data[:n] + bytes([data[n] ^ 64]) + data[n + 1:] for n in places]
    for broken in [*changed, *(data[:n] for n in (0, 40, len(data) - 1))]:
        path.write_bytes(broken)
        asked = operations.restore_backup(alice(), backup, instance)
        assert refused(lambda asked=asked: operations.run_restore(make.operator(), asked)).startswith("backup_")
        assert Restore.objects.get(pk=asked.pk).state == State.FAILED
        assert nothing_restored()
        assert not operations.run_drill(make.operator(), backup).passed
    path.unlink()
    assert refused(lambda: list(operations.foretold(alice(), backup, instance))) == "backup_file_gone"


def test_damage_in_the_last_chunk_of_a_larger_file_restores_nothing_of_the_first(alice, instance, make_key):
    for _ in range(40):
        make_key(description="d" * 4000)
    backup = back_up(alice, instance)
    lose(instance)
    path = files.path_of(backup.pk)
    data = path.read_bytes()
    assert len(data) > 2 * CHUNK
    path.write_bytes(data[:-1])
    asked = operations.restore_backup(alice(), backup, instance)
    assert refused(lambda: operations.run_restore(make.operator(), asked)) == "backup_damaged"
    assert nothing_restored()


def downloaded(who, backup) -> tuple[bytes, str]:
    made = operations.download_backup(who(), backup)
    return b"".join(moving.blocks(made.download)), made.encryption_key


def upload(who, data: bytes, key: str = "") -> Backup:
    return operations.upload_backup(who(), who.account, io.BytesIO(data), decryption_key=key)


def test_an_upload_is_taken_whole_or_not_at_all(alice, backup):
    data, key = downloaded(alice, backup)
    other_key = downloaded(alice, backup)[1]
    newer = data[:8] + (2).to_bytes(2, "big") + data[10:]
    before = set(files.directory().iterdir())
    for wrong, reason in ((data[:-1], "backup_damaged"), (data[:200], "backup_damaged"), (newer, "backup_newer_format"),
                          (b"hello", "backup_is_none"), (data + b"x", "backup_damaged"),
                          (data[:-40] + b"x" + data[-39:], "backup_damaged")):
        assert refused(lambda wrong=wrong: upload(alice, wrong, key)) == reason
    assert refused(lambda: upload(alice, data, other_key)) == "backup_wrong_key"
    assert refused(lambda: upload(alice, data)) == "backup_key_syntax"
    assert refused(lambda: upload(alice, data, key[:-2] + ("AA" if key[-2:] != "AA" else "BB"))) == "backup_key_syntax"
    assert Backup.objects.count() == 1
    assert set(files.directory().iterdir()) == before
    taken = upload(alice, data, f" {key.lower()} ")
    assert (taken.key_count, taken.source, taken.kind) == (3, backup.source, "uploaded")


def test_a_download_key_is_kept_nowhere(alice, backup):
    data, key = downloaded(alice, backup)
    letters = key.replace("-", "").encode()
    for path in files.directory().iterdir():
        assert letters not in path.read_bytes()
    assert letters not in data
    assert key not in repr(operations.download_backup(alice(), backup))
    with pytest.raises(Unreadable, match="wrong_key"):
        sealed_stream.read_opening(io.BytesIO(data)).file_key(lookup.holder())


def test_an_own_file_needs_no_key(alice, backup):
    """As after a lost database: the directory and the root key are what is left."""
    taken = upload(alice, files.path_of(backup.pk).read_bytes())
    assert taken.key_count == 3
