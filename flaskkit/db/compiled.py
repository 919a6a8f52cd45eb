"""What a Resource shows, read as plain tuples: only those columns, by statements that are built once.

    reader = reader_for(notes)      None where only model objects can tell what is shown
    reader.fields                   the fields of a tuple, by name
    reader.page(sorts=["-rating"])  a Page of tuples        reader.get("7")    one tuple
    reader.of(note)                 the tuple of a row that was just stored

A to-one relationship is its foreign key column: no join, unless it is shown as an object (nested.py). To-many ones are
read for the whole page at once. A policy is asked, and an SQL condition, for every request. Statements have the
attributes of the model and go through the session where that may matter, so that pending changes and
``with_loader_criteria`` hold as for model objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import Column, bindparam, select, types
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.operators import eq
from werkzeug.exceptions import NotFound

from flaskkit.db import rows
from flaskkit.db.columns import ByColumn, columns_of
from flaskkit.db.filters import comparable_type
from flaskkit.db.keys import parsed, parts_of
from flaskkit.db.lists import Asked, Lists, Page
from flaskkit.db.models import UTCDateTime, db
from flaskkit.db.nested import Link, List, hides_nothing, joined, seen_behind
from flaskkit.db.prepared import Prepared
from flaskkit.db.reading import rows_of
from flaskkit.db.visibility import readable, visible
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.resource.fields import key_of as key_name

# Values of these come back from every database as they were sent; a decimal, say, gets the column's scale.
EXACT = {types.Integer, types.SmallInteger, types.BigInteger, types.Boolean, types.String, types.Text, types.Enum}
EXACT |= {types.Date, types.LargeBinary, types.Uuid, UTCDateTime}


def reader_for(resource: Resource, fields: Sequence[Field] | None = None) -> Reader | None:
    """Return what reads *fields* of *resource* as tuples, or None where loading model objects may show something else.

    Without *fields* it reads all that are readable. There is no reader for models that inherit or listen to being
    loaded or have a key of several columns, columns of types made by others, what is computed in Python, and
    relationships that are more than one foreign key, a plain list, or lead to the same model.
    """
    if not _loads_plainly(resource.model.__mapper__) or len(resource.keys) > 1:
        return None
    shown = sorted(resource.readable if fields is None else fields, key=lambda field: field.public_name)
    parts = [_part(resource, field) for field in shown]
    return None if any(part is None for part in parts) else Reader(resource, shown, parts)


class Reader:
    """Reads *fields* of rows of *resource*: each is, in *parts*, a column, a ``Link`` or a ``List``."""

    def __init__(self, resource: Resource, fields: Sequence[Field], parts: Sequence[Any]) -> None:
        self.resource = resource
        self.fields = tuple(fields)
        self.links = [part for part in parts if isinstance(part, Link)]
        self._lists = any(isinstance(part, List) for part in parts)
        self._parts = tuple(parts)
        columns = [part for part in parts if not isinstance(part, Link | List)]
        # The columns of the row itself, where nothing else is shown of it but rows that they refer to.
        stored = not self._lists and not any(field.computed for field in fields)
        self.stored = columns if stored else None
        exact = stored and all(type(column.type) in EXACT for column in columns)
        # Whether a row that was just stored holds what reading it again would give.
        self.exact = exact and not self.links and not resource.hooks
        self._attributes = [column.key for column in columns] if self.exact else []
        self._width = len(columns)
        self._key = getattr(resource.model, resource.key.name)
        self._key_type = self._key.type
        # In a subquery, columns need names of their own. The key follows them, unless it is one of them.
        own = [column.label(f"column_{i}") if self.links else column for i, column in enumerate(columns)]
        self._key_at = next((i for i, column in enumerate(columns) if column is self._key), self._width)
        self.shows_key = self._key_at < self._width
        self._columns = tuple(own) if self.shows_key else (*own, self._key.label("of"))
        self._listing = Lists(resource, self._columns, links=self.links)
        self._of_key = self._key == bindparam("key", type_=comparable_type(self._key))
        self._of_keys = self._key.in_(bindparam("keys", expanding=True))
        self._plain_one = Prepared(self._where(self._of_key, seen=(None,) * len(self.links)))

    def page(self, **asked: Any) -> Page:
        """Return what ``rows.page`` does, with tuples as items."""
        own = readable(self.resource)
        page = self._listing.page(Asked(**asked), own, visible, self.seen(), self._read)
        return page._replace(items=self.tuples(page.items))

    def get(self, key: Any) -> tuple[Any, ...]:
        """Return the row with that *key*, as ``rows.get`` finds it.

        Raises:
            NotFound, LoginRequired, Forbidden: as there.
        """
        condition = readable(self.resource)
        [part] = parts_of(key, 1)
        value = parsed(self._key_type, part)
        if value is None:
            raise NotFound
        return self.found(value, () if condition is True else (condition,))

    def of(self, item: Any) -> tuple[Any, ...]:
        """Return the row that *item*, just stored, is.

        It is read again unless the reader is ``exact`` and the item holds the types of its columns.
        """
        if not self.exact:
            return self.found(rows.key_of(item))
        values = tuple(getattr(item, name) for name in self._attributes)
        if all(_is_stored(value, field) for value, field in zip(values, self.fields, strict=True)):
            return values
        db.session.refresh(item)
        return tuple(getattr(item, name) for name in self._attributes)

    def of_all(self, items: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows that *items*, just stored, are.

        Raises:
            NotFound: one was deleted since.
        """
        if self.exact:
            return [self.of(item) for item in items]
        keys = [rows.key_of(item) for item in items]
        found = db.session.execute(self._where(self._of_keys, seen=self.seen()), {"keys": keys}).all()
        by_key = dict(zip((row[self._key_at] for row in found), self.tuples(found), strict=True))
        if not by_key.keys() >= {*keys}:
            raise NotFound
        return [by_key[key] for key in keys]

    def found(self, key: Any, conditions: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Return the row with that *key*, a value, of those for which *conditions* hold.

        Raises:
            NotFound: there is none.
        """
        seen = self.seen()
        plain = not conditions and hides_nothing(seen)
        statement = self._plain_one if plain else self._where(self._of_key, *conditions, seen=seen)
        found = self._read(statement, {"key": key})
        if not found:
            raise NotFound
        return self.tuples(found)[0]

    def seen(self) -> tuple[Any, ...]:
        """Return for each link which rows the caller sees: None for all."""
        return seen_behind(self.links)

    def tuples(self, found: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        """Return *found* as tuples of the fields; after the columns, with the key, stand the values of links."""
        if not found:
            return []
        columns = columns_of(found)
        own, keys, others = iter(columns[: self._width]), columns[self._key_at], len(self._columns)
        shown: list[Sequence[Any]] = []
        for part in self._parts:
            if isinstance(part, Link):
                shown.append(part.shown(columns[others : others + part.width]))
                others += part.width
            elif isinstance(part, List):
                held = part.of(db.session(), list(dict.fromkeys(keys)))
                shown.append([held[key] for key in keys])
            else:
                shown.append(next(own))
        return ByColumn(shown)

    def _read(self, statement: Any, parameters: Mapping[str, Any]) -> Sequence[Any]:
        return rows_of(statement, self.resource.model, parameters, alone=not self._lists)

    def _where(self, *conditions: Any, seen: Sequence[Any]) -> Any:
        found = select(*self._columns).where(*conditions)
        return joined(found, len(self._columns), (), self.links, seen) if self.links else found


def _loads_plainly(mapper: Any) -> bool:
    """Return whether objects of that *mapper* hold nothing but what their columns do."""
    if mapper.inherits or mapper.polymorphic_on is not None or len(list(mapper.self_and_descendants)) > 1:
        return False
    return not (mapper.class_manager.dispatch.load or mapper.class_manager.dispatch.refresh)


def _part(resource: Resource, field: Field) -> Any:
    """Return the column, link or list that *field* is, or None where only objects can tell."""
    if not field.is_relationship:
        return _expression(resource.model, field)
    if field.many:
        parts = _parts_behind(field)
        return List(resource, field, parts) if parts is not None and _is_plain_list(resource, field) else None
    return _to_one(resource.model, field)


def _to_one(model: Any, field: Field) -> Any:
    """Return the link that the to-one relationship *field* of *model* is, or the column where its key is shown."""
    key = _own_key(model, field)
    if key is None or not is_plain(model.__mapper__, key):
        return None
    parts = _parts_behind(field)
    return None if parts is None else Link(field, key, parts) if field.nested else key


def _parts_behind(field: Field) -> list[Any] | None:
    """Return the columns and links that *field* shows of the other row, or None where only objects can tell."""
    target: Any = field.target
    if not field.nested:
        return []
    if not _loads_plainly(target.__mapper__):
        return None
    parts = [
        None if one.many else _to_one(target, one) if one.is_relationship else _expression(target, one)
        for one in field.nested
    ]
    return None if any(part is None for part in parts) else parts


def _expression(model: Any, field: Field) -> Any:
    """Return the attribute of *model* that is *field* in SQL, or None where objects may hold something else."""
    if not field.in_sql:
        return None
    attribute = getattr(model, field.name)
    if not field.computed:
        return attribute if is_plain(model.__mapper__, attribute) else None
    # A hybrid may promise another type than its expression has; what has none, such as func.upper(), is taken as it is.
    kind = attribute.type
    if type(kind) is types.NullType:
        return attribute if field.type in (str, int, float, bool) and not field.many else None
    known = type(kind) is UTCDateTime or type(kind).__module__.startswith("sqlalchemy.")
    return attribute if known and not field.many and _holds(kind, field.type) else None


def _holds(kind: Any, wanted: type) -> bool:
    try:
        found: type = getattr(kind, "enum_class", None) or kind.python_type
    except NotImplementedError:
        return False
    return found is wanted or (found is dict and wanted is object)


def is_plain(mapper: Any, attribute: Any) -> bool:
    """Return whether *attribute* is a column of the model's own table, of a type that comes with SQLAlchemy or us."""
    column, kind = attribute.property.columns[0], type(attribute.type)
    known = kind is UTCDateTime or kind.__module__.startswith("sqlalchemy.")
    return isinstance(column, Column) and column.table is mapper.local_table and known


def _own_key(model: Any, field: Field) -> Any:
    """Return the foreign key column that holds the key of a to-one relationship, or None where none does."""
    mapper = model.__mapper__
    link = mapper.relationships[field.name]
    if link.direction.name != "MANYTOONE" or len(link.local_remote_pairs) != 1 or link.mapper.inherits:
        return None
    [(local, remote)] = link.local_remote_pairs
    plain = isinstance(link.primaryjoin, BinaryExpression) and link.primaryjoin.operator is eq
    enforced = any(key.column is remote for key in local.foreign_keys)
    same = (remote,) == link.mapper.primary_key and type(local.type) is type(remote.type)
    if not (plain and enforced and same and mapper.columns.contains_column(local)):
        return None
    return getattr(model, mapper.get_property_by_column(local).key)


def _is_plain_list(resource: Resource, field: Field) -> bool:
    """Return whether one statement reads what a to-many relationship holds, and loading it would change nothing."""
    link = resource.model.__mapper__.relationships[field.name]
    target: Any = link.mapper.class_
    if link.collection_class not in (None, list) or link.lazy in ("dynamic", "write_only", "noload"):
        return False
    if link.mapper.inherits or target is resource.model or len(link.mapper.primary_key) != 1:
        return False
    return is_plain(link.mapper, getattr(target, key_name(target)))


def _is_stored(value: Any, field: Field) -> bool:
    return value is None or (type(value) is field.type and getattr(value, "tzinfo", UTC) is UTC)
