"""Rows of other tables inside a row: which of them the caller sees, and the SQL that reads them.

    others_of(note, field)      the rows that a relationship holds, without those that the caller may not read
    Link(field, key, parts)     a to-one relationship, joined to the statement that reads the row
    List(resource, field, …)    a to-many relationship, read by one statement for all rows of a page

A joined table is a subquery of its own, and so is the page: conditions in policies mean there what they mean alone,
and the database joins only the rows that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, UnaryExpression, and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from flaskkit.access import user_for
from flaskkit.db.columns import ByColumn
from flaskkit.db.visibility import condition_for, read_policy
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.resource.fields import key_of as key_name

# SQLite takes 32766 parameters, the others more.
_KEYS_AT_ONCE = 10_000


def others_of(item: Any, field: Field) -> Any:
    """Return the row that the relationship *field* of *item* holds, or a list; without what the caller may not read."""
    found = getattr(item, field.name)
    policy = read_policy(field.target)
    if policy is None or found is None:
        return found
    user = user_for(policy)
    if field.many:
        return [other for other in found if policy.allows(user, other)]
    return found if policy.allows(user, found) else None


def keys_in(item: Any, field: Field) -> list[Any]:
    """Return the keys of the rows that the to-many relationship *field* of *item* holds, as ``others_of`` finds them.

    What is no relationship but a list is returned as it is.
    """
    if not field.is_relationship:
        return getattr(item, field.name)  # type: ignore[no-any-return]
    return [getattr(other, key_name(type(other))) for other in others_of(item, field)]


def condition_on(field: Field) -> Any:
    """Return which rows of the target of *field* the caller sees: None for all, or an SQL condition."""
    condition = condition_for(field.target, read_policy(field.target))
    return None if condition is True else condition


def hides_nothing(seen: Iterable[Any]) -> bool:
    """Return whether the conditions *seen* let the caller see all rows."""
    return all(condition is None for condition in seen)


class Link:
    """A to-one relationship shown as an object; *key* is the attribute of the row that holds the other's key.

    *parts* are what is shown of the other row: its attributes, and links to further rows.
    """

    def __init__(self, field: Field, key: Any, parts: Sequence[Any]) -> None:
        self.field, self.key, self.parts = field, key, parts
        target: Any = field.target
        self._rows = select(getattr(target, key_name(target)).label("key")).select_from(target)
        self.width = 1 + sum(width_of(part) for part in parts)

    def seen(self) -> Any:
        """Return which rows the caller sees, as ``others`` takes it: None for all, of those behind them as well."""
        own, further = condition_on(self.field), seen_behind(self.parts)
        return None if own is None and hides_nothing(further) else (own, further)

    def others(self, seen: Any) -> Any:
        """Return the rows that are *seen*, as a subquery: the key, and the values."""
        own, further = seen or (None, None)
        found = _with_links(self._rows, self.parts, further)
        return (found if own is None else found.where(own)).subquery()

    def returned(self, key: Any) -> list[Any]:
        """Return the same for the row that *key* refers to, as subqueries that stand in RETURNING."""
        target: Any = self.field.target
        other = aliased(target)
        own_key = getattr(other, key_name(target))

        def of(name: str) -> Any:
            return select(getattr(other, name)).where(own_key == key).scalar_subquery()

        found = [of(key_name(target))]
        for inner, part in zip(self.field.nested, self.parts, strict=True):
            found += part.returned(of(part.key.key)) if isinstance(part, Link) else [of(inner.name)]
        return found

    def shown(self, columns: Sequence[Sequence[Any]]) -> Sequence[tuple[Any, ...] | None]:
        """Return the other's values for each row, of the *columns* that hold its key and these; None for no other."""
        keys = columns[0]
        found = ByColumn(list(values_by_part(self.parts, columns[1:])))
        if None not in keys:
            return found
        return [None if key is None else one for key, one in zip(keys, found, strict=True)]

    def getter(self, start: int) -> Callable[[Any], tuple[Any, ...] | None]:
        """Return the function from a row, whose column *start* is the other's key, to the other's values."""
        values = values_at(self.parts, start + 1)
        return lambda row: None if row[start] is None else values(row)


def width_of(part: Any) -> int:
    """Return how many columns *part* takes, a link or an attribute."""
    return part.width if isinstance(part, Link) else 1


def seen_behind(parts: Iterable[Any]) -> tuple[Any, ...]:
    """Return what the caller sees of the rows behind each link among *parts*, see ``Link.seen``."""
    return tuple(part.seen() for part in parts if isinstance(part, Link))


def values_by_part(parts: Sequence[Any], columns: Sequence[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Yield for each of *parts* its values in all rows, of the *columns* that hold them."""
    at = 0
    for part in parts:
        width = width_of(part)
        yield part.shown(columns[at : at + width]) if isinstance(part, Link) else columns[at]
        at += width


def values_at(parts: Sequence[Any], start: int) -> Callable[[Any], tuple[Any, ...]]:
    """Return the function from a row to the values of *parts*, whose columns begin at *start*."""
    if not any(isinstance(part, Link) for part in parts):
        end = start + len(parts)
        return lambda row: tuple(row[start:end])
    getters: list[Callable[[Any], Any]] = []
    for part in parts:
        getters.append(part.getter(start) if isinstance(part, Link) else itemgetter(start))
        start += width_of(part)
    return lambda row: tuple([get(row) for get in getters])


def _with_links(found: Select[Any], parts: Sequence[Any], seen: Sequence[Any] | None) -> Select[Any]:
    """Return *found* with the columns of *parts*, of which links are joined."""
    conditions = iter(seen or ())
    number = 0
    for part in parts:
        if isinstance(part, Link):
            other = part.others(next(conditions, None))
            found = found.outerjoin(other, other.c.key == part.key)
            columns = list(other.c)
        else:
            columns = [part]
        for column in columns:
            found = found.add_columns(column.label(f"value_{number}"))
            number += 1
    return found


def joined(
    found: Select[Any], width: int, order: Sequence[Any], links: Sequence[Link], conditions: Sequence[Any]
) -> Select[Any]:
    """Return *found*, which is limited and in that *order*, with the columns of *links* after its first *width*."""
    sorted_by = [_plain(one).label(f"order_{i}") for i, one in enumerate(order)]
    keys = [link.key.label(f"link_{i}") for i, link in enumerate(links)]
    page = found.add_columns(*keys, *sorted_by).subquery()
    columns = list(page.c)
    own, rest = columns[:width], columns[width : len(columns) - len(keys) - len(sorted_by)]
    others = [link.others(condition) for link, condition in zip(links, conditions, strict=True)]
    whole = select(*own, *(column for other in others for column in other.c), *rest)
    source: Any = page
    for other, key in zip(others, keys, strict=True):
        source = source.outerjoin(other, other.c.key == page.c[key.key])
    whole = whole.select_from(source)
    return whole.order_by(*(_again(one, page.c[name.key]) for one, name in zip(order, sorted_by, strict=True)))


def of_page(rows: Select[Any], page: Select[Any], order: Sequence[Any]) -> Select[Any]:
    """Return *rows*, a SELECT of model objects, of those whose keys *page* finds, which is limited and in that *order*.

    What is joined to them is joined to these rows only: a database that sorts the whole table would carry it along.
    """
    keys = list(page.selected_columns)
    labels = [_plain(one).label(f"order_{i}") for i, one in enumerate(order)]
    found = page.with_only_columns(*(key.label(f"key_{i}") for i, key in enumerate(keys)), *labels).subquery()
    same = [key == found.c[f"key_{i}"] for i, key in enumerate(keys)]
    pairs = zip(order, labels, strict=True)
    return rows.join(found, and_(*same)).order_by(*(_again(one, found.c[label.key]) for one, label in pairs))


class List:
    """A to-many relationship of *resource*, as keys or as objects, of which *parts* are shown as of a ``Link``."""

    def __init__(self, resource: Resource, field: Field, parts: Sequence[Any]) -> None:
        self.field, self._parts = field, parts
        target: Any = field.target
        self._key = getattr(resource.model, resource.key.name)
        self._other_key = getattr(target, key_name(target))
        self._link = getattr(resource.model, field.name)
        self._order = resource.model.__mapper__.relationships[field.name].order_by or ()
        self._values = values_at(parts, 2)
        self._plain = self._reading(None)

    def _reading(self, seen: Sequence[Any] | None) -> Select[Any]:
        found = select(self._key, self._other_key).join(self._link)
        wanted = self._key.in_(bindparam("keys", expanding=True))
        return _with_links(found, self._parts, seen).where(wanted).order_by(*self._order)

    def of(self, session: Session, keys: Sequence[Any]) -> dict[Any, list[Any]]:
        """Return what the rows with these *keys* hold: keys, or tuples of the values of objects."""
        further = seen_behind(self._parts)
        statement = self._plain if hides_nothing(further) else self._reading(further)
        condition = condition_on(self.field)
        if condition is not None:
            # Not beside the join: there a subquery in the policy would take the joined tables for its own.
            target: Any = self.field.target
            seen = select(self._other_key).select_from(target).where(condition).correlate(None)
            statement = statement.where(self._other_key.in_(seen))
        held: dict[Any, list[Any]] = {key: [] for key in keys}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            found = session.execute(statement, {"keys": keys[start : start + _KEYS_AT_ONCE]})
            for key, other in self._once(found):
                held[key].append(other)
        return held

    def _once(self, found: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (key, what is shown of another row), each row once, as loading the collection would hold it."""
        seen = set()
        for row in found:
            pair = (row[0], row[1])
            if pair not in seen:
                seen.add(pair)
                yield row[0], self._values(row) if self.field.nested else row[1]


def _plain(order: Any) -> Any:
    """Return what *order* sorts by, without its direction."""
    while isinstance(order, UnaryExpression) and order.modifier is not None:
        order = order.element
    return order


def _again(order: Any, column: Any) -> Any:
    """Return *order* with *column* in place of what it sorts by."""
    if not (isinstance(order, UnaryExpression) and order.modifier is not None):
        return column
    return UnaryExpression(_again(order.element, column), modifier=order.modifier)
