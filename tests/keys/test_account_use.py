"""Uses of a whole account by day, added up with those of its keys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from base.refusal import Refused
from keys import operations as keys
from keys.models import AccountUse
from keys.usage_sweep import gather_uses
from tests.keys.calls import TEXT


def gathered():
    for _ in range(2):  # what one run saw the next one counts
        gather_uses(clock.now())
    return {(row.account_id, row.day): (row.used, row.refused) for row in AccountUse.objects.all()}


def test_it_works(alice, make_key):
    key, other, yesterday = make_key(), make_key(), clock.now() - timedelta(days=1)
    for one in (key, key, other):
        keys.encrypt(alice(), one, plaintext=TEXT)
    keys.encrypt(alice(at=yesterday), key, plaintext=TEXT)
    keys.disable_key(alice(), other)
    with pytest.raises(Refused):
        keys.encrypt(alice(), other, plaintext=TEXT)
    account = alice.account.pk
    assert gathered() == {(account, clock.now().date()): (3, 1), (account, yesterday.date()): (1, 0)}
    keys.encrypt(alice(), key, plaintext=TEXT)
    assert gathered()[account, clock.now().date()] == (4, 1)


def test_accounts_are_counted_apart(alice, charlie, make_key):
    keys.encrypt(alice(), make_key(), plaintext=TEXT)
    assert {account for account, _ in gathered()} == {alice.account.pk}
