"""Reading the root key: two spellings, one file mode, clear errors that never show the value."""

from __future__ import annotations

import base64
import stat

import pytest

from crypto import rootkey
from crypto.errors import RootKeyError

RAW = bytes(range(32))


@pytest.mark.parametrize("text", [RAW.hex(), RAW.hex().upper(), base64.b64encode(RAW).decode(), f" {RAW.hex()}\n"])
def test_both_spellings_give_the_same_key(text):
    assert rootkey.parse(text, source="x").check_value() == rootkey.parse(RAW.hex(), source="x").check_value()


@pytest.mark.parametrize("text", ["", "short", RAW.hex()[:-2], "z" * 64, base64.b64encode(RAW + b"!").decode()])
def test_anything_else_is_refused_without_showing_it(text):
    with pytest.raises(RootKeyError) as error:
        rootkey.parse(text, source="KMS_ROOT_KEY")
    assert "KMS_ROOT_KEY" in str(error.value)
    assert not text or text not in str(error.value).replace("KMS_ROOT_KEY", "")


def test_a_fresh_file_is_private_and_reads_back(tmp_path):
    path = tmp_path / "root.key"
    key = rootkey.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rootkey.read("", path).check_value() == key.check_value()
    assert rootkey.create(path).check_value() == key.check_value(), "a second start keeps the first key"
    assert [entry.name for entry in tmp_path.iterdir()] == ["root.key"]


def test_a_file_open_to_others_is_refused(tmp_path):
    path = tmp_path / "root.key"
    rootkey.create(path)
    path.chmod(0o640)
    with pytest.raises(RootKeyError, match="0600"):
        rootkey.read("", path)


def test_the_environment_wins_over_the_file(tmp_path):
    path = tmp_path / "root.key"
    rootkey.create(path)
    assert rootkey.read(RAW.hex(), path).check_value() == rootkey.parse(RAW.hex(), source="x").check_value()
    assert rootkey.read("", tmp_path / "absent") is None
