"""Filters of lists: which a resource opens, and what they are in SQL.

    filters=["rating", "author.name"]        with every operator that fits the type
    filters={"rating": ["ge", "le"]}         with those only

    opened(notes)     {"rating": Filter, "rating__ge": Filter, "author.name__contains": Filter, …}, by parameter
    condition(…)      WHERE rating >= :value, or EXISTS (… name = :value AND what the caller may read)
    check(notes)      at start: paths that lead nowhere, operators that do not fit

Names and operators: ``eq`` is the bare name. ``ne`` finds what ``eq`` does not, rows without a value too. ``contains``
and ``startswith`` do not tell capitals from small letters. A path through relationships finds rows for which there is
such another row, among those that the caller may read; ``isnull`` finds those for which none of these has a value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BINARY,
    JSON,
    VARBINARY,
    BigInteger,
    Integer,
    LargeBinary,
    String,
    and_,
    bindparam,
    false,
    not_,
    or_,
)

from flaskkit.errors import ResourceError
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field, fields_of

# Which rows of another model the caller may see: True, for all, or an SQL condition.
Visible = Callable[[Any], Any]

ORDERED = (int, float, Decimal, date, datetime, time, timedelta)
_ESCAPE = "/"


def _differs(column: Any, value: Any) -> Any:
    nullable = getattr(column.property.columns[0], "nullable", False)
    return column.is_distinct_from(value) if nullable else column != value


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": _differs,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda column, values: column.in_(values),
    "contains": lambda column, text: column.icontains(text, escape=_ESCAPE),
    "startswith": lambda column, text: column.istartswith(text, escape=_ESCAPE),
    "isnull": lambda column, missing: column.is_(None) if missing else column.is_not(None),
}


class Filter(NamedTuple):
    """One filter: *path* names relationships and, last, a column of which *field* tells."""

    path: tuple[str, ...]
    operator: str
    field: Field

    def bound(self, value: Any) -> Any:
        """Return *value* as it is bound."""
        return escaped(value) if self.operator in ("contains", "startswith") else value


def fitting(field: Field) -> tuple[str, ...]:
    """Return the operators that make sense for values of *field*; none for JSON and bytes."""
    missing = ("isnull",) if field.nullable else ()
    if field.is_relationship or field.type in (object, bytes):
        return ()
    if field.type is bool:
        return ("eq", *missing)
    if field.type in ORDERED and field.target is None:
        return ("eq", "ne", "lt", "le", "gt", "ge", "in", *missing)
    if field.type is str and not field.choices and field.target is None:
        return ("eq", "ne", "in", "contains", "startswith", *missing)
    return ("eq", "ne", "in", *missing)


def opened(resource: Resource) -> dict[str, Filter]:
    """Return the filters that *resource* opens, by the name of the parameter: "rating", "rating__ge"."""
    found = {}
    for name, declared in _declared(resource).items():
        field, public = _filtered_field(resource, name), public_path(resource, name)
        for one in fitting(field) if "all" in declared else declared:
            found[public if one == "eq" else f"{public}__{one}"] = Filter(tuple(name.split(".")), one, field)
    return found


def _filtered_field(resource: Resource, path: str) -> Field:
    """Return what ``field_at`` does; there is no value, either, where a path leads to no row."""
    field = field_at(resource, path)
    return replace(field, nullable=True) if "." in path else field


def public_path(resource: Resource, path: str) -> str:
    """Return *path* as a request writes it, where *resource* renames what it begins with."""
    first, dot, rest = path.partition(".")
    return f"{resource.known[first].public_name}{dot}{rest}"


def equal(resource: Resource) -> list[str]:
    """Return the own columns of *resource* that can be asked for one value, in the order of declaration."""
    return [name for name, words in _declared(resource).items() if "." not in name and {"eq", "all"} & {*words}]


def named(resource: Resource, parameter: str) -> Filter:
    """Return the filter that *parameter* names, open or not."""
    name, _, word = parameter.rpartition("__")
    if not name or word not in OPERATORS:
        name, word = parameter, "eq"
    first, dot, rest = name.partition(".")
    path = f"{resource.attribute_of(first)}{dot}{rest}"
    return Filter(tuple(path.split(".")), word, field_at(resource, path))


def field_at(resource: Resource, path: str) -> Field:
    """Return the field to which *path* leads, such as "rating" or "author.name".

    Raises:
        LookupError: a part of it names nothing, or something that leads nowhere.
    """
    known: Mapping[str, Field] = resource.known
    *links, last = path.split(".")
    for link in links:
        if not known[link].is_relationship:
            raise LookupError(link)
        target: Any = known[link].target
        known = fields_of(target)
    return known[last]


def targets(resource: Resource, path: Sequence[str]) -> Iterator[Any]:
    """Yield the other models through which *path* leads."""
    model = resource.model
    for link in path[:-1]:
        model = model.__mapper__.relationships[link].mapper.class_
        yield model


def condition(model: Any, path: Sequence[str], visible: Visible, compared: Callable[[Any], Any]) -> Any:
    """Return what *compared* makes of the column at the end of *path*, for any row that is *visible* on the way."""
    name, *rest = path
    attribute = getattr(model, name)
    if not rest:
        return compared(attribute)
    target = attribute.property.mapper.class_
    inner, seen = condition(target, rest, visible, compared), visible(target)
    found = inner if seen is True else and_(seen, inner)
    return attribute.any(found) if attribute.property.uselist else attribute.has(found)


def filtered(model: Any, one: Filter, name: str, missing: bool | None, visible: Visible) -> Any:
    """Return the condition of *one* filter, whose value is bound as *name*; *missing* is that of ``isnull``."""

    def compared(column: Any) -> Any:
        if one.operator == "isnull":
            return OPERATORS["isnull"](column, missing)
        kind = String() if one.operator in ("contains", "startswith") else comparable_type(column)
        return OPERATORS[one.operator](column, bindparam(name, type_=kind, expanding=one.operator == "in"))

    if one.operator == "isnull" and missing and len(one.path) > 1:
        # Where there is no other row there is no value, either.
        return not_(filtered(model, one, name, False, visible))
    return condition(model, one.path, visible, compared)


def searched(resource: Resource, name: str, visible: Visible) -> Any:
    """Return the condition that a searched column holds the text which is bound as *name*, ``escaped``."""
    text = bindparam(name, type_=String())
    paths = [word.split(".") for word in resource.search]
    return or_(
        false(), *(condition(resource.model, path, visible, lambda c: OPERATORS["contains"](c, text)) for path in paths)
    )


def escaped(text: str) -> str:
    """Return *text* so that it stands for itself in LIKE."""
    for sign in (_ESCAPE, "%", "_"):
        text = text.replace(sign, _ESCAPE + sign)
    return text


def comparable_type(column: Any) -> Any:
    """Return the type to compare *column* with a value: PostgreSQL refuses numbers wider than the column."""
    return BigInteger() if isinstance(column.type, Integer) else column.type


def check(resource: Resource) -> None:
    """Compare the lists that *resource* declares with what its model has.

    Raises:
        ResourceError: listing every mistake.
    """
    mistakes = [f"Resource {resource.name!r} {mistake}" for mistake in _mistakes(resource)]
    if mistakes:
        raise ResourceError(mistakes)


def _mistakes(resource: Resource) -> Iterator[str]:
    for name, declared in _declared(resource).items():
        yield from _filter_mistakes(resource, name, declared)
    for word in [*resource.sorts, *resource.order]:
        yield from _sort_mistakes(resource, word.removeprefix("-"))
    for name in resource.search:
        try:
            field = field_at(resource, name)
        except LookupError as error:
            yield f"searches {name!r}, in which {error.args[0]!r} leads nowhere."
            continue
        if field.type is not str or field.is_relationship:
            yield f"searches {name!r}, which holds no text."


def _sort_mistakes(resource: Resource, name: str) -> Iterator[str]:
    *links, last = name.split(".")
    model = resource.model
    for link in links:
        found = model.__mapper__.relationships.get(link)
        if found is None:
            yield f"sorts by {name!r}, in which {link!r} leads nowhere."
            return
        if not _leads_to_one(found):
            yield f"sorts by {name!r}, in which {link!r} may lead to several rows, which have no one order."
            return
        model = found.mapper.class_
    field = fields_of(model).get(last) if links else resource.known[last]
    if field is None:
        yield f"sorts by {name!r}, in which {last!r} leads nowhere."
    elif field.is_relationship:
        yield f"sorts by {name!r}, a relationship; name a column behind it, like '{name}.name'."
    elif field.file or not _is_ordered(getattr(model, last).type):
        yield f"sorts by {name!r}, whose values have no order."


def _leads_to_one(link: Any) -> bool:
    """Return whether the database itself keeps the relationship *link* from leading to two rows."""
    remote = {*link.remote_side}
    unique = any(column.unique for column in remote) or remote >= {*link.mapper.primary_key}
    return link.direction.name == "MANYTOONE" and not link.uselist and unique


def _is_ordered(kind: Any) -> bool:
    return not isinstance(getattr(kind, "impl", kind), JSON | LargeBinary | BINARY | VARBINARY)


def _filter_mistakes(resource: Resource, name: str, declared: Sequence[str]) -> Iterator[str]:
    try:
        field = _filtered_field(resource, name)
    except LookupError as error:
        yield f"filters by {name!r}, in which {error.args[0]!r} leads nowhere."
        return
    fit = fitting(field)
    if "__" in name and name.rpartition("__")[2] in OPERATORS:
        yield f"filters by {name!r}, whose name ends like that of an operator."
    if field.is_relationship:
        yield f"filters by {name!r}, a relationship; name a column behind it, like '{name}.name'."
    elif not fit:
        yield f"filters by {name!r}, which cannot be compared with a text."
    elif not declared:
        yield f"filters by {name!r} with no operator; these fit: {', '.join(fit)}."
    for one in declared:
        if fit and one not in (*fit, "all"):
            yield f"filters by {name!r} with {one!r}; these fit: {', '.join(fit)}."


def _declared(resource: Resource) -> Mapping[str, Sequence[str]]:
    declared = resource.filters
    assert isinstance(declared, Mapping)  # A resource keeps no other form.
    return declared
