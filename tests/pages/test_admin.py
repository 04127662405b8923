"""The admin shows every row of every model to superusers, changes none, and shows nothing that opens anything."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.test import RequestFactory
from django.urls import reverse

from access.models import User
from audit.admin import ReadOnly
from keys.models import KeyMaterial
from tests.pages.conftest import log_in

MODELS = apps.get_models()
OPENING = ("password", "secret", "token", "session_key", "session_data", "stored", "sealed_secret", "wrapped", "data")


@pytest.fixture
def roots(alice):
    User.objects.filter(pk=alice.user.pk).update(is_staff=True, is_superuser=True)
    return log_in(alice)


def page_of(model, what, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_there_and_none_can_be_changed(alice, model):
    """No right to add, change or delete, no action over many rows: asked of the admin itself, for the most powerful user."""
    shown = admin.site._registry[model]
    assert isinstance(shown, ReadOnly)
    request = RequestFactory().get("/")
    request.user = User(username="root", is_staff=True, is_superuser=True)
    assert shown.get_model_perms(request) == {"add": False, "change": False, "delete": False, "view": True}
    assert shown.get_actions(request) == {}
    assert not shown.inlines
    assert not shown.list_editable
    told = {*shown.list_display, *shown.get_search_fields(request), *shown.get_list_filter(request)}
    assert not told & set(OPENING)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_its_pages_open_search_and_refuse(roots, make_key, model):
    make_key()
    assert roots.get(page_of(model, "changelist"), {"q": "x"}).status_code == 200
    bulk = {"action": "delete_selected", "_selected_action": "1"}
    assert roots.post(page_of(model, "changelist"), bulk).status_code in (200, 302, 403)
    assert roots.get(page_of(model, "add")).status_code == 403
    row, before = model.objects.first(), model.objects.count()
    if row is not None and model is not Session:
        answer = roots.get(page_of(model, "change", row.pk))
        assert answer.status_code == 200
        assert b"No key operations here" in answer.content
        assert roots.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert roots.post(page_of(model, "change", row.pk), {"username": "eve"}).status_code == 403
    assert model.objects.count() >= before


def test_sealed_bytes_never_show(roots, make_key):
    key = make_key()
    material = KeyMaterial.objects.get(version__key=key)
    page = roots.get(page_of(KeyMaterial, "change", material.pk)).content
    assert bytes(material.stored).hex().encode() not in page
    assert b"field-stored" not in page
    assert b"field-version" in page


def test_what_opens_an_account_never_shows(roots, alice):
    row = Authenticator.objects.create(user=alice.user, type="totp", data={"secret": "sealed-secret-text"})
    assert b"sealed-secret-text" not in roots.get(page_of(Authenticator, "change", row.pk)).content
    assert alice.user.password.encode() not in roots.get(page_of(User, "change", alice.user.pk)).content
    key = roots.session.session_key
    assert key.encode() not in roots.get(page_of(Session, "changelist")).content
    for what in ("change", "delete", "history"):
        assert roots.get(page_of(Session, what, key)).status_code == 404


def test_a_password_is_changed_elsewhere(roots):
    assert roots.get("/admin/password_change/")["Location"] == "/password/"
    assert roots.post("/admin/password_change/", {"old_password": "x"})["Location"] == "/password/"


@pytest.mark.parametrize("who", ["alices", "bobs"])
def test_others_may_not_enter(request, who, db):
    answer = request.getfixturevalue(who).get("/admin/", follow=True)
    assert answer.status_code == 403


def test_it_follows_the_theme_of_the_account(roots, alice):
    for theme in ("dark", "light"):
        User.objects.filter(pk=alice.user.pk).update(theme=theme)
        assert f"always-{theme}.css" in roots.get("/admin/").content.decode()
