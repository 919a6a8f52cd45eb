"""Rows to JSON without a schema, where their types are known: the same JSON as the schemas of schemas.py dump.

    write = writer_for(reader.fields)       None where a type is not known here
    write.one(row)  write.many(rows)        bytes: keys in alphabetical order, UTF-8
    answer(body, 201)                       the response, as the app's JSON provider would make it

Text that is not ASCII stands as it is, where json.dumps would write \\u escapes; parsed, both are equal.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from flask import Response, current_app
from flask.json.provider import DefaultJSONProvider

from flaskkit.api.values import shown
from flaskkit.fields import Field

_AS_IT_IS = (str, int, float, bool, date, time, timedelta, UUID, bytes)
_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes tuples of the values of *fields*, each with its function from the value to what msgspec encodes."""

    def __init__(self, fields: Sequence[Field], changes: Sequence[Callable[[Any], Any] | None]) -> None:
        names = {f"value_{i}": field.name for i, field in enumerate(fields)}
        # Fields of models may have names that a struct cannot have.
        self._struct: Any = msgspec.defstruct("Row", list(names), rename=names, gc=False)
        self._changes = [(i, change) for i, change in enumerate(changes) if change is not None]

    def one(self, row: Iterable[Any]) -> bytes:
        """Return *row* as a JSON object."""
        return _encode(self._of(row)) + b"\n"

    def many(self, rows: Iterable[Iterable[Any]]) -> bytes:
        """Return *rows* as a JSON array of objects."""
        return _encode([self._of(row) for row in rows]) + b"\n"

    def _of(self, row: Iterable[Any]) -> Any:
        if not self._changes:
            return self._struct(*row)
        values = list(row)
        for i, change in self._changes:
            if values[i] is not None:
                values[i] = change(values[i])
        return self._struct(*values)


def writer_for(fields: Sequence[Field]) -> Writer | None:
    """Return what writes tuples of the values of *fields*, or None where the type of one is not known here."""
    kinds = [enum.Enum if issubclass(field.type, enum.Enum) else field.type for field in fields]
    if any(kind not in _AS_IT_IS and kind not in _CHANGES for kind in kinds):
        return None
    changes = [_CHANGES.get(kind) for kind in kinds]
    return Writer(
        fields, [_each(change) if field.many else change for field, change in zip(fields, changes, strict=True)]
    )


def answer(body: bytes, status: int = 200) -> Response:
    """Return the response with that JSON *body*; a JSON provider of the app's own writes it again, its way."""
    provider = current_app.json
    if type(provider) is DefaultJSONProvider and (
        provider.compact or (provider.compact is None and not current_app.debug)
    ):
        return current_app.response_class(body, status, mimetype=provider.mimetype)
    response: Any = provider.response(msgspec.json.decode(body))
    response.status_code = status
    return response  # type: ignore[no-any-return]


def _each(change: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if change is None else lambda values: [change(value) for value in values]


def _moment(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _anything(value: Any) -> msgspec.Raw:
    # Not by msgspec: that refuses numbers beyond 64 bits, which a JSON column may hold.
    return msgspec.Raw(json.dumps(shown(value), separators=(",", ":"), sort_keys=True).encode())


_CHANGES: dict[type, Callable[[Any], Any]] = {
    Decimal: lambda value: format(value, "f"),
    datetime: _moment,
    enum.Enum: lambda value: value.name,
    object: _anything,
}
