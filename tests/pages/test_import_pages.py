"""The import page: wrapping key, recipe, upload, expiry and the fingerprint, as plain form posts."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import Event
from base import clock
from keys import operations, recipes, tokens
from keys.models import ImportToken, Key
from keys.states import State
from tests import importing
from tests.test_readme import ROOT

OAEP = "RSAES_OAEP_SHA_256"


def page_of(key, name="material"):
    return reverse(f"keys:{name}", args=[key.pk])


@pytest.fixture
def waiting(make_key):
    return make_key(State.PENDING_IMPORT)


def download(client, key, algorithm=OAEP):
    answer = client.post(page_of(key, "parameters"), {"algorithm": algorithm})
    assert (answer.status_code, answer["Location"]) == (303, page_of(key))
    return client.get(page_of(key)).context["download"]


def send(client, key, made, material=importing.RAW, *, file=None, algorithm=OAEP, **more):
    wrapped = importing.wrap(made.public_key, algorithm, material)
    sent = {"token": made.token.pk, "expires": "never", "revision": Key.objects.get(pk=key.pk).revision, **more}
    if file == "raw":
        sent["file"] = SimpleUploadedFile("Enc.bin", base64.b64decode(wrapped))
    elif file == "base64":
        sent["file"] = SimpleUploadedFile("E.txt", wrapped.encode() + b"\r\n")
    elif "text" not in more:
        sent["text"] = "\n".join(re.findall(".{1,64}", wrapped))
    return client.post(page_of(key), sent)


@pytest.mark.parametrize("file", ["raw", "base64", None])
def test_it_imports(alices, waiting, words, file):
    assert "Possible once step 1 is done." in words(alices.get(page_of(waiting)))
    answer = send(alices, waiting, download(alices, waiting), file=file)
    assert (answer.status_code, answer["Location"]) == (303, page_of(waiting))
    page = words(alices.get(page_of(waiting)))
    assert "Material imported. The key is enabled." in page
    assert "Bound to this material" in page
    waiting.refresh_from_db()
    assert waiting.state == State.ENABLED
    assert alices.get(page_of(waiting)).context["bound"].mark.replace(" ", "").lower() == bytes(
        waiting.material_fingerprint).hex()[:32]
    assert Event.objects.filter(object_id=waiting.pk, action="ImportKeyMaterial", door="console", outcome="ok").count() == 1


def test_the_page_shows_the_recipe_for_the_chosen_algorithm_and_it_works(alices, waiting, tmp_path):
    made = download(alices, waiting, "RSAES_PKCS1_V1_5")
    page = alices.get(page_of(waiting)).content.decode()
    [shown] = re.findall(r'<pre id="code-recipe"[^>]*>(.*?)</pre>', page, re.DOTALL)
    recipe = shown.replace("&#x27;", "'").replace("&gt;", ">").replace("&quot;", '"')
    done = subprocess.run(["sh", "-e", "-c", recipe], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    wrapped = (tmp_path / "EncryptedKeyMaterial_base64.txt").read_text()
    answer = alices.post(page_of(waiting), {"token": made.token.pk, "expires": "never", "text": wrapped})
    assert answer.status_code == 303


def test_the_recipes_are_those_of_the_document():
    document = (ROOT / "docs/import.md").read_text(encoding="utf-8")
    for algorithm in recipes._PADDING:
        assert f"```sh\n{recipes.recipe('Aliyun_AES_256', algorithm)}```" in document
    for spec in ("RSA_2048", "EC_P256"):
        assert f"```sh\n{recipes.recipe(spec, importing.PAIR)}```" in document
    assert "secp256k1" in recipes.recipe("EC_P256K", importing.PAIR)
    assert "rand -out KeyMaterial.bin 16" in recipes.recipe("Aliyun_SM4", OAEP)
    assert "-algorithm ED25519" in recipes.recipe("X_ED25519", importing.PAIR)


def test_the_files_can_be_downloaded_again(alices, alice, waiting):
    made = download(alices, waiting)
    for name, content in (("PublicKey_base64.txt", made.public_key), ("ImportToken.txt", tokens.text_of(made.token))):
        answer = alices.get(reverse("keys:download", args=[waiting.pk, made.token.pk, name]))
        assert (answer.content.decode(), answer["Content-Disposition"]) == (content, f'attachment; filename="{name}"')
    assert Event.objects.filter(action="GetParametersForImport", outcome="ok").count() == 3
    assert alices.get(reverse("keys:download", args=[waiting.pk, made.token.pk, "Private.txt"])).status_code == 404
    other = operations.create_key(alice(), instance=waiting.instance, origin="EXTERNAL")
    assert alices.get(reverse("keys:download", args=[other.pk, made.token.pk, "ImportToken.txt"])).status_code == 404


def test_the_same_material_comes_back_and_says_so(alices, alice, waiting, words):
    send(alices, waiting, download(alices, waiting))
    assert "Delete material" in words(alices.get(page_of(waiting)))
    waiting.refresh_from_db()
    mark = alices.get(page_of(waiting)).context["bound"].mark
    slip = alices.post(page_of(waiting, "delete_material"), {"revision": waiting.revision, "confirm": "something"})
    assert (slip.status_code, b'aria-invalid="true"' in slip.content) == (400, True)
    answer = alices.post(page_of(waiting, "delete_material"), {"revision": waiting.revision, "confirm": waiting.pk})
    assert answer.status_code == 303
    assert "waits for the same one" in words(alices.get(page_of(waiting)))
    assert send(alices, waiting, download(alices, waiting)).status_code == 303
    page = alices.get(page_of(waiting))
    assert "The same material as before is back." in words(page)
    assert page.context["bound"].mark == mark


def test_other_material_is_refused_with_its_reason(alices, waiting, words):
    send(alices, waiting, download(alices, waiting))
    answer = send(alices, waiting, download(alices, waiting), bytes(32))
    assert (answer.status_code, "It is not the same material" in words(answer)) == (409, True)
    assert "Bound to this material" in words(answer)


def test_an_expiry_is_in_the_readers_zone(alices, waiting):
    alices.cookies["zone"] = "Asia/Tokyo"
    ends = (clock.now() + timedelta(days=3)).replace(second=0, microsecond=0)
    local = (ends + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
    assert send(alices, waiting, download(alices, waiting), expires="on", expires_at=local).status_code == 303
    waiting.refresh_from_db()
    assert waiting.material_expires_at == ends


@pytest.mark.parametrize(("sent", "says"), [
    ({"text": ""}, "Choose the wrapped file, or paste its Base64 text."),
    ({"text": "not base64!"}, "This is not Base64."),
    ({"text": base64.b64encode(bytes(32)).decode()}, "This looks like your key material itself"),
    ({"text": base64.b64encode(bytes(100)).decode()}, "It holds 100 bytes. Wrapped with the key of step 1 it has 256 bytes."),
    ({"text": "AAAA", "expires": "on"}, "Choose a date and a time."),
    ({"text": "AAAA", "expires": "on", "expires_at": "soon"}, "Choose a date and a time.")])
def test_a_wrong_file_is_told_before_anything_is_opened(alices, waiting, words, sent, says):
    made = download(alices, waiting)
    answer = alices.post(page_of(waiting), {"token": made.token.pk, "expires": "never", **sent})
    assert (answer.status_code, says in words(answer)) == (400, True)
    assert base64.b64encode(bytes(32)).decode() not in answer.content.decode()
    waiting.refresh_from_db()
    assert waiting.state == State.PENDING_IMPORT


def test_a_file_that_is_too_large_is_not_read(alices, waiting, words):
    sent = {"token": download(alices, waiting).token.pk, "expires": "never", "file": SimpleUploadedFile("x", bytes(70_000))}
    assert "too large" in words(alices.post(page_of(waiting), sent))


def test_a_key_pair_shows_a_fingerprint_its_owner_can_compute(alices, make_key):
    key = make_key(State.PENDING_IMPORT, spec="EC_P256")
    made = download(alices, key, importing.PAIR)
    assert send(alices, key, made, importing.material_for("EC_P256"), algorithm=importing.PAIR).status_code == 303
    assert len(alices.get(page_of(key)).context["bound"].digest) == 64


def test_a_token_that_has_expired_leads_back_to_step_1(alices, alice, waiting, words):
    made = download(alices, waiting)
    ImportToken.objects.update(expires_at=clock.now() - timedelta(minutes=1))
    answer = send(alices, waiting, made)
    assert (answer.status_code, "The import token has expired" in words(answer)) == (409, True)
    assert "Get wrapping key" in words(alices.get(page_of(waiting)))
    left = alices.get(page_of(waiting, "token_left"), headers={"HX-Request": "true"})
    assert "The wrapping key has expired. Get a new one." in words(left)


def test_a_stale_tab_imports_nothing(alices, alice, waiting, words):
    made = download(alices, waiting)
    seen = waiting.revision
    operations.update_key_description(alice(), waiting, description="faster")
    answer = send(alices, waiting, made, revision=seen)
    assert (answer.status_code, "It changed since you opened this page" in words(answer)) == (409, True)
    waiting.refresh_from_db()
    assert waiting.state == State.PENDING_IMPORT


def test_every_reason_stands_there_before_anything_is_typed(alices, bobs, alice, make_key, waiting, words):
    assert "The material was made here" in words(alices.get(page_of(make_key())))
    assert "Your role does not allow this" in words(bobs.get(page_of(waiting)))
    assert bobs.post(page_of(waiting, "parameters"), {"algorithm": OAEP}).status_code == 403
    operations.schedule_key_deletion(alice(), waiting, window_days=7)
    page = alices.get(page_of(waiting))
    assert "The key is scheduled for deletion" in words(page)
    assert b'name="file"' not in page.content


def test_a_wrapping_that_does_not_fit_is_refused(alices, waiting, words):
    answer = alices.post(page_of(waiting, "parameters"), {"algorithm": "RSAES_OAEP_SHA_1"})
    assert (answer.status_code, "The wrapping algorithm does not fit this key" in words(answer)) == (400, True)
    assert b"RSAES_OAEP_SHA_1" not in alices.get(page_of(waiting)).content
