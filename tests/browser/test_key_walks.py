"""The import, the deletion and changes of many keys in Chromium, with scripts and without; and what goes wrong by the browser:
a second click, the back button, a reload, a stale tab."""

from __future__ import annotations

import base64
import re
import subprocess

import pytest
from playwright.sync_api import Page, expect

from audit.models import Event
from keys import operations
from keys.models import Key
from keys.states import State
from tests import make
from tests.browser.conftest import log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def open_page(open_browser, live_server, alice, instance):
    def build(address: str) -> Page:
        page = open_browser()
        log_in(page, live_server.url, alice)
        page.goto(live_server.url + address)
        return page

    return build


def wrapped_by_recipe(page: Page, folder) -> bytes:
    """What comes of the commands on the page, run as they stand."""
    page.locator("#recipe").get_by_role("button", name="Copy").click()
    recipe = page.locator("#code-recipe").inner_text()
    done = subprocess.run(["sh", "-e", "-c", recipe], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "EncryptedKeyMaterial_base64.txt").read_bytes()


def drop(page: Page, content: bytes) -> None:
    """A file dragged onto the dashed area from outside."""
    data = page.evaluate_handle("""text => { const all = new DataTransfer();
        all.items.add(new File([Uint8Array.from(atob(text), one => one.charCodeAt(0))], "Enc.bin")); return all; }""",
                                base64.b64encode(content).decode())
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("[data-drop]", event, {"dataTransfer": data})


def test_an_import_from_creation_to_coming_back(open_page, live_server, alice, tmp_path, watch):
    watch.allowed = ("409",)
    page = open_page("/keys/new/")
    page.get_by_role("radio", name="I bring my own").check()
    page.get_by_label("I understand the implications").check()
    page.get_by_label("Alias").fill("shop/own")
    page.get_by_role("button", name="Show API call").click()
    expect(page.locator("#code-call")).to_contain_text("Origin=EXTERNAL")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("h1")).to_have_text("shop/own")
    page.get_by_role("button", name="Get wrapping key").click()
    expect(page.locator("#token-left")).to_contain_text(re.compile("23 h 59 min|1 d 0 h 0 min"))
    wrapped = wrapped_by_recipe(page, tmp_path)
    drop(page, base64.b64decode(wrapped))
    expect(page.locator("[data-dropped]")).to_have_text("Enc.bin · 256 B")
    page.get_by_role("button", name="Import", exact=True).dblclick()
    expect(page.locator(".toast")).to_contain_text("Material imported.")
    mark = page.locator("aside dd.mono").first.inner_text()
    assert re.search(r"[0-9A-F]{4} [0-9A-F]{4}", mark)
    assert Event.objects.filter(action="ImportKeyMaterial").count() == 1
    page.reload()
    expect(page.locator(".head .badge").first).to_have_text("Enabled")

    key = Key.objects.get()
    page.get_by_role("link", name="Delete material").click()
    dialog = page.locator("dialog#modal")
    expect(dialog.get_by_role("button", name="Delete material")).to_be_disabled()
    dialog.locator("#id_confirm").fill(key.pk)
    dialog.get_by_role("button", name="Delete material").click()
    expect(page.locator(".head .badge").first).to_have_text("Pending import")
    page.locator("#id_file").set_input_files({"name": "E.txt", "mimeType": "text/plain", "buffer": wrapped})
    page.get_by_role("button", name="Import the same material again").click()
    expect(page.locator(".toast")).to_contain_text("The same material as before is back.")


def test_a_deletion_with_everything_the_browser_can_do_wrong(open_page, live_server, alice, instance, watch):
    watch.allowed = ("409",)
    key = make.key(alice, home=instance)
    operations.encrypt(alice(), key, plaintext="aGVsbG8=")
    address = f"/keys/{key.pk}/delete/"
    page, stale = open_page(address), open_page(address)
    expect(page.locator(".evidence")).to_contain_text("user/alice · Encrypt")
    page.get_by_role("button", name="90", exact=True).click()
    expect(page.locator("#due")).to_contain_text("JST")
    expect(page.locator("#due")).to_contain_text("UTC")
    button = page.get_by_role("button", name="Schedule deletion")
    page.locator("#id_confirm").fill("something else")
    expect(button).to_be_disabled()
    page.locator("#id_confirm").fill(key.pk)
    button.dblclick()
    expect(page.locator(".band.pend h2")).to_contain_text("This key will be destroyed on")
    due = Key.objects.get().delete_at
    page.reload()
    page.go_back()
    expect(page.locator(".why, .evidence").first).to_contain_text("A deletion is scheduled already")
    assert list(Event.objects.filter(action="ScheduleKeyDeletion").values_list("outcome", flat=True)) == ["ok"]
    stale.locator("#id_confirm").fill(key.pk)
    stale.get_by_role("button", name="Schedule deletion").click()
    expect(stale.locator(".refused")).to_contain_text("A deletion is scheduled already")
    assert Key.objects.get().delete_at == due
    stale.goto(f"{live_server.url}/keys/{key.pk}/usage/")
    stale.locator(".band").get_by_role("button", name="Cancel deletion").click()
    expect(stale.locator(".toast")).to_contain_text("The key is enabled again.")
    assert Key.objects.get().state == State.ENABLED


def test_many_keys_at_once(open_page, alice, instance):
    keys = [make.key(alice, home=instance) for _ in range(12)]
    operations.set_deletion_protection(alice(), keys[0], enabled=True, description="")
    page = open_page("/keys/")
    expect(page.get_by_role("button", name="Preview")).to_be_disabled()
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-picked]")).to_have_text("12")
    page.get_by_label("With the selected keys").select_option("delete")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main")).to_contain_text("11 keys would change.")
    button = page.get_by_role("button", name="Schedule deletion of keys")
    expect(button).to_be_disabled()
    page.locator("#id_confirm").fill("11")
    button.dblclick()
    expect(page.locator("#run-status")).to_have_text("Finished: all 11 changed")
    expect(page.locator("progress")).to_have_js_property("value", 11)
    page.reload()
    assert Key.objects.filter(state=State.PENDING_DELETION).count() == 11
    assert Event.objects.filter(action="ScheduleKeyDeletion").count() == 11


def test_the_same_without_scripts(browser, live_server, alice, instance, tmp_path):
    key = make.key(alice, State.PENDING_IMPORT, home=instance)
    others = [make.key(alice, home=instance) for _ in range(11)]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_server.url, alice)
    page.goto(f"{live_server.url}/keys/{key.pk}/material/")
    page.get_by_role("button", name="Get wrapping key").click()
    done = subprocess.run(["sh", "-e", "-c", page.locator("#code-recipe").inner_text()], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 0
    page.locator("#id_text").fill((tmp_path / "EncryptedKeyMaterial_base64.txt").read_text())
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator(".head .badge").first).to_have_text("Enabled")
    page.goto(f"{live_server.url}/keys/{key.pk}/rotation/")
    expect(page.locator("main")).to_contain_text("Keys with imported material do not rotate")
    page.goto(f"{live_server.url}/keys/?sort=idle")
    for other in others:
        page.locator(f'input[value="{other.pk}"]').check()
    page.get_by_label("With the selected keys").select_option("disable")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Disable keys").click()
    expect(page.locator("#run-status")).to_have_text("0 of 11")
    for text in ("10 of 11", "Finished: all 11 changed"):
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#run-status")).to_have_text(text)
    page.goto(f"{live_server.url}/keys/{others[0].pk}/delete/")
    page.locator("#id_confirm").fill(others[0].pk)
    page.locator("#go-delete").click()
    expect(page.locator(".band.pend")).to_be_visible()
    page.goto(f"{live_server.url}/keys/{others[1].pk}/policy/")
    page.locator("#id_principals").fill("alice")
    page.get_by_role("button", name="Add to the text").click()
    expect(page.locator("#id_policy")).to_have_value(re.compile("user/alice"))
    context.close()
