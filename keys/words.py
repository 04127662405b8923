"""The words by which a key is found: of its description and of its aliases, each findable by its beginning.

A table of its own, because the parts of a name have no index, and a search must not read a million rows. Every operation that
changes a name or a description calls `note` in its transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keys.aliasing import PREFIX
from keys.list_models import KeyWord
from keys.models import Alias, Key

LENGTH, MOST = 32, 200
_WORD = re.compile(r"[^\W_]+")
# Chinese, Japanese and Korean put no space between words, so there every place begins one.
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def split(text: str) -> list[str]:
    """What a search is made of: lower case, without punctuation."""
    return [word[:LENGTH] for word in _WORD.findall(text.lower())]


def words_of(texts: Iterable[str]) -> set[str]:
    """At most ``MOST`` words, of the first texts first."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _beginnings(text):
            if len(found) >= MOST:
                return set(found)
            found[word] = None
    return set(found)


def _beginnings(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        yield word[:LENGTH]
        yield from (word[at:at + LENGTH] for at in range(1, len(word)) if _DENSE.match(word, at))


def note(*keys: Key) -> None:
    """Brings the words of `keys` in line with what they are called now. In the caller's transaction."""
    for key in keys:
        names = Alias.objects.filter(key_id=key.pk).order_by("name").values_list("name", flat=True)
        wanted = words_of([*(name.removeprefix(PREFIX) for name in names), key.description])
        known = set(KeyWord.objects.filter(key_id=key.pk).values_list("word", flat=True))
        if known - wanted:
            KeyWord.objects.filter(key_id=key.pk, word__in=known - wanted).delete()
        fresh = [KeyWord(key_id=key.pk, account=key.account_id, word=word) for word in sorted(wanted - known)]
        KeyWord.objects.bulk_create(fresh, ignore_conflicts=True)
