"""One object of a model, and columns beside it, from one row: for what every request asks.

    users = OneObject(User, beside=[Token.id], narrow=lambda users: users.join(Token).where(…))
    user, token_id = users.find(digest="…")

    user, token_id = users.read(digest="…")      not in the session yet: enough to look at its columns
    user = in_session(user)

SQLAlchemy's loading of objects is made for many of them; for one it costs more than the statement. Here the columns
are read as they are, and the object is put together and attached to the session as if it had been loaded: what it
does from then on, such as lazy loading and noting changes, is SQLAlchemy's. A model that is more than one table, or
that wants to know when it is loaded, is loaded by SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import make_transient_to_detached

from flaskkit.db.models import db
from flaskkit.db.prepared import Prepared
from flaskkit.db.reading import reading_objects, rows_of


class OneObject:
    """A statement for at most one object of *model* and the columns *beside* it. *narrow* adds to the SELECT."""

    def __init__(self, model: Any, beside: Sequence[Any], narrow: Callable[[Select[Any]], Select[Any]]) -> None:
        self.model = model
        self.mapper = model.__mapper__
        self.names = _columns_of(self.mapper)
        self.statement = narrow(select(*(getattr(model, name) for name in self.names), *beside))
        if not self.names:
            self.statement = narrow(select(model, *beside))
            return
        self._prepared = Prepared(self.statement)

    def find(self, **parameters: Any) -> tuple[Any, ...] | None:
        """Return the object and what is beside it, or None. It leaves no transaction behind that was not there."""
        found = self.read(**parameters)
        return None if found is None else (in_session(found[0]), *found[1:])

    def read(self, **parameters: Any) -> tuple[Any, ...] | None:
        """Return the same, but an object that was not in the session is not there yet: see ``in_session``."""
        if not self.names:
            with reading_objects(self.model):
                loaded = db.session.execute(self.statement, parameters).unique().first()
            return None if loaded is None else tuple(loaded)
        found = rows_of(self._prepared, self.model, parameters)
        if not found:
            return None
        [row] = found
        made = self.mapper.class_manager.new_instance()
        vars(made).update(zip(self.names, row, strict=False))
        return (made, *row[len(self.names) :])


def in_session(item: Any) -> Any:
    """Return *item*, which ``read`` returned, as an object of the session: the one that is there, if there is one."""
    if not inspect(item).transient:
        return item
    session = db.session()
    mapper = type(item).__mapper__
    known = session.identity_map.get(mapper.identity_key_from_instance(item))
    if known is not None:
        return known
    alone = not session.in_transaction()
    make_transient_to_detached(item)
    session.add(item)
    if alone and (begun := session.get_transaction()) is not None:
        # Adding began one, and there is nothing in it.
        begun.close()
    return item


def _columns_of(mapper: Any) -> list[str]:
    """Return the names of the columns to read, or none where SQLAlchemy must load the objects of *mapper*."""
    manager = mapper.class_manager
    several = mapper.polymorphic_on is not None or mapper.inherits is not None
    if several or mapper.composites or manager.dispatch.load or manager.dispatch.refresh:
        return []
    return [column.key for column in mapper.column_attrs if not column.deferred]
