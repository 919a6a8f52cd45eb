"""What `flask db migrate` looks at, and when it refuses.

A wrong import once meant an empty migration, or one that drops every table. Here both are errors that say
which modules were imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from alembic.operations.ops import DropTableOp
from alembic.util import CommandError
from flask import Flask
from sqlalchemy import inspect

from flaskkit.db import UTCDateTime
from flaskkit.db.tables import tables_of

logger = logging.getLogger("alembic.env")


def guard(app: Flask) -> Callable[[Any, Any, list[Any]], None]:
    """Return the ``process_revision_directives`` of *app*: it drops empty migrations and refuses destructive ones.

    Raises (when Alembic calls it):
        CommandError: the app has no models, or every table of the database would be dropped.
    """
    modules = [module.name for module in app.extensions["flaskkit"].modules]
    imported = f"Modules imported: {', '.join(modules) or 'none'}. Name yours in Config(modules=[…])."

    def process_revision_directives(context: Any, revision: Any, directives: list[Any]) -> None:
        options = context.config.cmd_opts
        if not getattr(options, "autogenerate", False):
            return
        operations = directives[0].upgrade_ops
        if not tables_of(app):
            raise CommandError(f"This app has no models, so there is nothing to compare with. {imported}")
        existing = set(inspect(context.connection).get_table_names()) - {
            context.opts.get("version_table", "alembic_version")
        }
        dropped = {operation.table_name for operation in operations.ops if isinstance(operation, DropTableOp)}
        if existing and dropped >= existing:
            tables = ", ".join(sorted(dropped))
            raise CommandError(f"This migration would drop every table ({tables}). {imported}")
        if operations.is_empty():
            directives[:] = []
            logger.info("No changes in schema detected.")

    return process_revision_directives


def owned_only(app: Flask) -> Callable[..., bool]:
    """Return the ``include_object`` of *app*: tables of features that are off are neither made nor dropped."""

    def include_object(item: Any, name: str, kind: str, reflected: bool, compare_to: Any) -> bool:
        if kind != "table":
            return True
        declared = {table.name for table in app.extensions["sqlalchemy"].metadata.tables.values()}
        return name not in declared or name in {table.name for table in tables_of(app)}

    return include_object


def render(kind: str, item: Any, context: Any) -> str | bool:
    """Return how flaskkit's column types are written in migrations; False leaves the rest to Alembic."""
    if kind == "type" and isinstance(item, UTCDateTime):
        context.imports.add("from flaskkit import UTCDateTime")
        return "UTCDateTime()"
    return False
