"""Backups in templates; `kmsconsole.backup_words` has the words."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from backups.models import Backup
from kmsconsole import backup_words
from kmsconsole.templatetags.console import _badge

register = template.Library()


@register.simple_tag
def backup_state(backup: Backup) -> SafeString:
    return _badge(backup_words.label_of(backup))


@register.simple_tag
def work_state(state: str) -> SafeString:
    """Of a restore."""
    return _badge(backup_words.STATE[state])


@register.simple_tag
def outcome(word: str) -> SafeString:
    return _badge(backup_words.OUTCOME[word])


@register.filter
def kind_word(kind: str) -> str:
    return str(backup_words.KIND[kind])


@register.filter
def note_words(note: dict[str, Any]) -> str:
    return backup_words.told(note)


@register.filter
def seconds(milliseconds: int) -> float:
    return max(0.1, round(milliseconds / 1000, 1))
