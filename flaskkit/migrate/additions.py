"""What a migration needs beside what Alembic writes, where there are rows already.

fill(operations)             a column that must not be null gets its model's default as the database's
tell_lost(operations)        a renamed column looks like one that is dropped and one that is added
new_members(connection)      what PostgreSQL's enums lack; Alembic does not compare them
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

from alembic.operations.ops import AddColumnOp, DropColumnOp, ModifyTableOps
from sqlalchemy import Column, Connection, Enum, Table, inspect, text

from flaskkit.db import UTCDateTime

logger = logging.getLogger("alembic.env")


def fill(operations: Any) -> None:
    """Let each column that *operations* add, and that must not be null, have a value for rows that are there.

    Where the model has no default to take, the log says what to do.
    """
    for table in operations.ops:
        for added in table.ops if isinstance(table, ModifyTableOps) else ():
            if not isinstance(added, AddColumnOp) or added.column.nullable or added.column.server_default is not None:
                continue
            column = added.column
            value = _default_of(column)
            if value is None:
                logger.warning(
                    "%s.%s must not be null, and rows that are there have no value for it: the upgrade fails where"
                    " there are any. Give the column server_default=…, or add it as nullable, fill it, and change it"
                    " then.",
                    added.table_name,
                    column.name,
                )
                continue
            # A copy: the model's own column stays as it was written.
            added.column = Column(
                column.name, column.type, nullable=False, server_default=value, comment=column.comment
            )


def tell_lost(operations: Any) -> None:
    """Say in the log which columns are dropped where others come: they may have been renamed."""
    for table in operations.ops:
        changes = table.ops if isinstance(table, ModifyTableOps) else ()
        added = [one.column.name for one in changes if isinstance(one, AddColumnOp)]
        for dropped in [one.column_name for one in changes if isinstance(one, DropColumnOp)] if added else ():
            logger.warning(
                "%s.%s is dropped with all that it holds. If it was renamed, write instead of adding and dropping:"
                " batch_op.alter_column(%r, new_column_name=%r)",
                table.table_name,
                dropped,
                dropped,
                added[0],
            )


def _default_of(column: Any) -> Any:
    """Return the model's default of *column* as SQL; None where there is none that every database knows."""
    if column.default is None:
        return None
    if not column.default.is_scalar:
        # What is called for a new row, a moment say, is for those that are there about now.
        return text("CURRENT_TIMESTAMP") if isinstance(column.type, UTCDateTime) else None
    value = column.default.arg
    if isinstance(value, bool):
        return text(str(value).lower())
    if isinstance(value, PythonEnum) and isinstance(column.type, Enum):
        return value.name if value.name in column.type.enums else None
    return str(value) if isinstance(value, str | int | float | Decimal) else None


def new_members(connection: Connection, tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """Yield (name, member) for each member of an enum of *tables* that PostgreSQL's lacks."""
    if connection.dialect.name != "postgresql":
        return
    there = {one["name"]: one["labels"] for one in inspect(connection).get_enums()}  # type: ignore[attr-defined]
    declared: dict[str, list[str]] = {
        str(column.type.name): column.type.enums
        for table in tables
        for column in table.columns
        if isinstance(column.type, Enum) and column.type.native_enum
    }
    for name, members in declared.items():
        yield from ((name, member) for member in members if name in there and member not in there[name])
