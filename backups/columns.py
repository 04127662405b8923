"""Rows as JSON and back: every column of a model but those that belong to its place and not to itself.

Columns are asked of the model, so that one added later is in the next backup without anybody thinking of it.
"""

from __future__ import annotations

import base64
import binascii
import functools
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from crypto.sealed_stream import Unreadable
from instances.models import Instance
from keys.models import Key, KeyVersion

# What a restore decides anew, and what only means something where the row stands.
LEFT_OUT: dict[type[models.Model], frozenset[str]] = {
    Key: frozenset({"account", "instance", "arrived_at", "destroyed_at", "next_try_at", "revision"}),
    KeyVersion: frozenset({"key"}),
    Instance: frozenset({"account", "revision"}),
}


@functools.cache
def of(model: type[models.Model]) -> dict[str, models.Field[Any, Any]]:
    return {field.name: field for field in model._meta.concrete_fields
            if field.name not in LEFT_OUT[model] and not field.is_relation}


@functools.cache
def _needed(model: type[models.Model]) -> frozenset[str]:
    return frozenset(name for name, field in of(model).items() if not (field.null or field.blank or field.has_default()))


def packed(row: models.Model) -> dict[str, Any]:
    return {field.name: _plain(getattr(row, field.attname)) for field in of(type(row)).values()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # a moment is one too
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


def unpacked(model: type[models.Model], values: Any) -> dict[str, Any]:
    """Checked values for the columns. Raises Unreadable: a column we do not know comes from a newer product; a value that no
    column takes, from a broken one."""
    fields = of(model)
    if not isinstance(values, dict):
        raise Unreadable("damaged")
    if not fields.keys() >= values.keys():
        raise Unreadable("newer_format")
    if not values.keys() >= _needed(model):
        raise Unreadable("damaged")
    try:
        return {name: _value(fields[name], value) for name, value in values.items()}
    except (ValidationError, ValueError, TypeError, binascii.Error):
        raise Unreadable("damaged") from None


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    if isinstance(field, models.BinaryField):
        return base64.b64decode(value, validate=True) if value is not None else None
    if isinstance(field, models.DateTimeField) and value is not None:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment needs a zone")
        return moment
    return field.clean(value, None)
