"""The root key: made once, checked always, never replaced by accident."""

from __future__ import annotations

import pytest

from access import root
from access.models import RootKeyCheck
from crypto.errors import RootKeyError

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file_only(settings, tmp_path):
    settings.KMS_ROOT_KEY = ""
    settings.KMS_ROOT_KEY_PATH = tmp_path / "root.key"
    root.forget()
    yield tmp_path / "root.key"
    root.forget()


def test_the_first_start_makes_it_and_the_second_keeps_it(file_only):
    root.prepare()
    first = file_only.read_text()
    root.prepare()
    assert file_only.read_text() == first
    assert RootKeyCheck.objects.count() == 1
    assert first.strip() not in RootKeyCheck.objects.get().check_value


def test_a_lost_file_stops_the_start_and_no_new_key_is_made(file_only):
    root.prepare()
    file_only.unlink()
    for start in (root.prepare, root.check):
        with pytest.raises(RootKeyError, match="restore root.key"):
            start()
    assert not file_only.exists()


def test_another_key_stops_the_start(file_only, settings):
    root.prepare()
    settings.KMS_ROOT_KEY = "ab" * 32
    for start in (root.prepare, root.check):
        with pytest.raises(RootKeyError, match="not the one") as error:
            start()
        assert "abab" not in str(error.value)


def test_an_empty_database_has_none_to_check():
    with pytest.raises(RootKeyError):
        root.check()
