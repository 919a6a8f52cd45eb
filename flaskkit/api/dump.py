"""Rows to JSON without a schema, where their types are known: the same JSON as the schemas of schemas.py dump.

    write = writer_for(reader.fields)       None where a type is not known here
    write.one(row)  write.many(rows)        bytes: keys in alphabetical order, UTF-8
    answer(body, 201)                       the response, as the app's JSON provider would make it

Text that is not ASCII stands as it is, where json.dumps would write \\u escapes; parsed, both are equal.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from flask import Flask, Response, current_app
from flask.json.provider import DefaultJSONProvider

from flaskkit.api.values import shown
from flaskkit.db.columns import ByColumn, columns_of
from flaskkit.resource.computed import as_told
from flaskkit.resource.fields import Field

_AS_IT_IS = (str, int, float, bool, date, time, timedelta, UUID, bytes)
_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes tuples of the values of *fields*, each with its function from values to what msgspec encodes."""

    def __init__(self, fields: Sequence[Field], changes: Sequence[Callable[[Sequence[Any]], list[Any]] | None]) -> None:
        names = {f"value_{i}": field.public_name for i, field in enumerate(fields)}
        # Fields of models may have names that a struct cannot have.
        self._struct: Any = msgspec.defstruct("Row", list(names), rename=names, gc=False)
        self._changes = [(i, change) for i, change in enumerate(changes) if change is not None]

    def one(self, row: tuple[Any, ...]) -> bytes:
        """Return *row* as a JSON object."""
        return _encode(self.encodable([row])[0]) + b"\n"

    def many(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Return *rows* as a JSON array of objects."""
        return _encode(self.encodable(rows)) + b"\n"

    def encodable(self, rows: Sequence[Any]) -> list[Any]:
        """Return *rows*, tuples, as what msgspec encodes; None stays."""
        if not rows:
            return []
        if not isinstance(rows, ByColumn) and None in rows:
            made = iter(self.encodable([row for row in rows if row is not None]))
            return [None if row is None else next(made) for row in rows]
        columns = columns_of(rows)
        for i, change in self._changes:
            columns[i] = change(columns[i])
        return list(map(self._struct, *columns))


def writer_for(fields: Sequence[Field]) -> Writer | None:
    """Return what writes tuples of the values of *fields*, or None where the type of one is not known here."""
    if not all(field.nested or _kind(field) in _AS_IT_IS or _kind(field) in _CHANGES for field in fields):
        return None
    inner = [writer_for(field.nested) if field.nested else None for field in fields]
    if any(field.nested and writer is None for field, writer in zip(fields, inner, strict=True)):
        return None
    return Writer(fields, [_for_column(field, writer) for field, writer in zip(fields, inner, strict=True)])


def _kind(field: Field) -> type:
    return enum.Enum if issubclass(field.type, enum.Enum) else field.type


def _for_column(field: Field, inner: Writer | None) -> Callable[[Sequence[Any]], list[Any]] | None:
    """Return the function from values of *field*, one for each row, to what msgspec encodes by *inner* if nested."""
    if inner:
        return _each(inner.encodable) if field.many else inner.encodable
    change = _change(field)
    if change is _moment and not field.many:
        return _moments
    if change is None or not field.many:
        return change and _each(change)
    return _each(lambda values: [change(value) for value in values])


def _each(change: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda values: [None if value is None else change(value) for value in values]


def _change(field: Field) -> Callable[[Any], Any] | None:
    change = _CHANGES.get(_kind(field))
    if not field.computed:
        return change
    return (lambda value: change(as_told(field, value))) if change else (lambda value: as_told(field, value))


def answer(body: bytes, status: int = 200) -> Response:
    """Return the response with that JSON *body*; a JSON provider of the app's own writes it again, its way."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    provider = app.json
    if type(provider) is DefaultJSONProvider and (provider.compact or (provider.compact is None and not app.debug)):
        return app.response_class(body, status, mimetype=provider.mimetype)
    response: Any = provider.response(msgspec.json.decode(body))
    response.status_code = status
    return response  # type: ignore[no-any-return]


def _moment(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _moments(values: Sequence[Any]) -> list[Any]:
    # Hundreds on a page, and most have their zone: a call for each would cost more than to write it.
    return [value if value is None or value.tzinfo else _moment(value) for value in values]


def _anything(value: Any) -> msgspec.Raw:
    # Not by msgspec: that refuses numbers beyond 64 bits, which a JSON column may hold.
    return msgspec.Raw(json.dumps(shown(value), separators=(",", ":"), sort_keys=True).encode())


_CHANGES: dict[type, Callable[[Any], Any]] = {
    Decimal: lambda value: format(value, "f"),
    datetime: _moment,
    enum.Enum: lambda value: value.name,
    object: _anything,
}
