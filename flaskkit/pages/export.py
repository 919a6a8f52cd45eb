"""A list as CSV: every row that its search and filters let through, as it is read.

The first line has the names of the fields as in the API; rows of other tables stand there by their names. Rows are read
some at a time, each after the last one, so that a list of any length takes little memory and begins at once.
"""

from __future__ import annotations

import csv
import enum
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

from flask import Response, abort, stream_with_context

from flaskkit.db import rows
from flaskkit.db.lists import Page
from flaskkit.pages.cells import cells_of
from flaskkit.pages.listing import Query
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

AT_ONCE = 500
# Without it Excel takes UTF-8 for the code page of its computer.
MARK = "\ufeff"
# What makes a spreadsheet calculate: OWASP, "CSV Injection"; the wide forms as well.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def export_rows(section: Section, resource: Resource) -> Response:
    """Answer with the list that the address asks for, as CSV (RFC 4180) in UTF-8."""
    rows.require_some(resource)
    query = Query.asked(resource)
    if query.filters.errors:
        abort(422, " ".join(f"{label}: {message}" for label, message in query.filters.errors.items()))
    fields = query.chosen or list(resource.readable)
    # Before the answer begins: what goes wrong here can still be told.
    first = query.page(size=AT_ONCE, count=False, after=())
    response = Response(stream_with_context(_lines(section, query, fields, first)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{resource.name}.csv")
    return response


def _lines(section: Section, query: Query, fields: list[Field], page: Page) -> Iterator[str]:
    yield MARK + _line([_harmless(field.public_name) for field in fields])
    while True:
        yield "".join(_line(_texts(section, item, fields)) for item in page.items)
        if not page.more:
            return
        page = query.page(size=AT_ONCE, count=False, after=page.position)


def _texts(section: Section, item: Any, fields: list[Field]) -> Iterator[str]:
    for cell in cells_of(section, item, fields):
        if cell.field.target is not None and cell.field.relationship:
            yield _harmless(", ".join(text.text for text in cell.texts))
        else:
            yield _written(cell.value)


def _written(value: Any) -> str:
    """Return *value* as programs read it: moments and days in ISO 8601, durations in seconds, bytes in base64."""
    for kind, text in _TEXTS.items():
        if isinstance(value, kind):
            return str(text(value))
    return "" if value is None else _harmless(str(value))


_TEXTS: dict[Any, Any] = {
    enum.Enum: lambda value: _harmless(value.name),
    bool: lambda value: str(value).lower(),
    int | float | Decimal: str,
    datetime | date | time: lambda value: value.isoformat(),
    timedelta: lambda value: f"{value.total_seconds():.15g}",
    bytes: lambda value: b64encode(value).decode(),
    dict | list: lambda value: json.dumps(value, ensure_ascii=False, default=str),
}


def _harmless(text: str) -> str:
    """Return *text* so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(texts: Any) -> str:
    line = StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(texts)
    return line.getvalue()
