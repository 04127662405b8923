"""Identifiers in the vendor's formats."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from base import ids

AT = datetime(2022, 8, 9, 2, 50, 14, tzinfo=UTC)


def test_key_and_instance_ids_carry_their_time():
    assert re.fullmatch(r"key-lcl62f1cb66[0-9a-z]{10}", ids.key_id(AT))
    assert re.fullmatch(r"kst-lcl62f1cb66[0-9a-z]{10}", ids.instance_id(AT))
    assert len(ids.key_id(AT)) == len(ids.instance_id(AT)) == 25


def test_every_version_id_has_36_characters():
    for key in (ids.key_id(AT), ids.legacy_id()):
        assert len(ids.key_version_id(key)) == 36
    assert ids.is_legacy(ids.legacy_id())
    assert not ids.is_legacy(ids.key_id(AT))


def test_uids_and_secrets():
    assert all(re.fullmatch(r"[1-9]\d{15}", ids.account_uid()) for _ in range(50))
    assert len({ids.access_key_secret() for _ in range(50)}) == 50


def test_arns():
    arn = ids.arn("cn-local", "1", "alias/a:b/c")
    assert ids.split_arn(arn) == ("cn-local", "1", "alias/a:b/c")
    assert ids.split_arn("alias/a") is None
    assert ids.split_arn("acs:oss:cn-local:1:key/x") is None
