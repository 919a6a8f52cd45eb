"""Values as people read them: a text, and a link where there is a page about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flaskkit.access import user_for
from flaskkit.db import rows
from flaskkit.fields import Field, name_of, text_of
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


@dataclass(frozen=True)
class Text:
    """One text of a cell, with the address of the page about it or ""."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands at *field*: nothing, one text, or a text for each of many rows.

    ``kind`` is "number", "moment", "flag", "code", "long" or ""; templates show each in its way. ``value`` is the
    value itself.
    """

    field: Field
    value: Any
    texts: tuple[Text, ...]
    kind: str = ""


def cells_of(section: Section, item: Any, fields: Iterable[Field]) -> list[Cell]:
    """Return a cell for each of *fields* of *item*."""
    return [_cell(section, item, field) for field in fields]


def kind_of(field: Field) -> str:
    """Return which ``Cell.kind`` the values of *field* have."""
    if field.target is not None:
        return ""
    if field.long:
        return "long"
    return _KINDS.get(field.type, "")


def in_reading_order(resource: Resource) -> list[Field]:
    """Return the readable fields of *resource*: what people write first, what the system notes after it."""
    return sorted(resource.readable, key=lambda field: field not in resource.writable)


def noun(resource: Resource) -> str:
    """Return what one row is called: "booking request" for the model BookingRequest."""
    return _spaced(resource.model.__name__)


_KINDS: dict[type, str] = {
    int: "number",
    float: "number",
    Decimal: "number",
    datetime: "moment",
    bool: "flag",
    object: "code",
}


def _cell(section: Section, item: Any, field: Field) -> Cell:
    value = getattr(item, field.name)
    if field.target is not None and field.relationship:
        related = getattr(item, field.relationship)
        others = related if field.many else [related] if related is not None else []
        return Cell(field, value, tuple(_related(section, other) for other in others))
    if value is None or value == "":
        return Cell(field, value, ())
    kind = kind_of(field)
    if kind == "code":
        return Cell(field, value, (Text(json.dumps(value, indent=2, ensure_ascii=False, default=str)),), kind)
    text = f"{len(value):,} bytes" if isinstance(value, bytes) else text_of(value)
    return Cell(field, value, (Text(text),), kind)


def _related(section: Section, other: Any) -> Text:
    """Return the name of another row; of one that the visitor may not read only the key."""
    target = section.resource_of(type(other))
    if target is None:
        return Text(name_of(other))
    key = rows.key_of(other)
    if not target.read.allows(user_for(target.read), other):
        return Text(text_of(key))
    return Text(name_of(other), section.url(target, "detail", key=key))


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
