"""What `flask db migrate` and `flask db check` look at, and when they refuse.

A wrong import once meant an empty migration, or one that drops every table. Here both are errors that say
which modules were imported.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from alembic.operations.ops import DropTableOp, ExecuteSQLOp
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import TypeDecorator, inspect

from flaskkit.db.tables import tables_of
from flaskkit.feature import available
from flaskkit.migrate.additions import fill, new_members, tell_lost

logger = logging.getLogger("alembic.env")


def guard(context: Any, revision: Any, directives: list[Any]) -> None:
    """Drop empty migrations, refuse destructive ones, and add what rows that are there need.

    It is Alembic's ``process_revision_directives``.

    Raises:
        CommandError: the app has no models, or every table of the database would be dropped.
    """
    if not context.environment_context.context_opts["revision_context"].command_args["autogenerate"]:
        return
    operations = directives[0].upgrade_ops
    if not tables_of(current_app):
        raise CommandError(f"This app has no models, so there is nothing to compare with. {_imported()}")
    existing = set(inspect(context.connection).get_table_names())
    existing.discard(context.opts.get("version_table", "alembic_version"))
    dropped = {operation.table_name for operation in operations.ops if isinstance(operation, DropTableOp)}
    if existing and dropped >= existing:
        raise CommandError(f"This migration would drop every table ({', '.join(sorted(dropped))}). {_imported()}")
    fill(operations)
    tell_lost(operations)
    operations.ops += [_with_member(*one) for one in new_members(context.connection, tables_of(current_app))]
    # `flask db check` says itself that there is nothing.
    if operations.is_empty() and getattr(context.config.cmd_opts, "autogenerate", False):
        directives[:] = []
        logger.info("No changes in schema detected.")


def _with_member(name: str, member: str) -> ExecuteSQLOp:
    quoted = member.replace("'", "''")
    return ExecuteSQLOp(f"ALTER TYPE \"{name}\" ADD VALUE IF NOT EXISTS '{quoted}'")


def _imported() -> str:
    modules = [module.name for module in current_app.extensions["flaskkit"].modules]
    return f"Modules imported: {', '.join(modules) or 'none'}. Name yours in Config(modules=[…])."


def owned_only(item: Any, name: str, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave tables of features that are off alone, neither made nor dropped: Alembic's ``include_object``."""
    if kind != "table":
        return True
    if name in {table.name for table in tables_of(current_app)}:
        return True
    declared = {table.name for table in current_app.extensions["sqlalchemy"].metadata.tables.values()}
    return name not in declared | _tables_of_features_off()


def _tables_of_features_off() -> set[str]:
    names = {table for feature in current_app.extensions["flaskkit"].features for table in feature.unused_tables()}
    for name, point in available().items():
        if name not in current_app.extensions["flaskkit"]:
            # A feature whose packages are missing was never on here.
            with suppress(ImportError):
                names |= set(point.load().tables)
    return names


def render(kind: str, item: Any, context: Any) -> str | bool:
    """Return how flaskkit's column types are written in migrations; False leaves the rest to Alembic."""
    written = getattr(item, "in_migrations", None) if kind == "type" else None
    if written:
        line, text = written
        context.imports.add(line)
        return str(text)
    name = type(item).__name__
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("flaskkit."):
        context.imports.add(f"from flaskkit import {name}")
        return f"{name}()"
    return False
