"""From what a database says about a violated constraint to an error that names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from flaskkit.errors import Conflicting, Rejected
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field, fields_of
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
# What to say of each.
_TEXTS = {
    "unique": say("This is taken already."),
    "foreign": say("This refers to a row that does not exist."),
    "missing": say("A value is missing."),
    "check": say("This value is not allowed."),
    "value": say("This value is not allowed."),
    "": say("This collides with a rule of the database."),
}


def write_refused(resource: Resource, error: DBAPIError, values: Mapping[str, Any] | None = None) -> Rejected:
    """Return what to raise when storing a row of *resource* failed with *error*.

    Fields that may not be sent are not named. Of rows that belong to it and were sent with it, in *values*, it says
    which one is meant, as far as that can be told.
    """
    kind = violated(error)
    refused = Conflicting if kind in ("unique", "") else Rejected
    owned = _owned_field(resource, error)
    if owned is not None:
        names = _fields(owned.target, owned.owned, error)
        return refused({owned.name: _in_rows(owned, names, kind, (values or {}).get(owned.name) or ())})
    sent = {field.name for field in resource.writable}
    names = [name for name in _fields(resource.model, resource.writable, error) if kind and name in sent] or [""]
    return refused({name: [_TEXTS[kind]] for name in names})


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


def _fields(model: Any, sent: Iterable[Field], error: DBAPIError) -> list[str]:
    """Return the names of the fields of *model* that the violated constraint is about, as far as the database tells."""
    names = [model.__mapper__.get_property_by_column(column).key for column in _columns(model.__table__, error)]
    by_column = {field.name: field for field in sent}
    links = {field.relationship: field.name for field in by_column.values() if field.is_relationship}
    known = fields_of(model)
    return [name if name in by_column else links.get(known[name].relationship, name) for name in names]


def _columns(table: Any, error: DBAPIError) -> list[Any]:
    """Return the columns of *table* that the violated constraint is about."""
    original: Any = error.orig
    text = str(original.args[-1] if original.args else original)
    diagnosis: Any = getattr(original, "diag", None)
    name = getattr(diagnosis, "constraint_name", None)
    if getattr(diagnosis, "column_name", None):
        # A hook may have written to another table.
        told = (diagnosis.table_name, diagnosis.column_name)
        return [column for column in table.c if (table.name, column.name) == told]
    words = set(re.findall(r"[\w.]+", text)) if name is None else {name}
    words |= {word.rpartition(".")[2] for word in words}
    constraints = [*table.constraints, *table.indexes]
    fitting = [c for c in constraints if c.name is not None and str(c.name) in words]
    # SQLite names no constraint but the columns, as table.column; MariaDB says PRIMARY for the key.
    columns = [column for constraint in fitting for column in constraint.columns]
    columns = columns or [column for column in table.c if f"{table.name}.{column.name}" in text]
    columns = columns or [column for column in table.c if f"'{column.name}'" in text]
    return columns or (list(table.primary_key.columns) if "PRIMARY" in words else [])


def _owned_field(resource: Resource, error: DBAPIError) -> Field | None:
    """Return the field whose rows *error* is about, if they were sent with a row of *resource*."""
    found = re.match(r"\s*(?:INSERT INTO|UPDATE)\s+[\"`]?(\w+)", error.statement or "")
    fields = [resource.known[name] for name in resource.owned] if found else []
    return next((one for one in fields if one.target and one.target.__table__.name == found[1]), None)  # type: ignore[index]


def _in_rows(owned: Field, names: Sequence[str], kind: str, sent: Sequence[Mapping[str, Any]]) -> Any:
    """Return what to say of *names* in one of the rows *sent*: at its position, or without one of all of them."""
    shown = sorted({field.name for field in owned.owned} & {*names})
    places = list(range(len(sent)))
    if kind == "missing":
        places = [i for i in places if any(sent[i].get(name) is None for name in shown)]
    elif shown:
        places = [i for i in places if any(name in sent[i] for name in shown)]
    if kind == "unique" and shown:
        told = [[sent[i].get(name) for name in shown] for i in places]
        places = [place for i, place in enumerate(places) if told[i] in told[:i]][:1] or places
    if len(places) != 1:
        return [_TEXTS[kind]]
    return {str(places[0]): {name: [_TEXTS[kind]] for name in shown} or {"_schema": [_TEXTS[kind]]}}
