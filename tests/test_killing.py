"""The helper that kills: it dies where it says, and the database keeps what was committed and nothing else."""

from __future__ import annotations

import pytest
from django.db import transaction

from access import nonces
from access.models import UsedNonce
from base import clock
from tests.killing import deaths, died_at

pytestmark = pytest.mark.django_db(transaction=True)


def write_two(name: str) -> None:
    with transaction.atomic():
        for number in (1, 2):
            UsedNonce.objects.create(digest=nonces.digest(name, str(number)), forget_at=clock.real_now())


def test_a_transaction_is_there_from_its_commit_on():
    names = (f"key-{number}" for number in range(100))
    seen = []
    for name, place in deaths(lambda: next(names), write_two):
        seen.append(place.replace('"', ""))
        written = UsedNonce.objects.filter(digest__in=[nonces.digest(name, number) for number in "12"])
        assert written.count() == (2 if place == "after COMMIT" else 0)
    insert = "INSERT INTO access_usednonce"
    assert seen == [f"{word} {insert}" for _ in range(2) for word in ("before", "after")] + ["before COMMIT", "after COMMIT"]


def test_an_error_of_the_work_is_no_death():
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        died_at(0, lambda: 1 / 0)
