"""The admin shows rows to superusers; it changes nothing but people, and shows no sealed byte."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from access.models import User
from keys.models import KeyMaterial
from tests.pages.conftest import log_in

MODELS = [model for model in admin.site._registry if model._meta.app_label in ("audit", "access", "instances", "keys")]


@pytest.fixture
def roots(alice):
    User.objects.filter(pk=alice.user.pk).update(is_staff=True, is_superuser=True)
    return log_in(alice)


def page_of(model, what, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_it_shows_and_never_adds_or_deletes(roots, make_key, model):
    make_key()
    assert roots.get(page_of(model, "changelist")).status_code == 200
    assert roots.get(page_of(model, "add")).status_code == 403
    row = model.objects.first()
    if row is not None:
        assert roots.get(page_of(model, "change", row.pk)).status_code == 200
        assert roots.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        if model is not User:
            assert roots.post(page_of(model, "change", row.pk), {}).status_code == 403


def test_sealed_bytes_never_show(roots, make_key):
    key = make_key()
    material = KeyMaterial.objects.get(version__key=key)
    page = roots.get(page_of(KeyMaterial, "change", material.pk)).content
    assert bytes(material.stored).hex().encode() not in page
    assert b"stored" not in page.lower()


@pytest.mark.parametrize("who", ["alices", "bobs"])
def test_others_may_not_enter(request, who, db):
    answer = request.getfixturevalue(who).get("/admin/", follow=True)
    assert answer.status_code == 403


def test_a_user_can_be_switched_off(roots, bob):
    page = page_of(User, "change", bob.user.pk)
    roots.post(page, {"username": "bob", "role": "auditor", "language": "", "theme": ""})
    bob.user.refresh_from_db()
    assert (bob.user.is_active, bob.user.role) == (False, "auditor")
