"""Logging what broke without logging what was in it: messages and locals of an exception may hold plaintext."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent


def frames(traceback: TracebackType | None, most: int = 8) -> str:
    """``api/wsgi.py:31 > keys/lookup.py:12``: files and lines only, the innermost last."""
    places = []
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(*path.parts[-2:])
        places.append(f"{shown}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " > ".join(places[-most:])


def log(logger: logging.Logger, what: str, error: BaseException) -> None:
    """One line: what was going on, the types of the exception and its causes, and where."""
    kinds, cause = [type(error).__name__], error.__cause__ or error.__context__
    while cause is not None and len(kinds) < 5:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    logger.error("%s: %s at %s", what, " from ".join(kinds), frames(error.__traceback__))
