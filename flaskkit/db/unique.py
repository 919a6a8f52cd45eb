"""Whether a value is taken already, asked before anything is stored.

The constraint decides when a row is stored. This is for people who are still typing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import UniqueConstraint, select

from flaskkit.db.models import db
from flaskkit.db.visibility import condition_for
from flaskkit.resource import Resource


def is_taken(resource: Resource, name: str, values: Mapping[str, Any], item: Any = None) -> bool:
    """Return whether another row that the caller may read has what field *name* holds in *values*, and must be unique.

    *item* is the row that is changed, whose other values are as they are; without one it is a new row. A row that the
    caller may not read is not told of here: whoever stores a row learns of it, and leaves a row behind.
    """
    mapper = resource.model.__mapper__
    known: dict[Any, Any] = {}
    if item is not None:
        known = {column: getattr(item, mapper.get_property_by_column(column).key) for column in mapper.local_table.c}
    for field in resource.writable:
        if field.name in values and not field.many:
            known |= dict.fromkeys(_columns_of(mapper, field.name), values[field.name])
    own = _columns_of(mapper, name)
    seen = condition_for(resource.model, resource.read)
    for columns in _unique(mapper.local_table):
        if not {*own} & {*columns} or any(known.get(column) is None for column in columns):
            continue
        same = [getattr(resource.model, mapper.get_property_by_column(one).key) == known[one] for one in columns]
        found = select(*mapper.primary_key).where(*same)
        keys = db.session.execute(found if seen is True else found.where(seen)).all()
        mine = None if item is None else tuple(mapper.primary_key_from_instance(item))
        if any(tuple(key) != mine for key in keys):
            return True
    return False


def _columns_of(mapper: Any, name: str) -> list[Any]:
    """Return the columns that the column or to-one relationship *name* is stored in."""
    if name in mapper.column_attrs:
        return [mapper.column_attrs[name].columns[0]]
    link = mapper.relationships[name]
    return list(link.local_columns) if link.direction.name == "MANYTOONE" else []


def _unique(table: Any) -> Iterator[list[Any]]:
    """Yield the columns of each constraint and index of *table* that no two rows may have alike."""
    yield from (list(one.columns) for one in table.constraints if isinstance(one, UniqueConstraint))
    # One with a condition, such as WHERE, is about some rows only.
    yield from (
        list(one.columns)
        for one in table.indexes
        if one.unique and not any(options.get("where") is not None for options in one.dialect_options.values())
    )
    yield list(table.primary_key.columns)
