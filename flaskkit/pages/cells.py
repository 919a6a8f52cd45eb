"""Values as people read them: a text, and a link where there is a page about it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flaskkit.access import user_for
from flaskkit.db.keys import url_key
from flaskkit.db.texts import name_of, text_of
from flaskkit.pages.files import href_of
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field, keys_of
from flaskkit.texts import Speech, say_many, speech

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

    ``kind`` is "number", "day", "moment", "flag", "code", "long", "file", "rows" or ""; templates show each in its way.
    ``value`` is the value itself; of rows that belong to the row it is a list of cells for each.
    """

    field: Field
    value: Any
    texts: tuple[Text, ...]
    kind: str = ""


def cells_of(section: Section, item: Any, fields: Iterable[Field]) -> list[Cell]:
    """Return a cell for each of *fields* of *item*."""
    how = speech()
    return [_cell(section, item, field, how) for field in fields]


def kind_of(field: Field) -> str:
    """Return which ``Cell.kind`` the values of *field* have."""
    if field.target is not None:
        return ""
    if field.file:
        return "file"
    if field.long:
        return "long"
    return _KINDS.get(field.type, "")


def in_reading_order(resource: Resource) -> list[Field]:
    """Return the readable fields of *resource*: what people write first, what the system notes after it."""
    return sorted(resource.readable, key=lambda field: field not in resource.writable)


_KINDS: dict[type, str] = {
    int: "number",
    float: "number",
    Decimal: "number",
    date: "day",
    datetime: "moment",
    bool: "flag",
    object: "code",
}


def _cell(section: Section, item: Any, field: Field, how: Speech) -> Cell:
    value = getattr(item, field.name)
    if field.target is not None and field.relationship:
        related = getattr(item, field.relationship)
        others = related if field.many else [related] if related is not None else []
        if field.owned:
            others = [other for other in others if _is_seen(section, field, other)]
            inner = [*field.owned, *(one for one in field.nested if not one.key and one not in field.owned)]
            value = [[_cell(section, other, one, how) for one in inner] for other in others]
        texts = tuple(_related(section, other) for other in others)
        return Cell(field, value, texts, "rows" if field.owned else "")
    if value is None or (isinstance(value, str) and not value.strip()):
        return Cell(field, value, ())
    kind = kind_of(field)
    if kind == "file":
        return Cell(field, value, (Text(value.name, href_of(url_key(item), field.name)),), kind)
    if kind == "code":
        return Cell(field, value, (Text(json.dumps(value, indent=2, ensure_ascii=False, default=str)),), kind)
    text: str
    if isinstance(value, bytes):
        text = say_many("%(num)s byte", "%(num)s bytes", len(value))
    else:
        text = str(value) if field.key else text_of(value, how)
    return Cell(field, value, (Text(text),), kind)


def _is_seen(section: Section, field: Field, other: Any) -> bool:
    own = section.resource_of(field.target)
    return own is None or own.read.allows(user_for(own.read), other)


def _related(section: Section, other: Any) -> Text:
    """Return the name of another row; of one that the visitor may not read only the key."""
    target = section.resource_of(type(other))
    if target is None:
        return Text(name_of(other))
    if not target.read.allows(user_for(target.read), other):
        return Text(", ".join(text_of(getattr(other, name)) for name in keys_of(type(other))))
    return Text(name_of(other), section.url(target, "detail", key=url_key(other)))
