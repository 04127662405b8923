"""Every reason the product can give has a text, in words a person understands."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import translation

from base import clock
from base.refusal import Refusal
from keys.states import State
from kmsconsole import refusal_texts

ROOT = Path(__file__).parent.parent.parent
# The API's own refusals (signatures, wire format) never reach a page; `api.errors` holds their texts.
FLOORS = ("base", "crypto", "audit", "access", "instances", "keys", "migration", "backups", "kmsconsole")
# name of a function that makes a refusal -> where code and reason stand among its arguments.
MAKERS = {"Refusal": (0, None), "_parameter": (None, 1), "_invalid": (None, 1), "invalid": (None, 1),
          "_bad_material": (None, 1), "_refused": (0, None), "no": (None, 0), "_error": (None, 2),
          "_care": (None, 2), "_hidden": (None, 2), "legacy_full": (None, 0)}
FACTS = {"key": "key-1", "instance": "kst-1", "name": "main", "alias": "alias/a", "action": "CreateKey", "limit": 5, "used": 5,
         "state": "Enabled", "value": "x", "spec": "RSA_2048", "low": 7, "high": 366, "service": "ECS", "version": "v",
         "months": [1, 2], "plans": [1000, 2000], "keys": 3, "backup_at": clock.now(), "newest_at": clock.now(),
         "user": "bob", "description": "", "delete_at": clock.now() + timedelta(days=7), "end_at": clock.now(),
         "renew_by": clock.now(), "run": "mig-1"}


def _values(node, where):
    """The texts an argument may be: a literal, or an f-string over the states of a key."""
    if node is None:
        return set()
    if isinstance(node, ast.Constant):
        return {node.value} if node.value else set()
    if isinstance(node, ast.JoinedStr):
        head = node.values[0].value
        return {f"{head}{state}" for state in State if state is not State.DESTROYED}  # a destroyed key has its own reason
    if isinstance(node, ast.IfExp):
        return _values(node.body, where) | _values(node.orelse, where)
    return set()  # a parameter of the function: its callers are read as well


def slugs():
    found = set()
    for path in [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if name not in MAKERS:
                continue
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            at = MAKERS[name]
            reason = named.get("reason") or (node.args[at[1]] if at[1] is not None and len(node.args) > at[1] else None)
            code = node.args[at[0]] if at[0] is not None and node.args else None
            found |= _values(reason, path) or _values(code, path)
    return sorted(found)


def test_the_reader_finds_what_it_should():
    assert {"service_key", "quota_keys", "Forbidden.NoPermission", "Rejected.Disabled", "moved_PendingDeletion",
            "too_long", "plaintext_size", "material_differs", "bad_ciphertext"} <= set(slugs())


@pytest.mark.parametrize("slug", slugs())
def test_every_reason_has_a_text(slug):
    assert slug in refusal_texts.TEXTS


@pytest.mark.parametrize("language", ["en", "ja", "zh-hans"])
@pytest.mark.parametrize("slug", sorted(refusal_texts.TEXTS))
def test_every_text_takes_its_facts(slug, language):
    with translation.override(language):
        told = refusal_texts.told(Refusal("Code", FACTS, reason=slug, who="administrator"))
    assert told.title
    assert told.sentence
    assert "%(" not in told.sentence


@pytest.mark.django_db
@pytest.mark.parametrize("way", sorted(refusal_texts.WAYS))
def test_every_way_out_leads_to_a_page(way):
    told = refusal_texts.told(Refusal("Code", FACTS, reason="service_key", lifted_by=way))
    assert told.url.startswith("/")
    assert told.way


def test_a_way_without_its_object_is_left_out():
    assert refusal_texts.told(Refusal("Code", {}, reason="service_key", lifted_by="EnableKey")).url == ""
