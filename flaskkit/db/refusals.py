"""From what a database says about a violated constraint to an error that names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy.exc import DBAPIError

from flaskkit.errors import Conflicting, Rejected
from flaskkit.resource import Resource
from flaskkit.texts import say

# SQLSTATE of PostgreSQL, error number of MariaDB, error name of SQLite.
_KINDS = {
    "unique": {"23505", "1062", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"},
    "foreign": {"23503", "1451", "1452", "SQLITE_CONSTRAINT_FOREIGNKEY"},
    "missing": {"23502", "1048", "1364", "SQLITE_CONSTRAINT_NOTNULL"},
    "check": {"23514", "4025", "3819", "SQLITE_CONSTRAINT_CHECK"},
    # Values that MariaDB alone refuses, such as a UUID of a variant it does not know.
    "value": {"1264", "1292", "1366", "1406"},
}


def write_refused(resource: Resource, error: DBAPIError) -> Rejected:
    """Return what to raise when storing a row of *resource* failed with *error*.

    Fields that may not be sent are not named.
    """
    kind = violated(error)
    sent = {field.name for field in resource.writable}
    names = [name for name in _fields(resource, error) if name in sent] or [""]
    if kind == "unique":
        return Conflicting({name: [say("This is taken already.")] for name in names})
    if kind == "foreign":
        return Rejected({name: [say("This refers to a row that does not exist.")] for name in names})
    if kind == "missing":
        return Rejected({name: [say("A value is missing.")] for name in names})
    if kind in ("check", "value"):
        return Rejected({name: [say("This value is not allowed.")] for name in names})
    return Conflicting({"": [say("This collides with a rule of the database.")]})


def delete_refused(error: DBAPIError) -> Conflicting:
    """Return what to raise when deleting a row failed with *error*."""
    return Conflicting({"": [say("Other rows still refer to this one.")]}, say("Other rows still refer to this one."))


def violated(error: DBAPIError) -> str:
    """Return the kind of constraint that *error* is about, "unique", "foreign", "missing", "check" or "value"; else "".

    Not told by the class alone: MariaDB's driver raises an OperationalError for a violated CHECK.
    """
    original: Any = error.orig
    first = original.args[0] if original.args else ""
    said = {str(code) for code in (getattr(original, "sqlstate", ""), getattr(original, "sqlite_errorname", ""), first)}
    return next((kind for kind, codes in _KINDS.items() if codes & said), "")


def _fields(resource: Resource, error: DBAPIError) -> list[str]:
    """Return the names of the fields that the violated constraint is about, as far as the database tells."""
    table, mapper = resource.model.__table__, resource.model.__mapper__
    original: Any = error.orig
    text = str(original.args[-1] if original.args else original)
    diagnosis: Any = getattr(original, "diag", None)
    name = getattr(diagnosis, "constraint_name", None)
    columns: Iterable[Any] = ()
    if getattr(diagnosis, "column_name", None):
        # A hook may have written to another table.
        columns = [
            column for column in table.c if (table.name, column.name) == (diagnosis.table_name, diagnosis.column_name)
        ]
    else:
        words = set(re.findall(r"[\w.]+", text)) if name is None else {name}
        words |= {word.rpartition(".")[2] for word in words}
        constraints = [*table.constraints, *table.indexes]
        fitting = [c for c in constraints if c.name is not None and str(c.name) in words]
        # SQLite names no constraint but the columns, as table.column; MariaDB says PRIMARY for the key.
        columns = [column for constraint in fitting for column in constraint.columns]
        columns = columns or [column for column in table.c if f"{table.name}.{column.name}" in text]
        columns = columns or [column for column in table.c if f"'{column.name}'" in text]
        columns = columns or (table.primary_key.columns if "PRIMARY" in words else ())
    names = [mapper.get_property_by_column(column).key for column in columns]
    by_column = {field.name: field for field in resource.writable}
    links = {field.relationship: field.name for field in by_column.values() if field.is_relationship}
    return [name if name in by_column else links.get(resource.known[name].relationship, name) for name in names]
