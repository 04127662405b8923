"""The row of the default key, and its Enable."""

from __future__ import annotations

from typing import Any

from keys.models import Alias, Key
from keys.operations.default_keys import enable_default_key
from keys.states import State

URL = "/keys/default/enable/"
GOOD = {"alias": "main", "description": "for services", "origin": "Aliyun_KMS"}


def test_the_row_is_always_there(alices: Any, alice: Any, instance: Any, words: Any) -> None:
    page = alices.get("/keys/?tab=default")
    assert "Not enabled yet" in words(page)
    assert URL in page.content.decode()
    assert "Not enabled yet" not in words(alices.get("/keys/"))
    enable_default_key(alice(), alias_name="alias/main")
    page = alices.get("/keys/?tab=default")
    assert "Not enabled yet" not in words(page)
    assert "main key-" in words(page)


def test_it_works(alices: Any, instance: Any, words: Any) -> None:
    assert "I understand the implications" in words(alices.get(URL))
    answer = alices.post(URL, GOOD)
    key = Key.objects.get()
    assert answer["Location"] == f"/keys/{key.pk}/"
    assert (key.kind, key.state, Alias.objects.get().name) == ("default", State.ENABLED, "alias/main")
    assert "The default key is enabled." in words(alices.get(answer["Location"]))


def test_external_material_needs_the_tick(alices: Any, instance: Any, words: Any) -> None:
    answer = alices.post(URL, {**GOOD, "origin": "EXTERNAL"})
    assert answer.status_code == 400
    assert "Confirm that you understand" in words(answer)
    assert 'value="main"' in answer.content.decode()
    alices.post(URL, {**GOOD, "origin": "EXTERNAL", "understood": "on"})
    assert Key.objects.get().state == State.PENDING_IMPORT


def test_it_refuses(alices: Any, alice: Any, bobs: Any, instance: Any, words: Any) -> None:
    assert alices.post(URL, {**GOOD, "alias": ""}).status_code == 400
    assert alices.post(URL, {**GOOD, "origin": "Elsewhere"}).status_code == 400
    assert bobs.post(URL, GOOD).status_code == 403
    assert "Your role does not allow this" in words(bobs.get(URL))
    assert not Key.objects.exists()
    enable_default_key(alice(), alias_name="alias/main")
    assert "There is a default key already" in words(alices.get(URL))
    assert alices.post(URL, {**GOOD, "alias": "other"}).status_code == 409


def test_as_a_dialog(alices: Any, instance: Any) -> None:
    page = alices.get(URL, headers={"HX-Request": "true", "HX-Target": "modal"}).content.decode()
    assert page.lstrip().startswith("<form")
    assert "hx-post" in page
