"""The pages of HSM clusters: WCAG by axe, nothing scrolls sideways, and an instance is connected by clicking."""

from __future__ import annotations

import pytest
from django.urls import reverse

from keys import operations as keys
from tests import make
from tests.browser.conftest import log_in
from tests.browser.test_accessibility import findings

pytestmark = pytest.mark.django_db(transaction=True)


def pages(alice, softhsm):
    """name -> address; one cluster in use with a key, another one free, and an instance that waits for it."""
    cluster = make.hsm_cluster(alice, softhsm)
    home = make.hardware_instance(alice, cluster, name="payments-hsm")
    keys.create_key(alice(), instance=home)
    make.hsm_cluster(alice, softhsm, name="spare", labels=("kms-hsm-a", "kms-hsm-c"))
    waiting = make.hardware_instance(alice, None, name="waiting")
    return {"hsm-list": "/hsm/", "hsm": reverse("hsm:detail", args=[cluster.pk]),
            "hsm-connect": reverse("instances:connect_hsm", args=[waiting.pk]),
            "hsm-disconnect": reverse("instances:disconnect_hsm", args=[home.pk]),
            "hsm-instance": reverse("instances:detail", args=[home.pk]),
            "hsm-waiting": reverse("instances:detail", args=[waiting.pk]), "hsm-new-key": "/keys/new/"}


def test_axe_finds_nothing_and_an_instance_is_connected(open_browser, live_server, softhsm, renewals, alice):
    page, found = open_browser(), []
    log_in(page, live_server.url, alice)
    addresses = pages(alice, softhsm)
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        for name, address in addresses.items():
            page.goto(live_server.url + address)
            found += findings(page, f"{name} at {width}")
    page.goto(live_server.url + addresses["hsm-connect"])
    page.get_by_role("radio", name="spare").check()
    page.get_by_role("button", name="Test connection").click()
    page.get_by_text("All members use the same keys").wait_for()
    found += findings(page, "tested")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_text("The instance is connected to its HSM.").first.wait_for()
    with softhsm.without("kms-hsm-b"):
        page.goto(live_server.url + addresses["hsm"])
        page.get_by_role("button", name="Check now").click()
        page.get_by_role("heading", name="A member is away").wait_for()
        found += findings(page, "degraded")
    assert found == []
