"""Reads a mapped class into neutral ``Field`` records.

    fields_of(Book)  ->  {"id": Field(...), "title": Field(...), "author": Field(target=Author), ...}

Nothing here knows marshmallow, WTForms or SQLAlchemy's classes: a mapped class describes itself
(``__mapper__``), and every face (REST, forms, pages, admin) reads the same records.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Field has an attribute called "type", which hides the builtin in its body.
Class = type[Any]


@dataclass(frozen=True)
class Field:
    """One column or relationship of a model.

    ``type`` is the Python type of a value: ``str``, ``int``, ``float``, ``bool``, ``Decimal``, ``date``,
    ``datetime`` (aware, UTC), ``time``, ``timedelta``, ``UUID``, ``bytes``, an ``Enum`` class, or ``object``
    for JSON. A relationship has the type of the other model's key, ``target`` says which model, and ``many``
    whether it holds a list, ``moves`` whether the foreign key is in those other rows, and ``owns`` whether they are
    deleted when they leave; the foreign key column beside a to-one relationship has the same ``target``.

    ``default`` is a plain value; ``required`` means that a new row cannot be stored without it.
    ``minimum``, ``maximum``, ``pattern`` (a regular expression for the whole value), ``label`` and ``help``
    come from the column: ``mapped_column(info={"minimum": 1, "label": "Rating"}, comment="1 to 5 stars")``.
    """

    name: str
    type: Class
    label: str
    help: str = ""
    required: bool = False
    nullable: bool = True
    default: Any = None
    unique: bool = False
    key: bool = False
    generated: bool = False
    max_length: int | None = None
    long: bool = False
    precision: int | None = None
    scale: int | None = None
    minimum: Any = None
    maximum: Any = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    target: Class | None = None
    many: bool = False
    moves: bool = False
    owns: bool = False
    relationship: str = ""

    @property
    def min_length(self) -> int:
        """The shortest text: 1 for one that must be given, because an empty one says nothing; else 0."""
        return 1 if self.required and self.type is str and self.target is None and not self.choices else 0

    @property
    def is_relationship(self) -> bool:
        """Whether the attribute holds model objects rather than values."""
        return self.relationship == self.name


def fields_of(model: type) -> dict[str, Field]:
    """Return the fields of *model* by attribute name, columns first, in the order of declaration.

    Raises:
        AttributeError: *model* is not a mapped class.
    """
    mapper: Any = model.__mapper__  # type: ignore[attr-defined]
    links = {}
    for link in mapper.relationships:
        if link.direction.name == "MANYTOONE" and len(link.local_columns) == 1:
            links[next(iter(link.local_columns))] = link
    fields = {
        attribute.key: _column_field(attribute.key, attribute.columns[0], links.get(attribute.columns[0]))
        for attribute in mapper.column_attrs
        if hasattr(attribute.columns[0], "nullable")
    }
    return fields | {link.key: _relationship_field(link) for link in mapper.relationships}


# What SQL's integer types hold, everywhere alike: SQLite itself would take more.
_WIDTHS = {
    "small_integer": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "big_integer": (-(2**63), 2**63 - 1),
}


def label_of(name: str) -> str:
    """Return "Visited on" for "visited_on"."""
    return name.replace("_", " ").strip().capitalize()


def key_of(model: type) -> str:
    """Return the name of the attribute that holds the primary key of *model*.

    Raises:
        ValueError: the key consists of several columns.
    """
    mapper: Any = model.__mapper__  # type: ignore[attr-defined]
    if len(mapper.primary_key) != 1:
        raise ValueError(f"{model.__name__} has a key of {len(mapper.primary_key)} columns; one is needed here.")
    return str(mapper.get_property_by_column(mapper.primary_key[0]).key)


def _column_field(name: str, column: Any, link: Any) -> Field:
    kind, info = column.type, column.info
    python_type = _python_type(kind)
    plain = column.default.arg if column.default is not None and column.default.is_scalar else None
    filled = column.default is not None or column.server_default is not None or bool(column.computed)
    least, most = _WIDTHS.get(getattr(kind, "__visit_name__", ""), (None, None))
    generated = bool(
        column.primary_key and python_type is int and not column.foreign_keys and column.autoincrement is not False
    )
    return Field(
        name=name,
        type=python_type,
        label=info.get("label") or label_of(link.key if link is not None else name),
        help=info.get("help") or column.comment or column.doc or "",
        required=not (column.nullable or filled or generated),
        nullable=bool(column.nullable),
        default=plain,
        unique=bool(column.unique or column.primary_key),
        key=bool(column.primary_key),
        generated=generated,
        max_length=getattr(kind, "length", None) if python_type is str else None,
        long=python_type is str and getattr(kind, "length", None) is None,
        precision=getattr(kind, "precision", None),
        scale=getattr(kind, "scale", None),
        minimum=info.get("minimum", least),
        maximum=info.get("maximum", most),
        pattern=info.get("pattern"),
        choices=_choices(kind, python_type),
        target=link.mapper.class_ if link is not None else None,
        relationship=link.key if link is not None else "",
    )


def _relationship_field(link: Any) -> Field:
    target, many = link.mapper.class_, bool(link.uselist)
    nullable = many or all(column.nullable for column in link.local_columns)
    try:
        key = link.mapper.primary_key[0] if len(link.mapper.primary_key) == 1 else None
    except IndexError:
        key = None
    return Field(
        name=link.key,
        type=_python_type(key.type) if key is not None else object,
        label=link.info.get("label") or label_of(link.key),
        help=link.info.get("help") or link.doc or "",
        required=not nullable and link.direction.name == "MANYTOONE",
        nullable=nullable,
        target=target,
        many=many,
        moves=link.direction.name == "ONETOMANY",
        owns=bool(link.cascade.delete_orphan),
        relationship=link.key,
    )


def _python_type(kind: Any) -> type:
    if getattr(kind, "enum_class", None):
        return kind.enum_class  # type: ignore[no-any-return]
    try:
        found: type = kind.python_type
    except NotImplementedError:
        return object
    return object if found in (dict, list) else found


def _choices(kind: Any, python_type: type) -> tuple[str, ...]:
    if issubclass(python_type, enum.Enum):
        return tuple(member.name for member in python_type)
    return tuple(getattr(kind, "enums", ()) or ())


def name_of(row: Any) -> str:
    """Return ``str(row)``, or "Book 7" where the model does not say what its rows are called."""
    said = "" if type(row).__str__ is object.__str__ else str(row)  # type: ignore[comparison-overlap]
    if said:
        return said
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(row).__name__).capitalize()
    return f"{words} {text_of(getattr(row, key_of(type(row))))}"


def text_of(value: Any) -> str:
    """Return how a person reads *value*: nothing for None, a name for a choice, minutes for a moment in UTC."""
    if value is None:
        return ""
    for kind, text in _TEXTS.items():
        if isinstance(value, kind):
            return text(value)
    return str(value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "yes" if value else "no",
    enum.Enum: lambda value: label_of(value.name),
    datetime: lambda value: value.strftime("%Y-%m-%d %H:%M UTC"),
    list: lambda values: ", ".join(text_of(value) for value in values),
}
