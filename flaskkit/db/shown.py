"""The rows of a Resource as it shows them, for pages written by hand: read-only, and read as cheaply as by the API.

    page(notes, sorts=["-created_at"]).items[0].author.name        get(notes, "7").rating

A row has what the resource shows, by the names it has there, and nothing else: a relationship is the key of the other
row, a row itself where it is ``nested``, and of many a tuple of these. Values are those of model objects. Rows are
equal where they show the same, cannot be changed, can be pickled, and need neither session nor request once they
are read. To change something, or to call what the model defines, take the model objects of ``rows``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar

import msgspec
from flask import current_app

from flaskkit.db import filters, rows
from flaskkit.db.columns import ByColumn, columns_of
from flaskkit.db.compiled import reader_for
from flaskkit.db.lists import Page
from flaskkit.db.nested import keys_in, others_of
from flaskkit.resource import Resource
from flaskkit.resource.computed import as_told
from flaskkit.resource.fields import Field


class Row(msgspec.Struct, frozen=True, gc=False):
    """What a resource shows of one row."""

    __shown_by__: ClassVar[str] = ""

    def __getattr__(self, name: str) -> Any:
        there = ", ".join(self.__struct_fields__)
        raise AttributeError(f"{self.__shown_by__} does not show {name!r}; it shows {there}.", name=name, obj=self)

    def __reduce__(self) -> tuple[Any, ...]:
        # By what it holds: its class has no place in a module.
        names = self.__struct_fields__
        return _again, (self.__shown_by__, names, tuple(getattr(self, name) for name in names))


def page(
    resource: Resource,
    *,
    filters: Mapping[str, Any] | None = None,
    sorts: Sequence[str] = (),
    q: str = "",
    number: int = 1,
    size: int = 20,
    count: bool = True,
    count_to: int = 0,
    after: Sequence[Any] | None = None,
) -> Page:
    """Return what ``rows.page`` does, with a ``Row`` in place of each model object.

    One query, and one for each to-many relationship; where only model objects can tell what is shown (a property
    written in Python, say) it is what loading them takes.

    Raises:
        LoginRequired, Forbidden: the caller may see no row at all.
    """
    asked: dict[str, Any] = {"filters": filters or {}, "sorts": sorts, "q": q, "number": number, "size": size}
    asked |= {"count": count, "count_to": count_to, "after": after}
    known = _shown(resource)
    found = known.reader.page(**asked) if known.reader else rows.page(resource, **asked)
    return found._replace(items=known.rows(found.items))


def get(resource: Resource, key: Any) -> Any:
    """Return the ``Row`` with that *key*, a value or its text in a URL.

    Raises:
        NotFound: there is none that the caller may read.
        LoginRequired, Forbidden: the caller may see no row at all.
    """
    known = _shown(resource)
    found = known.reader.get(key) if known.reader else rows.get(resource, key)
    return known.rows([found])[0]


class _Shown:
    """How rows of *resource* are read, and what makes a ``Row`` of each: of a tuple, or of a model object."""

    def __init__(self, resource: Resource) -> None:
        # One that is in no module was not looked at when the app started.
        resource.check()
        filters.check(resource)
        self.reader = reader_for(resource)
        self._fields = tuple(sorted(resource.readable, key=lambda field: field.public_name))
        self._rows = _maker(self._fields, f"Resource {resource.name!r}")

    def rows(self, found: Sequence[Any]) -> list[Any]:
        return self._rows(found if self.reader else [_tuple_of(item, self._fields) for item in found])


def _shown(resource: Resource) -> _Shown:
    kept: Any = current_app.extensions.get("flaskkit.shown")
    if kept is None:
        kept = current_app.extensions["flaskkit.shown"] = lru_cache(maxsize=256)(_Shown)
    found: _Shown = kept(resource)
    return found


@cache
def _class_of(shown_by: str, names: tuple[str, ...]) -> Any:
    about = {"__shown_by__": shown_by, "__module__": __name__}
    return msgspec.defstruct("Row", names, bases=(Row,), namespace=about, frozen=True, gc=False)


def _again(shown_by: str, names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return _class_of(shown_by, names)(*values)


def _maker(fields: Sequence[Field], shown_by: str) -> Callable[[Sequence[tuple[Any, ...]]], list[Any]]:
    """Return the function from tuples of the values of *fields* to rows."""
    made = _class_of(shown_by, tuple(field.public_name for field in fields))
    changes = [(i, change) for i, field in enumerate(fields) if (change := _change(field, shown_by))]

    def of(found: Sequence[tuple[Any, ...]]) -> list[Any]:
        if not found:
            return []
        # What is left to do for each row is done in C.
        columns = columns_of(found)
        for i, change in changes:
            columns[i] = change(columns[i])
        return list(map(made, *columns))

    return of


def _change(field: Field, shown_by: str) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    """Return the function from values of *field*, one for each row, to what rows have; None where they have these."""
    if field.nested:
        of = _maker(field.nested, f"{shown_by} in {field.public_name!r}")
        if field.many:
            return lambda lists: [tuple(of(one)) for one in lists]
        return lambda values: _each(of, values)
    if field.many:
        return lambda lists: list(map(tuple, lists))
    if field.computed:
        return lambda values: [as_told(field, value) for value in values]
    return None


def _each(of: Callable[[Sequence[Any]], list[Any]], values: Sequence[Any]) -> list[Any]:
    if isinstance(values, ByColumn) or None not in values:
        return of(values)
    there = iter(of([value for value in values if value is not None]))
    return [None if value is None else next(there) for value in values]


def _tuple_of(item: Any, fields: Sequence[Field]) -> tuple[Any, ...]:
    """Return what *fields* show of the model object *item*, as a reader has it."""
    return tuple(_value_of(item, field) for field in fields)


def _value_of(item: Any, field: Field) -> Any:
    if not field.nested:
        return keys_in(item, field) if field.many else rows.value_of(item, field)
    others = others_of(item, field)
    if field.many:
        return [_tuple_of(other, field.nested) for other in others]
    return None if others is None else _tuple_of(others, field.nested)
