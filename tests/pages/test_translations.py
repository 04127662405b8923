"""Every string of the pages stands in Japanese and Simplified Chinese: none missing, none fuzzy, same placeholders."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = ("ja", "zh_Hans")
HOLDERS = re.compile(r"%\(\w+\)[+]?[sd]|</?\w+>")
SOURCES = ("access", "audit", "instances", "keys", "migration", "backups", "kmsconsole", "templates")


def catalogue(language):
    return polib.pofile(str(ROOT / f"locale/{language}/LC_MESSAGES/django.po"))


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """What makemessages finds in a copy of the source: (context, text) of every string."""
    if not shutil.which("xgettext"):
        pytest.fail("xgettext is missing: apt-get install gettext", pytrace=False)
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "locale").mkdir()
    subprocess.run([sys.executable, "-m", "django", "makemessages", "-l", "ja"], cwd=copy, check=True, capture_output=True,
                   env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "", "DJANGO_SETTINGS_MODULE": ""})
    return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(copy / "locale/ja/LC_MESSAGES/django.po"))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_is_translated(language, used):
    known = {(entry.msgctxt, entry.msgid) for entry in catalogue(language).translated_entries()}
    assert used - known == set()
    assert known - used == set(), "no page says this any more"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_fuzzy_or_left_over(language):
    entries = catalogue(language)
    assert not entries.fuzzy_entries()
    assert not entries.untranslated_entries()
    assert not entries.obsolete_entries()


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_the_same(language):
    for entry in catalogue(language):
        for text in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert sorted(HOLDERS.findall(text)) == sorted(HOLDERS.findall(entry.msgid)), entry.msgid
