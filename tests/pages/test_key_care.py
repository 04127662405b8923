"""What the pages say of the keys over the keys: the root key on the overview, the instance key on its instance."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from access.models import RootKeyCheck
from base import clock
from keys import operations as keys
from keys import rewrapping
from tests import make

UNDER_WAY = "rotation under way"


@pytest.fixture
def card():
    """The text of one card of a page."""
    def read(page, heading):
        found = re.search(rf'<section class="card" aria-labelledby="{heading}">.*?</section>', page.content.decode(), re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""

    return read


def test_the_root_key_is_shown_to_administrators(alices, alice, instance, card):
    assert card(alices.get("/"), "h-root") == "Root key Generation 1 Last rotated never"
    RootKeyCheck.objects.create(generation=2, check_value="0" * 16, created_at=clock.now())
    assert UNDER_WAY in card(alices.get("/"), "h-root")
    RootKeyCheck.objects.filter(generation=1).update(retired_at=clock.now())
    shown = card(alices.get("/"), "h-root")
    assert UNDER_WAY not in shown
    assert str(clock.now().year) in shown


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_and_to_nobody_else(client, request, instance, card, who):
    client.force_login(request.getfixturevalue(who).user)
    assert card(client.get("/"), "h-root") == ""


def test_the_rotation_of_an_instance_key(alices, alice, instance, make_key, card):
    page = reverse("instances:detail", args=[instance.pk])
    for _ in range(3):
        make_key()
    assert card(alices.get(page), "h-rekey") == "Instance key Generation 1"
    keys.rotate_instance_key(alice(), instance)
    make_key()
    shown = card(alices.get(page), "h-rekey")
    assert UNDER_WAY in shown
    assert "1 of 4 key versions have moved under it." in shown
    rewrapping.rewrap_superseded(clock.now())
    assert "4 of 4 key versions" in card(alices.get(page), "h-rekey")
    rewrapping.rewrap_superseded(clock.now() + 2 * rewrapping.REST)
    assert card(alices.get(page), "h-rekey") == "Instance key Generation 2"


def test_an_instance_without_one_has_no_card(alices, alice, card):
    waiting = make.instance(alice, enabled=False)
    assert card(alices.get(reverse("instances:detail", args=[waiting.pk])), "h-rekey") == ""
