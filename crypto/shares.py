"""Shares of the root key (SLIP-0039, Shamir's secret sharing): any `threshold` of them give it back, fewer say nothing.

A share is a line of 33 English words with a checksum of its own. What they join to proves itself only against a check value.
"""

from __future__ import annotations

from collections.abc import Sequence

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics

from crypto.errors import RootKeyError

MOST = 16


def split(raw: bytes, *, shares: int, threshold: int) -> list[str]:
    """Raises RootKeyError where the numbers make no sense: one share alone would be the key itself."""
    if not 2 <= threshold <= shares <= MOST:
        raise RootKeyError(f"a threshold of 2 up to the number of shares, and at most {MOST} shares")
    return list(generate_mnemonics(1, [(threshold, shares)], raw)[0])


def join(shares: Sequence[str]) -> bytes:
    """Raises RootKeyError where they are too few, mistyped, or not of one set; it never shows a word of them."""
    try:
        raw = bytes(combine_mnemonics([" ".join(share.split()).lower() for share in shares]))
    except MnemonicError as error:
        raise RootKeyError(f"the shares do not fit together: {_reason(error)}") from None
    if len(raw) != 32:
        raise RootKeyError("the shares are not of a root key")
    return raw


def _reason(error: MnemonicError) -> str:
    """The library's own words quote the shares; these are ours."""
    text = str(error).lower()
    for sign, ours in (("checksum", "one is mistyped"), ("word", "a word is not of the list"), ("length", "one is too short"),
                       ("insufficient", "there are too few"), ("wrong number", "there are too few or too many")):
        if sign in text:
            return ours
    return "they are not of one set, or there are too few"
