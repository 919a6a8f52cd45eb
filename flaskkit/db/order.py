"""The order of a list, the same on every database, and what comes after a row in it.

    terms_of(notes, ["-rating"])     rating descending, then the key
    behind(notes, ["author.name"], visible)      {"author": alias}, to be joined: the rows that the caller may read
    order_by(terms, dialect)         for ORDER BY
    parts_after(terms, nulls)        for WHERE: one condition for each statement that reads on

Rows without a value stand last, ascending and descending, and so do those whose other row is hidden or missing. An enum
is ordered as its members are declared.

To read on after a row costs no more than to begin, because its values become a range of the index: no OFFSET, no OR at
the top. Hence two statements where the first column may be empty: first the rows with a value, then those without.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Dialect,
    Double,
    Float,
    Numeric,
    and_,
    bindparam,
    case,
    cast,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased
from sqlalchemy.types import TypeDecorator, TypeEngine

from flaskkit.db.filters import Visible, comparable_type, field_at
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field


class Term(NamedTuple):
    """One thing a list is ordered by. *name* is that of *field*, with "-" in front where it descends."""

    name: str
    field: Field
    column: Any
    place: int

    @property
    def descending(self) -> bool:
        return self.name.startswith("-")

    @property
    def nullable(self) -> bool:
        return self.field.nullable

    @property
    def type(self) -> type[Any]:
        """The Python type of what is compared."""
        return int if self.field.choices else self.field.type


class _Exact(TypeDecorator[Any]):
    """A decimal number as it is stored: SQLite stores a float, which its column's scale would round."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Double() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return float(value) if dialect.name == "sqlite" and value is not None else value


def names_of(resource: Resource, sorts: Sequence[str]) -> list[str]:
    """Return what *sorts*, else the order of *resource*, comes to: each field once, the key last."""
    names: dict[str, str] = {}
    keys = {key.name for key in resource.keys}
    for name in [*(sorts or resource.order), *(key.name for key in resource.keys)]:
        names.setdefault(name.removeprefix("-"), name)
        if keys <= {*names}:
            break  # No two rows are alike in these.
    return list(names.values())


def terms_of(resource: Resource, sorts: Sequence[str], others: Mapping[str, Any] | None = None) -> list[Term]:
    """Return the order of a list that is asked to be sorted by *sorts*. *others* is what ``behind`` returned.

    Without *others* the columns at the end of paths tell their types only.
    """
    terms = []
    for place, name in enumerate(names_of(resource, sorts)):
        path, _, last = name.removeprefix("-").rpartition(".")
        if not path:
            field, model = resource.known[last], resource.model
        else:
            # There may be no other row, or none that the caller may read.
            field = replace(field_at(resource, f"{path}.{last}"), nullable=True)
            model = others[path] if others is not None else target_of(resource, path)
        terms.append(Term(name, field, _compared(getattr(model, last), field), place))
    return terms


def behind(resource: Resource, sorts: Sequence[str], visible: Visible) -> dict[str, Any]:
    """Return by path what a list that is asked to be sorted by *sorts* must be joined to, those nearer first.

    Each is an alias of the other model, which holds the rows that are *visible*.
    """
    found: dict[str, Any] = {}
    for path in paths_of(resource, sorts):
        for i in range(len(path)):
            at = ".".join(path[: i + 1])
            if at in found:
                continue
            target = target_of(resource, at)
            seen = visible(target)
            # Not beside the join: there a subquery in the policy would take the joined tables for its own.
            rows = None if seen is True else select(target).where(seen).subquery()
            found[at] = aliased(target, rows)
    return found


def paths_of(resource: Resource, sorts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the relationships through which a list that is asked to be sorted by *sorts* is sorted."""
    names = [name.removeprefix("-").split(".") for name in names_of(resource, sorts)]
    return [tuple(path[:-1]) for path in names if len(path) > 1]


def target_of(resource: Resource, path: str) -> Any:
    """Return the model to which the relationships in *path* lead."""
    model = resource.model
    for link in path.split("."):
        model = model.__mapper__.relationships[link].mapper.class_
    return model


def order_by(terms: Sequence[Term], dialect: str) -> list[Any]:
    """Return *terms* for ORDER BY on a *dialect* such as "postgresql"."""
    found: list[Any] = []
    for term in terms:
        direction = term.column.desc() if term.descending else term.column.asc()
        if term.nullable and dialect in ("mysql", "mariadb"):
            # They know no NULLS LAST, and put them first where it ascends.
            found += [direction] if term.descending else [term.column.is_(None), direction]
        else:
            found.append(direction.nulls_last() if term.nullable else direction)
    return found


def parts_after(terms: Sequence[Term], nulls: Sequence[bool]) -> list[tuple[list[Any], list[Term]]]:
    """Return conditions and order of the statements which, one after the other, read on.

    *nulls* says which values of the last row were missing; the others are bound as at_0, at_1 and so on. Empty, the
    list begins.
    """
    first, *rest = terms
    if nulls and nulls[0]:
        return [([first.column.is_(None), _after(rest, nulls)], rest)]
    found = [_after(terms, nulls)] if nulls else []
    if not first.nullable:
        return [(found, [*terms])]
    filled = first._replace(field=replace(first.field, nullable=False))
    return [([first.column.is_not(None), *found], [filled, *rest]), ([first.column.is_(None)], rest)]


def _after(terms: Sequence[Term], nulls: Sequence[bool]) -> Any:
    term, *rest = terms
    if nulls[term.place]:
        return and_(term.column.is_(None), _after(rest, nulls))
    value = bindparam(f"at_{term.place}", type_=comparable_type(term.column))
    further = term.column < value if term.descending else term.column > value
    if not rest:
        return further
    # Says again what the other half implies, as a range that an index can begin with.
    alike = term.column <= value if term.descending else term.column >= value
    found = and_(alike, or_(further, _after(rest, nulls)))
    return or_(found, term.column.is_(None)) if term.nullable and term.place else found


def _compared(column: Any, field: Field) -> Any:
    """Return *column* such that its order and comparisons agree, and its values come back as they went."""
    if field.choices:
        members = [*field.type] if issubclass(field.type, enum.Enum) else field.choices
        numbers = [(column == member, literal_column(str(i), BigInteger)) for i, member in enumerate(members)]
        return case(*numbers)
    if field.type is float and isinstance(column.type, Float) and not isinstance(column.type, Double):
        return cast(column, Double())
    return type_coerce(column, _Exact()) if field.type is Decimal else column
