"""A statement that is always the same, compiled once and sent to the driver as it is.

    one = Prepared(select(Note.id, Note.title).where(Note.id == bindparam("key")))
    one.rows(engine, {"key": 7})        [(7, "Tea")], or None where SQLAlchemy has to execute it

For one row, SQLAlchemy's execution costs twice what the driver does: an object for the connection, one for the
execution, one for the result, and on PostgreSQL a description of each column. What an app may want of it is not left
out: it executes where somebody listens to statements or logs them, where the engine has options, and for drivers and
parameters that are not known here. Pool, types and errors are SQLAlchemy's either way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from flaskkit.db.columns import ByColumn, columns_of
from flaskkit.db.listeners import Events
from flaskkit.db.models import all_in_utc, in_utc

_DRIVERS = ("psycopg", "pysqlite", "pymysql")
# Who listens to one of these wants to see or change what is executed; our own listeners are about other things.
_EXECUTING = Events(
    *("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"),
    *("engine_connect", "set_connection_execution_options", "begin", "rollback", "commit"),
)
_DRIVING = Events("do_execute", "do_execute_no_params", "do_setinputsizes", "handle_error")
# Where the info of a connection keeps cursors by statement, the one used last at the end, and how many.
_CURSORS, _MOST_CURSORS = "flaskkit_cursors", 50
# The types of PostgreSQL, by the numbers in its catalogue, of which psycopg makes the same values whether they come as
# text or in binary, which is faster to read. Of what it does not know, such as enums, binary would be bytes.
_SAME_IN_BINARY = {
    *(16, 20, 21, 23, 701),  # bool, int8, int2, int4, float8; a float4 has more digits in binary
    *(17, 25, 1042, 1043, 2950),  # bytea, text, bpchar, varchar, uuid
    *(1082, 1083, 1114, 1184),  # date, time, timestamp, timestamptz
}

Change = Callable[[Any], Any]
# From the values of a column to what they are for us.
ColumnChange = Callable[[Sequence[Any]], Sequence[Any]]


class Prepared:
    """*statement*, a SELECT, or an INSERT of the columns *keys* that returns something."""

    def __init__(self, statement: Any, keys: Sequence[str] | None = None) -> None:
        self.statement = statement
        self._keys = keys
        self._compiled = lru_cache(maxsize=4)(self._compiled_for)

    def rows(self, engine: Engine, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]] | None:
        """Return the rows, outside of any transaction on PostgreSQL; None where SQLAlchemy has to execute this.

        Raises:
            sqlalchemy.exc.DBAPIError: what SQLAlchemy raises, too.
        """
        compiled = self._compiled(engine.dialect) if _is_unheard(engine) else None
        sent = compiled.bound(parameters) if compiled else None
        return None if compiled is None or sent is None else compiled.sent(engine, sent)

    def _compiled_for(self, dialect: Dialect) -> _Compiled | None:
        if dialect.driver not in _DRIVERS:
            return None
        if dialect.driver == "pymysql" and not self.statement.is_select:
            return None  # There is a transaction to be committed.
        options = {"column_keys": list(self._keys)} if self._keys is not None else {}
        compiled = self.statement.compile(dialect=dialect, **options)
        if compiled.post_compile_params or compiled.literal_execute_params:
            return None  # Its text depends on the values.
        if compiled.insert_prefetch:
            return None  # SQLAlchemy knows the defaults of columns.
        return _Compiled(compiled, dialect, [one.type for one in self.statement.exported_columns])


@dataclass
class _Compiled:
    """What of a statement is the same each time."""

    compiled: SQLCompiler
    dialect: Dialect
    types: Sequence[Any]
    fixed: dict[str, Any] = field(init=False)
    # By the name in our parameters: the name in the statement, and what makes a value one for the driver.
    given: dict[str, tuple[str, Change | None]] = field(init=False)
    changes: list[tuple[int, ColumnChange]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.text = self.compiled.string
        self.order = self.compiled.positiontup if self.compiled.positional else None
        self.is_psycopg = self.dialect.driver == "psycopg"
        self.fixed, self.given = {}, {}
        for one, name in self.compiled.bind_names.items():
            change = _for_driver(one, self.dialect)
            if one.required:
                self.given[one.key] = name, change
            else:
                self.fixed[name] = change(one.effective_value) if change else one.effective_value

    def bound(self, parameters: Mapping[str, Any]) -> Any:
        """Return *parameters* for the driver; None where one is missing or is no value of its type."""
        values = dict(self.fixed)
        try:
            for key, (name, change) in self.given.items():
                values[name] = change(parameters[key]) if change else parameters[key]
        except Exception:
            # Whatever a type raises: SQLAlchemy says what is wrong, in its words.
            return None
        return values if self.order is None else tuple(values[name] for name in self.order)

    def sent(self, engine: Engine, values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows."""
        errors: Any = self.dialect.loaded_dbapi.Error
        try:
            connection = engine.raw_connection()
        except errors as error:
            raise self._told(error, engine, None, gone=self.dialect.is_disconnect(error, None, None)) from error
        raw: Any = connection.dbapi_connection
        cursor = None
        # A read alone needs no BEGIN and no ROLLBACK, which are round trips.
        begins = self.is_psycopg and not raw.autocommit
        try:
            if begins:
                raw.autocommit = True
            # A cursor of psycopg that has read such a row knows how; to find out is half of all that it does for one.
            kept = connection.info.setdefault(_CURSORS, {}) if self.is_psycopg else {}
            known = kept.pop(self.text, None)
            cursor = known or raw.cursor()
            cursor.execute(self.text, values)
            rows: list[Any] = cursor.fetchall()
            if self.changes is None:
                self.changes = self._for_us(cursor.description)
            if self.is_psycopg:
                kept[self.text] = known or (raw.cursor(binary=True) if self._is_same_in_binary(cursor) else cursor)
                # It would keep the rows as well.
                cursor.pgresult.clear()
                if len(kept) > _MOST_CURSORS:
                    del kept[next(iter(kept))]
            else:
                cursor.close()
            if begins:
                raw.autocommit = False
        except errors as error:
            gone = bool(self.dialect.is_disconnect(error, raw, cursor))
            if gone:
                connection.invalidate(error)
            elif begins:
                raw.autocommit = False
            connection.close()
            raise self._told(error, engine, values, gone=gone) from error
        except BaseException as error:
            # What state it is in nobody knows; a database in memory is only there.
            if self.dialect.name != "sqlite":
                connection.invalidate(error)
            connection.close()
            raise
        connection.close()
        return self._changed(rows) if self.changes else rows

    def _for_us(self, description: Any) -> list[tuple[int, ColumnChange]]:
        """Return what makes the values of each column ours, by its position, where there is something to do."""
        impls = [kind.dialect_impl(self.dialect) for kind in self.types]
        pairs = zip(impls, description, strict=True)
        found = [impl.result_processor(self.dialect, column[1]) for impl, column in pairs]
        return [(i, _for_column(change)) for i, change in enumerate(found) if change]

    def _is_same_in_binary(self, cursor: Any) -> bool:
        """Return whether psycopg makes the same values of what *cursor* has read when it comes in binary."""
        kinds = {column.type_code for column in cursor.description}
        if type(cursor) is not self.dialect.loaded_dbapi.Cursor or not kinds <= _SAME_IN_BINARY:
            return False
        # An app may have given the connection loaders of its own.
        loaders = [cursor.adapters.get_loader(kind, binary) for kind in kinds for binary in (False, True)]
        return all(loader.__module__.startswith("psycopg") for loader in loaders)

    def _changed(self, rows: Sequence[Any]) -> Sequence[Sequence[Any]]:
        if not rows:
            return rows
        columns = columns_of(rows)
        for i, change in self.changes or ():
            columns[i] = change(columns[i])
        return ByColumn(columns)

    def _told(self, error: Any, engine: Engine, values: Any, *, gone: bool) -> BaseException:
        told: BaseException = DBAPIError.instance(
            None if values is None else self.text,
            values,
            error,
            self.dialect.loaded_dbapi.Error,
            hide_parameters=engine.hide_parameters,
            connection_invalidated=gone,
            dialect=self.dialect,
        )
        return told


def _for_driver(one: BindParameter[Any], dialect: Dialect) -> Change | None:
    return one.type.dialect_impl(dialect).bind_processor(dialect)


def _for_column(change: Change) -> ColumnChange:
    # A page of a list has hundreds of moments, and most are in UTC: a call for each would cost more than the rest.
    return all_in_utc if change is in_utc else lambda values: list(map(change, values))


def _is_unheard(engine: Engine) -> bool:
    """Return whether nobody sees, hears or changes how *engine* executes statements; it may come at any time."""
    if engine.get_execution_options() or engine.logger.isEnabledFor(logging.INFO):
        return False
    return not (_EXECUTING.heard(engine.dispatch) or _DRIVING.heard(engine.dialect.dispatch))
