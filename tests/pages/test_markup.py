"""Every page is valid HTML, light, and asks nobody else for anything."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from tests.browser.estate import build
from tests.node import driving

RULES = {
    "root": True,
    "extends": ["html-validate:standard"],
    "elements": ["html5"],
    "rules": {
        # A table whose rows turn into blocks on narrow screens loses its meaning there; the roles give it back.
        "no-redundant-role": "off",
        # Long lines of attributes are the business of the template, not of the page.
        "no-trailing-whitespace": "off",
        # A bare ">" is fine in a text, where shells need it.
        "no-raw-characters": ["error", {"relaxed": True}],
        # hx-... is htmx's own.
        "attr-case": "off",
    },
}
HEAVIEST = 100_000
_ASSET = re.compile(r'(?:href|src)="(/static/[^"?]+)')


@pytest.fixture
def pages(alices, alice, client) -> dict[str, bytes]:
    """name -> body, of every page of the estate and of the login page."""
    shown = {name: alices.get(address).content for name, address in build(alice).items()}
    return shown | {"login": client.get("/login/").content}


def complaints(folder: Path) -> list[str]:
    driving.install()
    config = folder / "rules.json"
    config.write_text(json.dumps(RULES))
    node = shutil.which("node")
    assert node, "the tests need node and npm: sudo apt-get install nodejs npm"
    done = subprocess.run([node, str(driving.FOLDER / "node_modules" / ".bin" / "html-validate"), "--config",
                           str(config), "--formatter", "json", *map(str, sorted(folder.glob("*.html")))],
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.startswith("["), done.stderr
    return [f"{Path(report['filePath']).stem}:{one['line']}: {one['ruleId']}: {one['message']}"
            for report in json.loads(done.stdout) for one in report["messages"]]


def test_every_page_is_valid(pages, tmp_path):
    for name, body in pages.items():
        (tmp_path / f"{name}.html").write_bytes(body)
    assert complaints(tmp_path) == []


def test_the_validator_would_notice(tmp_path):
    broken = "<!doctype html><html lang=en><head><title>x</title></head><body><p><div></p></body></html>"
    (tmp_path / "broken.html").write_text(broken)
    assert complaints(tmp_path) != []


def test_no_page_is_heavy(pages):
    """What goes over the wire on a first visit, compressed as WhiteNoise does, without fonts (there are none)."""
    sizes: dict[str, int] = {}
    for name, body in pages.items():
        assets = {path.removeprefix("/static/") for path in _ASSET.findall(body.decode())}
        assert assets, name
        found = [finders.find(asset) for asset in assets]
        assert None not in found, name
        sizes[name] = len(gzip.compress(body)) + sum(len(gzip.compress(Path(str(path)).read_bytes())) for path in found)
    assert {name: size for name, size in sizes.items() if size > HEAVIEST} == {}


def test_no_page_asks_anybody_else(pages):
    for name, body in pages.items():
        loaded = re.findall(r'<(?:script|link|img|iframe|source)[^>]*(?:src|href)="([^"]+)"', body.decode())
        assert [address for address in loaded if not address.startswith(("/", "data:"))] == [], name
