"""What a Resource shows, read as plain tuples: only those columns, by statements that are built once.

    reader = reader_for(notes)      None where only model objects can tell what is shown
    reader.fields                   the fields of a tuple, by name
    reader.page(sorts=["-rating"])  a Page of tuples        reader.get("7")    one tuple
    reader.of(note)                 the tuple of a row that was just stored

A to-one relationship is its foreign key column: no join. To-many ones are read for the whole page at once. A policy
is asked, and an SQL condition, for every request. Statements go through the session with the attributes of the
model, so that pending changes and ``with_loader_criteria`` hold as for model objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Select, bindparam, false, func, or_, select, types
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.operators import eq
from werkzeug.exceptions import NotFound

from flaskkit.db import rows
from flaskkit.db.models import UTCDateTime, db
from flaskkit.fields import Field
from flaskkit.fields import key_of as key_name
from flaskkit.resource import Resource

# Values of these come back from every database as they were sent; a decimal, say, gets the column's scale.
_EXACT = {types.Integer, types.SmallInteger, types.BigInteger, types.Boolean, types.String, types.Text, types.Enum}
_EXACT |= {types.Date, types.LargeBinary, types.Uuid, UTCDateTime}
# As many as SQLAlchemy's selectinload asks for at once.
_KEYS_AT_ONCE = 500


def reader_for(resource: Resource) -> Reader | None:
    """Return what reads *resource* as tuples, or None where loading model objects may show something else.

    That is so for models that inherit or listen to being loaded, columns of types made by others, and
    relationships that are more than one foreign key, a plain list, or lead to the same model.
    """
    mapper = resource.model.__mapper__
    if mapper.inherits or mapper.polymorphic_on is not None or len(list(mapper.self_and_descendants)) > 1:
        return None
    if mapper.class_manager.dispatch.load or mapper.class_manager.dispatch.refresh:
        return None
    columns: dict[str, Any] = {}
    lists: dict[str, Select[Any]] = {}
    for field in sorted(resource.readable, key=lambda field: field.name):
        if field.is_relationship and field.many:
            keys = _keys_of_many(resource, field)
            if keys is None:
                return None
            lists[field.name] = keys
        else:
            column = _own_key(resource, field) if field.is_relationship else getattr(resource.model, field.name)
            if column is None or not _is_plain(mapper, column):
                return None
            columns[field.name] = column
    return Reader(resource, columns, lists)


class Reader:
    """Reads rows of *resource*: *columns* by the name of the field, and a statement for each field that is a list."""

    def __init__(self, resource: Resource, columns: Mapping[str, Any], lists: Mapping[str, Select[Any]]) -> None:
        self.resource = resource
        self.fields = tuple(resource.known[name] for name in sorted([*columns, *lists]))
        # Whether a row that was just stored holds what reading it again would give.
        self.exact = not lists and all(type(column.type) in _EXACT for column in columns.values())
        self._columns = tuple(columns.values())
        self._attributes = [column.key for column in self._columns]
        self._lists = [(i, lists[field.name]) for i, field in enumerate(self.fields) if field.name in lists]
        self._key = getattr(resource.model, resource.key.name)
        wanted = bindparam("key", type_=_comparable_type(self._key))
        self._one = select(*self._columns, self._key.label("of")).where(self._key == wanted)
        self._listing = lru_cache(maxsize=64)(self._page)

    def page(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        sorts: Sequence[str] = (),
        q: str = "",
        number: int = 1,
        size: int = 20,
    ) -> rows.Page:
        """Return what ``rows.page`` does, with tuples as items."""
        conditions = self._conditions()
        if q:
            columns = [getattr(self.resource.model, name) for name in self.resource.search]
            conditions = (*conditions, or_(false(), *(column.icontains(q, autoescape=True) for column in columns)))
        given = filters or {}
        values = {f"filter_{name}": value for name, value in given.items()}
        listing = self._page if conditions else self._listing
        items, count = listing(tuple(sorts), tuple(given), conditions)
        values_of_page = {**values, "first": (number - 1) * size, "size": size}
        with self._reading():
            found = db.session.execute(items, values_of_page).all()
            # The total is in every row; only a page beyond the last has none.
            total = found[0][-1] if found else 0 if number == 1 else db.session.scalar(count, values)
        return rows.Page(self._with_lists([row[:-1] for row in found]), number, size, total)

    def get(self, key: Any) -> tuple[Any, ...]:
        """Return the row with that *key*, as ``rows.get`` finds it.

        Raises:
            NotFound, LoginRequired, Forbidden: as there.
        """
        conditions = self._conditions()
        value = rows.parsed(self._key.type, key)
        if value is None:
            raise NotFound
        statement = self._one.where(*conditions) if conditions else self._one
        with self._reading():
            row = db.session.execute(statement, {"key": value}).one_or_none()
        if row is None:
            raise NotFound
        return self._with_lists([row])[0]

    def of(self, item: Any) -> tuple[Any, ...]:
        """Return the row that *item*, just stored, is; one statement more where it holds other types than its columns.

        Only for an ``exact`` reader.
        """
        values = tuple(getattr(item, name) for name in self._attributes)
        if all(_is_stored(value, field) for value, field in zip(values, self.fields, strict=True)):
            return values
        db.session.refresh(item)
        return tuple(getattr(item, name) for name in self._attributes)

    def _conditions(self) -> tuple[Any, ...]:
        rows.require_some(self.resource)
        condition = rows.condition_for(self.resource.model, self.resource.read)
        return () if condition is True else (condition,)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Spare a single statement BEGIN and ROLLBACK on PostgreSQL, where each is a round trip.

        Not within a transaction that something else began, nor where the app listens to transactions: it may set
        there who is asking, for row level security.
        """
        session = db.session()
        model = self.resource.model
        engine = session.get_bind(model.__mapper__)
        listened = session.dispatch.after_begin or session.dispatch.after_transaction_create or engine.dispatch.begin
        waiting = session.in_transaction() or session.new or session.dirty or session.deleted
        if self._lists or listened or waiting or engine.dialect.name != "postgresql":
            yield
            return
        session.connection(bind_arguments={"mapper": model}, execution_options={"isolation_level": "AUTOCOMMIT"})
        try:
            yield
        finally:
            session.rollback()

    def _page(self, sorts: tuple[str, ...], filters: tuple[str, ...], conditions: tuple[Any, ...]) -> Any:
        """Return two statements: one reads rows with the total as their last column, one counts."""
        equal = []
        for name in filters:
            column = getattr(self.resource.model, name)
            equal.append(column == bindparam(f"filter_{name}", type_=_comparable_type(column)))
        count = select(func.count()).select_from(self.resource.model).where(*equal, *conditions)
        # Not count(*) OVER (): that reads every row in full before the first is sent.
        total = count.correlate(None).scalar_subquery().label("total")
        items = select(*self._columns, self._key.label("of"), total).where(*equal, *conditions)
        items = rows.in_order(self.resource, items, sorts)
        return items.limit(bindparam("size", type_=BigInteger)).offset(bindparam("first", type_=BigInteger)), count

    def _with_lists(self, found: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return *found* without the key that stands last, and with the keys of to-many relationships."""
        if not self._lists or not found:
            return [row[:-1] for row in found]
        whole = {row[-1]: list(row[:-1]) for row in found}
        keys = list(whole)
        for place, statement in self._lists:
            others: dict[Any, list[Any]] = {key: [] for key in keys}
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = {"keys": keys[start : start + _KEYS_AT_ONCE]}
                for key, other in db.session.execute(statement, some).unique():
                    others[key].append(other)
            for key, values in whole.items():
                values.insert(place, others[key])
        return [tuple(values) for values in whole.values()]


def _is_plain(mapper: Any, attribute: Any) -> bool:
    """Return whether *attribute* is a column of the model's own table, of a type that comes with SQLAlchemy or us."""
    column, kind = attribute.property.columns[0], type(attribute.type)
    known = kind is UTCDateTime or kind.__module__.startswith("sqlalchemy.")
    return isinstance(column, Column) and column.table is mapper.local_table and known


def _own_key(resource: Resource, field: Field) -> Any:
    """Return the foreign key column that holds the key of a to-one relationship, or None where none does."""
    mapper = resource.model.__mapper__
    link = mapper.relationships[field.name]
    if link.direction.name != "MANYTOONE" or len(link.local_remote_pairs) != 1 or link.mapper.inherits:
        return None
    [(local, remote)] = link.local_remote_pairs
    plain = isinstance(link.primaryjoin, BinaryExpression) and link.primaryjoin.operator is eq
    enforced = any(key.column is remote for key in local.foreign_keys)
    same = (remote,) == link.mapper.primary_key and type(local.type) is type(remote.type)
    if not (plain and enforced and same and mapper.columns.contains_column(local)):
        return None
    return getattr(resource.model, mapper.get_property_by_column(local).key)


def _keys_of_many(resource: Resource, field: Field) -> Select[Any] | None:
    """Return the statement for (key, key of another row) of the rows with the given keys, or None."""
    link = resource.model.__mapper__.relationships[field.name]
    target: Any = link.mapper.class_
    if link.collection_class not in (None, list) or link.lazy in ("dynamic", "write_only", "noload"):
        return None
    if (
        link.mapper.inherits
        or target is resource.model
        or not _is_plain(link.mapper, getattr(target, key_name(target)))
    ):
        return None
    key = getattr(resource.model, resource.key.name)
    found = select(key, getattr(target, key_name(target))).join(getattr(resource.model, field.name))
    return found.where(key.in_(bindparam("keys", expanding=True))).order_by(*(link.order_by or ()))


def _comparable_type(column: Any) -> Any:
    """Return the type to compare *column* with a value: PostgreSQL refuses numbers wider than the column."""
    return BigInteger() if isinstance(column.type, Integer) else column.type


def _is_stored(value: Any, field: Field) -> bool:
    return value is None or (type(value) is field.type and getattr(value, "tzinfo", UTC) is UTC)
