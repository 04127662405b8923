"""A browser's own long name in two words, so that its owner recognises it. A guess: nothing is decided by it."""

from __future__ import annotations

from django.utils.translation import gettext

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
            ("CrOS", "ChromeOS"), ("Linux", "Linux"))


def told(agent: str) -> str:
    """``Firefox, Windows``; the first word of anything unknown."""
    found = [next((word for mark, word in among if mark in agent), "") for among in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or agent.partition(" ")[0][:40] or gettext("unknown browser")
