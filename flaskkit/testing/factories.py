"""Factories from models, on polyfactory: rows that the database takes, with what they must have.

    NoteFactory = factory_for(Note)             a polyfactory.factories.sqlalchemy_factory.SQLAlchemyFactory
    NoteFactory.build(rating=5)                 an object, not stored
    NoteFactory.create_sync(rating=5)           stored and committed
    NoteFactory.create_batch_sync(3)            three of them

Filled in is what a row cannot be without: required columns by their type, length, choices, pattern and limits, unique
ones each time with another value, and required relationships with a new row of their own.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from itertools import count
from random import Random
from typing import Any, ClassVar
from uuid import UUID

from flask import current_app
from polyfactory import Use
from polyfactory.factories.sqlalchemy_factory import SQLAlchemyFactory
from polyfactory.field_meta import FieldMeta
from polyfactory.value_generators.regex import RegexFactory
from sqlalchemy import exists, select

from flaskkit.db import db
from flaskkit.resource.fields import Field, fields_of

_LETTERS = string.ascii_uppercase
_TRIES = 10_000


class RowFactory(SQLAlchemyFactory[Any]):
    """What factories of models are made from. Subclass one to say more: ``class NoteFactory(factory_for(Note)): …``."""

    __is_base_factory__ = True
    __set_relationships__ = False
    __set_association_proxy__ = False
    __session__ = db.session.registry  # type: ignore[assignment]  # gives the session, as a maker would

    # The attributes that are filled in; for a relationship, the columns that may be given in its place.
    filled: ClassVar[dict[str, frozenset[str]]] = {}

    @classmethod
    def get_model_fields(cls) -> list[FieldMeta]:
        """Return what is filled in."""
        return [FieldMeta.from_type(annotation=Any, name=name) for name in cls.filled]

    @classmethod
    def should_set_field_value(cls, field_meta: FieldMeta, **kwargs: Any) -> bool:
        """Return whether a value is made: not where it, or the key of that relationship, was given."""
        if not cls.filled.get(field_meta.name, frozenset()).isdisjoint(kwargs):
            return False
        return bool(super().should_set_field_value(field_meta, **kwargs))


@cache
def factory_for(model: Any) -> type[RowFactory]:
    """Return the factory of *model*, the same each time."""
    fields = fields_of(model)
    filled, makers = {}, {}
    behind: set[str] = set()
    for field in fields.values():
        if field.is_relationship and field.required and not field.many:
            link = model.__mapper__.relationships[field.name]
            columns = frozenset(model.__mapper__.get_property_by_column(one).key for one in link.local_columns)
            filled[field.name] = columns
            makers[field.name] = Use(partial(_other, field.target))
            behind |= columns
    for field in fields.values():
        if field.required and not field.is_relationship and field.name not in behind:
            filled[field.name] = frozenset()
            makers[field.name] = Use(_maker(model, field))
    namespace = {"__model__": model, "__module__": __name__, "filled": filled, **makers}
    return type(f"{model.__name__}Factory", (RowFactory,), namespace)


def stored(model: Any, number: int | None = None, /, **values: Any) -> Any:
    """Store a row of *model* with *values* and return it; with a *number*, store as many and return a list."""
    factory = factory_for(model)
    return factory.create_sync(**values) if number is None else factory.create_batch_sync(number, **values)


def _other(model: Any) -> Any:
    return factory_for(model).build()


def _maker(model: Any, field: Field) -> Callable[[], Any]:
    """Return what makes values for the column *field* of *model*."""
    column = model.__mapper__.columns[field.name]
    if keys := list(column.foreign_keys):
        return partial(_key_of_other, model, keys[0].column)
    if field.file is not None:
        return partial(_refuse, f"{model.__name__}.{field.name} holds a file: give one.")
    if field.choices:
        if issubclass(field.type, Enum):
            return partial(_one_of, [*field.type])
        return partial(_one_of, field.choices)
    if field.type is str:
        return partial(_text, model, field, count(1), set())
    if field.type in (int, float, Decimal):
        return partial(_number, field, count())
    makers: dict[type, Callable[[], Any]] = {
        bool: lambda: bool(_random().getrandbits(1)),
        date: lambda: datetime.now(UTC).date() - timedelta(days=_random().randrange(1000)),
        datetime: lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=_random().randrange(10**8)),
        time: lambda: time(_random().randrange(24), _random().randrange(60)),
        timedelta: lambda: timedelta(seconds=_random().randrange(10**6)),
        UUID: lambda: UUID(int=_random().getrandbits(128), version=4),
        bytes: lambda: _random().randbytes(min(getattr(column.type, "length", None) or 16, 16)),
        object: dict,
        list: list,
    }
    known = makers.get(field.type)
    return known or partial(
        _refuse, f"{model.__name__}.{field.name} is of a type that is not known here: give a value."
    )


def _random() -> Random:
    found: Random = RowFactory.__random__
    return found


def _one_of(choices: Any) -> Any:
    return _random().choice(choices)


def _refuse(message: str) -> Any:
    raise TypeError(message)


def _key_of_other(model: Any, remote: Any) -> Any:
    """Store a row for a foreign key that has no relationship, and return its key."""
    for mapper in model.registry.mappers:
        if mapper.local_table is remote.table:
            other = factory_for(mapper.class_).build()
            db.session.add(other)
            db.session.flush()
            return getattr(other, mapper.get_property_by_column(remote).key)
    raise TypeError(f"{model.__name__} refers to {remote.table.name}, which has no model: give the key.")


def _text(model: Any, field: Field, numbers: count[int], used: set[str]) -> str:
    for _ in range(_TRIES):
        text = _candidate(field, next(numbers))
        fits = field.pattern is None or re.fullmatch(field.pattern, text)
        if fits and len(text) >= field.min_length and not (field.unique and _is_taken(model, field, text, used)):
            used.add(text)
            return text
    raise ValueError(f"No further value for {field.name!r} could be found that fits {field.pattern!r}.")


def _is_taken(model: Any, field: Field, text: str, used: set[str]) -> bool:
    # Where there are few values, rows that the test brought may have one of them.
    few = field.pattern is not None or (field.max_length or 255) < 20
    if text in used or not (few and current_app and "sqlalchemy" in current_app.extensions):
        return text in used
    with db.session.no_autoflush:
        return bool(db.session.scalar(select(exists().where(getattr(model, field.name) == text))))


def _candidate(field: Field, number: int) -> str:
    length = field.max_length or 255
    if field.input == "email" or field.name == "email":
        return f"{field.name}{number}@example.com"[-length:]
    if field.input == "url":
        return f"https://example.com/{number}"[:length]
    plain = f"{field.label} {number}"
    if field.pattern is not None and (len(plain) > length or not re.fullmatch(field.pattern, plain)):
        return str(RegexFactory(_random())(field.pattern))[:length]
    if len(plain) <= length:
        return plain
    # Short ones count in letters, which gives more of them.
    letters = ""
    while len(letters) < length:
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters


def _number(field: Field, numbers: count[int]) -> Any:
    """Return a number within the limits of *field*: one after the other where it is unique, else any near the least."""
    step = Decimal(1).scaleb(-field.scale) if field.type is Decimal and field.scale else 1
    most = field.maximum
    if field.type is Decimal and field.precision is not None:
        digits = Decimal(10) ** (field.precision - (field.scale or 0)) - step
        most = digits if most is None else min(Decimal(str(most)), digits)
    least = field.minimum
    if least is None or least < 0:
        # Below zero is allowed more often than meant.
        least = 0 if most is None or most >= 0 else least
    if least in (None, 0) and field.type is int and (most is None or most >= 1):
        least = 1
    room = 1000 if most is None else min(1000, int(most - least))
    offset = next(numbers) if field.unique else _random().randint(0, max(room, 0))
    if field.type is Decimal:
        return Decimal(str(least)) + offset
    return field.type(least + offset)
