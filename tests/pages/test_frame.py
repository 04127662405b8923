"""What every page has in common: languages, themes, banners, error pages, and what no page may have."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from base import clock
from tests.pages.conftest import log_in

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
PAIRS = [("ink", "bg"), ("ink", "surface"), ("ink-2", "surface"), ("ink-2", "bg"), ("ink-3", "sunken"), ("ink-3", "surface"),
         ("accent", "bg"), ("accent", "surface"), ("accent-ink", "accent"), ("accent-on", "accent-soft"),
         ("bad-btn-ink", "bad-btn"), ("bg", "ink")]
PAIRS += [(tone, f"{tone}-soft") for tone in ("ok", "warn", "bad", "pend", "info", "old", "mute")]
PAIRS += [("ink-2", f"{tone}-soft") for tone in ("warn", "bad", "pend", "info", "old", "mute")]
EDGES = [("ctl", "bg"), ("ctl", "surface"), ("focus", "bg"), ("focus", "surface")]


@pytest.mark.parametrize(("language", "tag", "word"), [
    ("en", "en", "Overview"), ("ja", "ja", "概要"), ("zh-hans", "zh-Hans", "概览")])
def test_the_page_is_in_the_readers_language(alices, alice, language, tag, word):
    answer = alices.post("/preferences/language/", {"language": language, "next": "/keys/?q=x"})
    assert (answer.status_code, answer["Location"]) == (303, "/keys/?q=x")
    page = alices.get("/").content.decode()
    assert f'<html lang="{tag}"' in page
    assert word in page
    alice.user.refresh_from_db()
    assert alice.user.language == language


def test_before_login_the_language_is_the_browsers(client, db):
    assert '<html lang="ja"' in client.get("/login/", headers={"Accept-Language": "ja-JP,en;q=0.5"}).content.decode()
    assert '<html lang="zh-Hans"' in client.get("/login/", headers={"Accept-Language": "zh-CN"}).content.decode()


def test_the_theme_is_kept_with_the_account(alices, alice):
    assert "data-theme=" not in alices.get("/").content.decode().partition("<head")[0]
    alices.post("/preferences/theme/", {"theme": "dark", "next": "/"})
    assert '<html lang="en" data-theme="dark">' in alices.get("/").content.decode()
    assert '<html lang="en" data-theme="dark">' in log_in(alice).get("/").content.decode()


def test_preferences_lead_to_no_other_site(client, db):
    assert client.post("/preferences/theme/", {"theme": "dark", "next": "//elsewhere.example"})["Location"] == "/"
    assert client.get("/preferences/theme/").status_code == 405


def test_a_page_answers_head(alices, make_key):
    for address in ("/", "/keys/", f"/keys/{make_key().pk}/", "/keys/new/", "/instances/", "/aliases/"):
        assert alices.head(address).status_code == 200


def test_dates_are_in_the_readers_zone(alices, make_key, words):
    key = make_key()
    alices.cookies["zone"] = "Asia/Tokyo"
    assert "JST" in words(alices.get(f"/keys/{key.pk}/"))
    alices.cookies["zone"] = "../../etc/passwd"
    assert "UTC" in words(alices.get(f"/keys/{key.pk}/"))


def test_test_mode_and_a_shifted_clock_are_said_on_every_page(alices, client, settings, words):
    settings.KMS_TEST_MODE, settings.KMS_CLOCK_OFFSET = True, timedelta(days=400)
    for page in (alices.get("/"), alices.get("/keys/"), client.get("/login/")):
        assert "Test mode: the clock is shifted by +400 days" in words(page)


def test_demo_data_is_marked(alices, account, words):
    assert "Demo data" not in words(alices.get("/"))
    account.demo_at = clock.now()
    account.save()
    assert "Demo data" in words(alices.get("/"))


def test_going_back_brings_the_whole_frame(alices, make_key):
    make_key()
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert '<span class="n">1</span>' in alices.get("/keys/", headers=headers).content.decode()


def test_a_missing_page_says_so(alices, client, words):
    for who in (alices, client):
        answer = who.get("/nothing/")
        assert answer.status_code == 404
        assert "There is nothing here" in words(answer)


def test_an_error_shows_a_number_and_nothing_of_the_inside(alices, monkeypatch, words):
    def broken(*args, **kwargs):
        raise RuntimeError("the inside")

    monkeypatch.setattr("keys.operations.browse_keys", broken)
    alices.raise_request_exception = False
    answer = alices.get("/keys/")
    assert answer.status_code == 500
    assert "the inside" not in answer.content.decode()
    assert answer["X-Request-Id"] in words(answer)


def test_a_form_without_its_token_is_refused(alice):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.user)
    answer = strict.post("/keys/new/", {})
    assert answer.status_code == 403
    assert "The form is too old" in answer.content.decode()


def test_pages_are_kept_by_no_cache_and_vary_with_htmx(alices):
    answer = alices.get("/")
    assert "no-store" in answer["Cache-Control"]
    assert "HX-Request" in answer["Vary"]
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_nothing_is_inline(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=\s*[\"']|javascript:|hx-on", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", [*TEMPLATES, *STYLES, *(ROOT / "static/js").glob("*.js")], ids=lambda path: path.name)
def test_colours_stand_in_the_tokens_alone(path):
    if path.name != "tokens.css":
        # An address, an entity or a colour: only a colour has three, four, six or eight hex digits and an end.
        assert not re.findall(r"(?<![&\w/\"'])#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b", path.read_text("utf-8"))


def test_the_script_stays_small():
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in (ROOT / "static/js").glob("*.js"))
    assert lines < 300


def tokens():
    text = (ROOT / "static/css/tokens.css").read_text("utf-8")
    return {name: pair for name, *pair in re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)", text)}


def contrast(one, other):
    def light(colour):
        parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dim = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"),
                         [(*pair, 4.5) for pair in PAIRS] + [(*pair, 3) for pair in EDGES])
def test_colours_can_be_told_apart(front, ground, least, theme):
    known = tokens()
    assert contrast(known[front][theme], known[ground][theme]) >= least


@pytest.mark.parametrize(("path", "status"), [
    ("/keys/?q=%00", 200), ("/keys/?tag=%00&creator=%%0000", 200), ("/aliases/?q=%00", 200), ("/aliases/export.csv?q=%00", 200),
    ("/search/?q=%00", 200), ("/why/?q=%00", 200), ("/audit/?object=%00", 200), ("/access/?q=%00", 200),
    ("/aliases/delete/?name=%00", 404), ("/keys/%00/", 404), ("/instances/%00/", 404), ("/backups/%00/", 404)])
def test_an_address_that_holds_a_nul_breaks_nothing(alices, instance, path, status):
    assert alices.get(path).status_code == status
