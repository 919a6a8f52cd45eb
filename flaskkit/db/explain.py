"""Which SQL an operation on a resource is, for `flask kit explain`: made as for a request, and not sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import Flask
from sqlalchemy import bindparam, delete, insert, select, update

from flaskkit.access import Caller
from flaskkit.db.compiled import reader_for
from flaskkit.db.inserting import inserter_for
from flaskkit.db.lists import Asked, Lists
from flaskkit.db.models import db
from flaskkit.db.prepared import Prepared
from flaskkit.db.visibility import condition_for, visible
from flaskkit.resource import Resource

ACTIONS = {"list": "read", "read": "read", "create": "create", "update": "update", "delete": "delete"}


class Somebody:
    """A user of whom nothing is known but that the policies let them in."""

    def __init__(self) -> None:
        self.id: Any = bindparam("user_id")

    def has_role(self, name: str) -> bool:
        return True

    def may(self, permission: str) -> bool:
        return True


def statements(app: Flask, resource: Resource, operation: str) -> tuple[str, ...]:
    """Return what *operation* ("list", "read", "create", "update", "delete") sends for a logged-in user, in order."""
    kit = app.extensions["flaskkit"]
    before, kit.caller = kit.caller, lambda: Caller(Somebody(), "session")
    try:
        with app.test_request_context():
            dialect = db.session().get_bind(resource.model.__mapper__).dialect
            return tuple(
                " ".join(str(one.compile(dialect=dialect)).split()) for one in _made(resource, operation, dialect)
            )
    finally:
        kit.caller = before


def _made(resource: Resource, operation: str, dialect: Any) -> Iterator[Any]:
    table, reader = resource.model.__table__, reader_for(resource)
    if operation == "list":
        yield from _listed(resource, reader)
        return
    if operation == "create":
        inserter = inserter_for(resource, reader)
        statement = inserter._statement(dialect, True)[0] if inserter and dialect.insert_returning else insert(table)
        yield statement.values(dict.fromkeys(_stored(resource, resource.policy("create").names())))
        return
    keys = [getattr(resource.model, key.name) == bindparam(f"key_{i}") for i, key in enumerate(resource.keys)]
    condition = condition_for(resource.model, resource.read)
    seen = [] if condition is True else [condition]
    if operation == "read" and reader is not None:
        yield reader._where(reader._of_key, *seen, seen=reader.seen())
        return
    found = select(resource.model).where(*keys, *seen)
    yield found if operation == "read" else found.with_for_update(of=resource.model)
    own = [column == bindparam(f"key_{i}") for i, column in enumerate(table.primary_key)]
    if operation == "update":
        yield update(table).where(*own).values(dict.fromkeys(_stored(resource)))
    elif operation == "delete":
        yield delete(table).where(*own)


def _stored(resource: Resource, more: Iterable[str] = ()) -> list[str]:
    """Return the columns in which the values of writable fields, and of *more*, are stored."""
    mapper = resource.model.__mapper__
    found: dict[str, None] = {}
    for name in (*(field.name for field in resource.writable), *more):
        if name in mapper.column_attrs:
            found[mapper.column_attrs[name].columns[0].key] = None
        elif name in mapper.relationships and mapper.relationships[name].direction.name == "MANYTOONE":
            found |= dict.fromkeys(str(column.key) for column in mapper.relationships[name].local_columns)
    return list(found)


def _listed(resource: Resource, reader: Any) -> Iterator[Any]:
    sent: list[Any] = []

    def note(statement: Any, _values: Any) -> Sequence[Any]:
        # As if the database had nothing.
        sent.append(statement.statement if isinstance(statement, Prepared) else statement)
        return []

    lists = reader._listing if reader is not None else Lists(resource, [resource.model])
    seen = reader.seen() if reader is not None else ()
    lists.page(Asked(), condition_for(resource.model, resource.read), visible, seen, note)
    yield from sent
