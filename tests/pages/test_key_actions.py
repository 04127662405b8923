"""Every action is a form post, one operation each; a refused one shows the same page with every reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Event
from base import clock
from keys import operations
from keys.states import State

MODAL = {"HX-Request": "true", "HX-Target": "modal"}


def page_of(key, name="detail"):
    return reverse(f"keys:{name}", args=[key.pk])


def events(key, action):
    mine = Event.objects.filter(object_id=key.pk, action=action, door="console").order_by("id")
    return list(mine.values_list("outcome", flat=True))


def test_it_disables_and_enables(alices, make_key, words):
    key = make_key()
    answer = alices.post(page_of(key, "disable"), {"revision": key.revision})
    assert (answer.status_code, answer["Location"]) == (303, page_of(key))
    key.refresh_from_db()
    assert key.state == State.DISABLED
    assert "Disabled. You can enable it again" in words(alices.get(page_of(key)))
    alices.post(page_of(key, "enable"), {"revision": key.revision})
    key.refresh_from_db()
    assert key.state == State.ENABLED
    assert events(key, "DisableKey") == events(key, "EnableKey") == ["ok"]


def test_a_dialog_sends_the_browser_on(alices, make_key):
    key = make_key()
    answer = alices.post(page_of(key, "disable"), {"revision": key.revision}, headers=MODAL)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, page_of(key))


def test_a_stale_page_changes_nothing(alices, alice, make_key, words):
    key = make_key()
    seen = key.revision
    operations.update_key_description(alice(), key, description="somebody was faster")
    answer = alices.post(page_of(key, "disable"), {"revision": seen})
    assert answer.status_code == 409
    assert "It changed since you opened this page" in words(answer)
    key.refresh_from_db()
    assert key.state == State.ENABLED
    assert events(key, "DisableKey") == ["Rejected.StateModifiedFailed"]


def test_a_stale_dialog_shows_the_reason_inside_the_dialog(alices, alice, make_key):
    key = make_key()
    operations.update_key_description(alice(), key, description="x")
    answer = alices.post(page_of(key, "disable"), {"revision": 0}, headers=MODAL)
    assert answer.status_code == 409
    assert b"<html" not in answer.content
    assert b"It changed since you opened this page" in answer.content


def test_it_edits_the_description(alices, make_key):
    key = make_key(description="before")
    alices.post(page_of(key, "describe"), {"revision": key.revision, "description": "  after\nlines  "})
    key.refresh_from_db()
    assert key.description == "after\nlines"
    assert alices.post(page_of(key, "describe"), {"description": "x" * 8193}).status_code == 400


@pytest.mark.parametrize("days", [7, 30, 366])
def test_it_schedules_a_deletion(alices, make_key, words, days):
    key = make_key()
    answer = alices.post(page_of(key, "schedule_deletion"), {"revision": key.revision, "days": days, "confirm": f" {key.pk} "})
    assert answer.status_code == 303
    key.refresh_from_db()
    assert key.state == State.PENDING_DELETION
    assert abs(key.delete_at - clock.now() - timedelta(days=days)) < timedelta(minutes=1)
    assert "You can cancel it until" in words(alices.get(answer["Location"]))


@pytest.mark.parametrize(("days", "confirm"), [
    ("6", "id"), ("367", "id"), ("", "id"), ("thirty", "id"), ("7.5", "id"), ("-7", "id"), ("30", ""), ("30", "KEY"),
    ("30", "other"), ("30", "shop/cards")])
def test_a_slip_schedules_nothing(alices, alice, make_key, days, confirm):
    """Neither does the alias: it could be on its way to another key."""
    key = make_key()
    operations.create_alias(alice(), key, alias_name="alias/shop/cards")
    typed = {"id": key.pk, "KEY": key.pk.upper()}.get(confirm, confirm)
    answer = alices.post(page_of(key, "schedule_deletion"), {"revision": key.revision, "days": days, "confirm": typed})
    assert answer.status_code == 400
    assert b'aria-invalid="true"' in answer.content
    key.refresh_from_db()
    assert key.state == State.ENABLED


def test_the_date_is_shown_before_anything_is_confirmed(alices, make_key, words):
    key = make_key()
    alices.cookies["zone"] = "Asia/Tokyo"
    page = words(alices.get(page_of(key, "schedule_deletion") + "?days=90"))
    assert "JST" in page
    assert "UTC" in page
    due = alices.get(page_of(key, "schedule_deletion") + "?days=90", headers={"HX-Request": "true", "HX-Target": "due"})
    assert b"<html" not in due.content
    when = clock.now() + timedelta(days=90)
    assert f"{when.day} {when:%b} {when.year}" in due.content.decode()
    for nonsense in ("0", "9999", "x", ""):
        assert alices.get(page_of(key, "schedule_deletion") + f"?days={nonsense}").status_code == 200


def test_a_second_click_shows_the_reason(alices, make_key, words):
    key = make_key()
    form = {"revision": key.revision, "days": "30", "confirm": key.pk}
    assert alices.post(page_of(key, "schedule_deletion"), form).status_code == 303
    again = alices.post(page_of(key, "schedule_deletion"), form)
    assert again.status_code == 409
    assert "A deletion is scheduled already" in words(again)
    assert page_of(key, "cancel_deletion") in again.content.decode()
    assert events(key, "ScheduleKeyDeletion") == ["ok", "Rejected.StateModifiedFailed"]


def test_protection_says_where_it_is_set(alices, make_key, words):
    key = make_key()
    home = key.instance
    home.deletion_protection = key.deletion_protection = True
    home.save()
    key.save()
    page = words(alices.get(page_of(key, "schedule_deletion")))
    assert "It is set on this key." in page
    assert "It is set on the instance main." in page
    answer = alices.post(page_of(key, "schedule_deletion"), {"revision": key.revision, "days": "7", "confirm": key.pk})
    assert answer.status_code == 409
    assert len(answer.context["form"].refusals) == 2


def test_the_switch_of_a_key(alices, alice, make_key, words):
    key = make_key()
    operations.create_alias(alice(), key, alias_name="alias/shop/cards")
    answer = alices.post(page_of(key, "protection"), {"turn": "on", "revision": key.revision, "description": " Audit until May "})
    assert (answer.status_code, answer["Location"]) == (303, page_of(key))
    key.refresh_from_db()
    assert (key.deletion_protection, key.deletion_protection_description) == (True, "Audit until May")
    page = words(alices.get(page_of(key, "schedule_deletion")))
    assert "It is set on this key. user/alice switched it on," in page
    assert "Reason: “Audit until May”. An administrator can change this. Go to the switch" in page
    assert page_of(key, "protection") in alices.get(page_of(key, "schedule_deletion")).content.decode()
    slip = alices.post(page_of(key, "protection"), {"turn": "off", "revision": key.revision, "confirm": "shop"})
    assert (slip.status_code, b'aria-invalid="true"' in slip.content) == (400, True)
    answer = alices.post(page_of(key, "protection"), {"turn": "off", "revision": key.revision, "confirm": " shop/cards "})
    assert answer.status_code == 303
    key.refresh_from_db()
    assert (key.deletion_protection, key.deletion_protection_by) == (False, "")
    assert events(key, "SetDeletionProtection") == ["ok", "ok"]


@pytest.mark.parametrize("sent", [{}, {"turn": ""}, {"turn": "sideways"}, {"turn": "off"},
                                  {"turn": "on", "description": "x" * 8193}])
def test_a_switch_needs_to_know_which_way(alices, make_key, sent):
    key = make_key()
    assert alices.post(page_of(key, "protection"), sent).status_code == 400
    key.refresh_from_db()
    assert not key.deletion_protection


def test_a_stale_switch_changes_nothing(alices, alice, make_key, words):
    key = make_key()
    form = {"turn": "on", "revision": key.revision}
    operations.update_key_description(alice(), key, description="somebody was faster")
    answer = alices.post(page_of(key, "protection"), form)
    assert (answer.status_code, "It changed since you opened this page" in words(answer)) == (409, True)
    key.refresh_from_db()
    assert not key.deletion_protection


def test_bob_sees_the_switch_and_why_he_cannot_move_it(bobs, make_key, words):
    key = make_key()
    assert "Your role does not allow this" in words(bobs.get(page_of(key, "protection")))
    assert bobs.post(page_of(key, "protection"), {"turn": "on"}).status_code == 403


def test_it_cancels_a_deletion(alices, make_key, words):
    key = make_key(State.PENDING_DELETION)
    assert page_of(key, "cancel_deletion") in alices.get(page_of(key)).content.decode()
    answer = alices.post(page_of(key, "cancel_deletion"), {"revision": key.revision})
    assert answer.status_code == 303
    key.refresh_from_db()
    assert (key.state, key.delete_at) == (State.ENABLED, None)
    assert "The key is enabled again." in words(alices.get(answer["Location"]))
    again = alices.post(page_of(key, "cancel_deletion"), {"revision": key.revision})
    assert (again.status_code, "There is nothing to cancel." in words(again)) == (409, True)


def test_a_key_without_material_goes_back_to_waiting(alices, alice, make_key, words):
    key = make_key(State.PENDING_IMPORT)
    operations.schedule_key_deletion(alice(), key, window_days=7)
    answer = alices.post(page_of(key, "cancel_deletion"), {"revision": key.revision})
    assert "The key waits for material again." in words(alices.get(answer["Location"]))


def test_other_methods_are_not_answered(alices, make_key):
    key = make_key()
    assert alices.post(page_of(key)).status_code == 405
    assert alices.put(page_of(key, "disable")).status_code == 405
    assert alices.delete(page_of(key, "disable")).status_code == 405
