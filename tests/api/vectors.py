"""The 40 signed requests of the reference as environments of WSGI, so that they take the way real requests take."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from api.request import Request, read

REFERENCE = Path(__file__).parent.parent / "reference"
Vector = dict[str, Any]


@cache
def vectors() -> list[Vector]:
    return json.loads((REFERENCE / "signature_vectors.json").read_text(encoding="utf-8"))["vectors"]


def name(vector: Vector) -> str:
    return f"{vectors().index(vector)}-{vector['name']}"


def environ(vector: Vector, **changed: Any) -> dict[str, Any]:
    """What gunicorn makes of the request: repeated headers joined, a chunked body without a length."""
    given = {**vector, **changed}
    body = given["body"].encode() if isinstance(given["body"], str) else given["body"]
    found: dict[str, Any] = {"REQUEST_METHOD": given["method"], "PATH_INFO": given["path"],
                             "QUERY_STRING": given["query"], "REMOTE_ADDR": "127.0.0.1",
                             "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    for header, value in given["headers"]:
        key = header.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        found[key] = f"{found[key]},{value}" if key in found else value
    if found.get("CONTENT_LENGTH"):
        found["CONTENT_LENGTH"] = str(len(body))
    return found


def request(vector: Vector, **changed: Any) -> Request:
    return read(environ(vector, **changed))


def moment(vector: Vector) -> datetime:
    return datetime.fromtimestamp(vector["now"], UTC)
