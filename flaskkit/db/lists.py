"""Lists: the statements for a page of rows, and the page.

    ?page=2        numbered: OFFSET, and the total as a scalar subquery unless it is not asked for
    ?after=…       continued: what comes after a row, by its values; costs the same on every page

Model objects and tuples are read by the same statements, but for what they select. A statement is built once for each
shape of list and kept, unless a policy adds a condition of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, func, literal_column, select

from flaskkit.db.filters import Filter, Visible, escaped, filtered, named, searched, targets
from flaskkit.db.nested import Link, hides_nothing, joined, of_page
from flaskkit.db.order import behind, order_by, parts_after, paths_of, terms_of
from flaskkit.db.prepared import Prepared
from flaskkit.db.reading import current_session, rows_of
from flaskkit.db.words import Word, bound, with_words, words_of
from flaskkit.resource import Resource

LARGEST = 2**63 - 1
# Returns the rows of a statement with these parameters.
Read = Callable[[Any, Mapping[str, Any]], Sequence[Any]]


@dataclass(frozen=True)
class Asked:
    """What a list is asked for.

    ``filters`` maps parameters ("rating", "rating__ge") to values. ``after`` is None for numbered pages, else the
    ``position`` of the page before, empty at the beginning. ``count`` says whether the total is told; in a numbered
    list nobody counts further than ``count_to``, unless that is 0.
    """

    filters: Mapping[str, Any] = field(default_factory=dict)
    sorts: Sequence[str] = ()
    q: str = ""
    number: int = 1
    size: int = 20
    count: bool = True
    after: Sequence[Any] | None = None
    count_to: int = 0


class Page(NamedTuple):
    """Some rows of a list. ``number`` counts from 1; ``total`` is how many rows the whole list has, None if not told.

    ``more`` says whether rows follow; ``position`` holds, in a list that is continued, the values of the last row.
    Where ``beyond``, there are more rows than ``total``, and nobody counted them.
    """

    items: Sequence[Any]
    number: int
    size: int
    total: int | None
    more: bool = False
    position: tuple[Any, ...] | None = None
    beyond: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are, as far as is known; at least 1."""
        seen = self.number + self.more if self.total is None or (self.beyond and self.items) else 1
        return max(seen, -(-(self.total or 0) // self.size))


class _Shape(NamedTuple):
    """What the text of a statement depends on."""

    filters: tuple[tuple[str, bool | None], ...]
    sorts: tuple[str, ...]
    q: bool
    words: tuple[bool, ...]
    counted: bool
    capped: bool
    nulls: tuple[bool, ...] | None


class _Statements(NamedTuple):
    """``items`` read the rows, one after the other; ``total`` counts them all. ``filters`` are those in the shape."""

    items: tuple[Any, ...]
    total: Any
    filters: tuple[Filter, ...]

    def prepared(self) -> _Statements:
        """Return the same to be kept."""
        return _Statements(tuple(map(Prepared, self.items)), Prepared(self.total), self.filters)


class Lists:
    """Reads lists of *resource*; each row holds *columns* first, then the values of *links*."""

    def __init__(
        self, resource: Resource, columns: Sequence[Any], *, links: Sequence[Link] = (), options: Sequence[Any] = ()
    ) -> None:
        self.resource = resource
        self._columns = tuple(columns)
        self._links = tuple(links)
        self._width = len(self._columns) + sum(link.width for link in self._links)
        self._options = tuple(options)
        self._kept = lru_cache(maxsize=64)(lambda shape: self._built(shape).prepared())
        self._others = lru_cache(maxsize=64)(self._targets)

    def page(
        self, asked: Asked, own: Any, visible: Visible, seen: Sequence[Any] = (), read: Read | None = None
    ) -> Page:
        """Return the page *asked* for, of rows for which the condition *own* holds, or of all where it is True.

        *visible* says the same of other models, and *seen*, with None for all, of the rows behind each link. Items
        are rows, whose first values are the columns. Statements are sent by *read*.
        """
        words = words_of(self.resource, asked.q) if asked.q else []
        shape = _shape_of(asked, words)
        others = {model: visible(model) for model in self._others(shape.filters, shape.q, shape.sorts)}
        free = own is True and all(condition is True for condition in others.values()) and hides_nothing(seen)
        built = self._kept(shape) if free else self._built(shape, own, others, seen)
        given = zip(built.filters, asked.filters.values(), strict=True)
        values = {f"filter_{i}": one.bound(value) for i, (one, value) in enumerate(given)}
        if words:
            values |= bound(words, self._dialect)
        elif asked.q:
            values["q"] = escaped(asked.q)
        if asked.count_to:
            values["most"] = asked.count_to + 1
        paged = _numbered if asked.after is None else self._continued
        return paged(read or self._by_session, built, asked, values)

    def _by_session(self, statement: Any, values: Mapping[str, Any]) -> Sequence[Any]:
        return rows_of(statement, self.resource.model, values, alone=False)

    def _continued(self, read: Read, built: _Statements, asked: Asked, values: dict[str, Any]) -> Page:
        total = read(built.total, values)[0][0] if asked.count else None
        values |= {f"at_{i}": value for i, value in enumerate(asked.after or ())}
        found: list[Any] = []
        for statement in built.items:
            # One more, to see whether there is one.
            found += read(statement, {**values, "size": asked.size + 1 - len(found)})
            if len(found) > asked.size:
                break
        more = len(found) > asked.size
        position = tuple(found[asked.size - 1][self._width :]) if more else None
        return Page(found[: asked.size], 1, asked.size, total, more, position)

    def _built(
        self, shape: _Shape, own: Any = True, others: Mapping[Any, Any] | None = None, seen: Sequence[Any] = ()
    ) -> _Statements:
        model = self.resource.model
        dialect = self._dialect

        def visible(other: Any) -> Any:
            return True if others is None else others[other]

        chosen = tuple(named(self.resource, name) for name, _ in shape.filters)
        wanted = [] if own is True else [own]
        for i, (one, (_, missing)) in enumerate(zip(chosen, shape.filters, strict=True)):
            wanted.append(filtered(model, one, f"filter_{i}", missing, visible))
        if shape.words:
            wanted += with_words(self.resource, shape.words, visible, dialect)
        elif shape.q:
            wanted.append(searched(self.resource, "q", visible))
        total = select(func.count()).select_from(model).where(*wanted)
        if shape.capped:
            some: Select[Any] = select(literal_column("1").label("one")).select_from(model).where(*wanted)
            total = select(func.count()).select_from(some.limit(bindparam("most", type_=BigInteger)).subquery())
        joins = behind(self.resource, shape.sorts, visible)
        terms = terms_of(self.resource, shape.sorts, joins)
        size = bindparam("size", type_=BigInteger)
        if shape.nulls is None:
            # Not count(*) OVER (): that reads every row in full before the first is sent.
            counted = [total.correlate(None).scalar_subquery().label("total")] if shape.counted else []
            order = order_by(terms, dialect)
            first = bindparam("first", type_=BigInteger)
            if self._options:
                keys = select(*(getattr(model, key.name) for key in self.resource.keys)).select_from(model)
                page = _with_joins(keys, model, joins).where(*wanted).order_by(*order).limit(size).offset(first)
                items = of_page(select(*self._columns, *counted), page, order).options(*self._options)
                return _Statements((items,), total, chosen)
            items = self._select(counted, joins).where(*wanted).order_by(*order).limit(size)
            items = self._linked(items.offset(first), order, seen)
            return _Statements((items,), total, chosen)
        position = [term.column.label(f"of_{term.place}") for term in terms]
        parts = []
        for further, left in parts_after(terms, shape.nulls):
            order = order_by(left, dialect)
            items = self._select(position, joins).where(*wanted, *further).order_by(*order).limit(size)
            parts.append(self._linked(items, order, seen))
        return _Statements(tuple(parts), total, chosen)

    @property
    def _dialect(self) -> str:
        return current_session().get_bind(self.resource.model.__mapper__).dialect.name

    def _select(self, more: Sequence[Any], joins: Mapping[str, Any]) -> Select[Any]:
        model = self.resource.model
        items = select(*self._columns, *more).options(*self._options)
        return _with_joins(items.select_from(model), model, joins) if joins else items

    def _linked(self, items: Select[Any], order: Sequence[Any], seen: Sequence[Any]) -> Select[Any]:
        if not self._links:
            return items
        return joined(items, len(self._columns), order, self._links, seen or (None,) * len(self._links))

    def _targets(
        self, filters: tuple[tuple[str, bool | None], ...], q: bool, sorts: tuple[str, ...]
    ) -> tuple[Any, ...]:
        """Return the other models whose rows decide what is found, and in which order."""
        paths = [named(self.resource, name).path for name, _ in filters]
        paths += [tuple(word.split(".")) for word in self.resource.search] if q else []
        paths += [(*path, "") for path in paths_of(self.resource, sorts)]
        return tuple(dict.fromkeys(model for path in paths for model in targets(self.resource, path)))


def _with_joins(items: Select[Any], model: Any, joins: Mapping[str, Any]) -> Select[Any]:
    for path, other in joins.items():
        before, _, link = path.rpartition(".")
        items = items.outerjoin(getattr(joins[before] if before else model, link).of_type(other))
    return items


def _shape_of(asked: Asked, words: Sequence[Word]) -> _Shape:
    missing = {name: bool(value) for name, value in asked.filters.items() if name.endswith("__isnull")}
    return _Shape(
        tuple((name, missing.get(name)) for name in asked.filters),
        tuple(asked.sorts),
        bool(asked.q),
        tuple(word.indexed for word in words),
        asked.count,
        bool(asked.count_to),
        None if asked.after is None else tuple(value is None for value in asked.after),
    )


def _numbered(read: Read, built: _Statements, asked: Asked, values: dict[str, Any]) -> Page:
    # PostgreSQL refuses to begin before the first row.
    number = max(asked.number, 1)
    first = min((number - 1) * asked.size, LARGEST)
    [items] = built.items
    # Where nobody counts, or not to the end, one more row tells whether there is a next page.
    one_more = not asked.count or bool(asked.count_to)
    found = read(items, {**values, "first": first, "size": asked.size + one_more})
    if not asked.count:
        return Page(found[: asked.size], number, asked.size, None, len(found) > asked.size)
    # The total is in every row; only a page beyond the last has none.
    total = found[0][-1] if found else 0 if number == 1 else read(built.total, values)[0][0]
    if asked.count_to:
        beyond = (total or 0) > asked.count_to
        more = len(found) > asked.size
        return Page(found[: asked.size], number, asked.size, (total or 0) - beyond, more, beyond=beyond)
    return Page(found, number, asked.size, total, number * asked.size < (total or 0))
