"""Which tables belong to an app, and the command that makes them for a first try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine, Table

from flaskkit.db.models import Model, db
from flaskkit.errors import ResourceError
from flaskkit.feature import available


def tables_of(app: Flask, bind: str | None = None) -> list[Table]:
    """Return the tables of *app* in the database *bind*: all that are declared, less those of features that are off."""
    kit = app.extensions["flaskkit"]
    off = tuple(point.module for name, point in available().items() if name not in kit)
    foreign = {
        mapper.local_table
        for mapper in Model.registry.mappers
        if any(f"{mapper.class_.__module__}.".startswith(f"{package}.") for package in off)
    }
    unused = {name for feature in kit.features for name in feature.unused_tables()}
    metadata = db.metadatas.get(bind, db.metadata)
    mapped = {mapper.local_table for mapper in Model.registry.mappers}
    return [
        table
        for table in metadata.sorted_tables
        if table not in foreign
        and table.name not in unused
        # A table without a class, such as one that links two others, goes with those.
        and (table in mapped or not any(key.column.table in foreign for key in table.foreign_keys))
    ]


def check_types(kit: Any) -> None:
    """Compare the types of all fields of resources with the features that are on.

    Raises:
        ResourceError: a field is of a type that belongs to a feature that is off.
    """
    used = {
        (resource.name, field.name, field.type.__module__)
        for resource in kit.resources
        for field in (*resource.readable, *resource.writable)
        if field.type.__module__.startswith("flaskkit.")
    }
    mistakes = [
        f"Resource {resource!r} names {field!r}, which needs feature {name!r}. It is switched off."
        for resource, field, module in sorted(used)
        for name, point in available().items()
        if name not in kit and module.startswith(f"{point.module}.")
    ]
    if mistakes:
        raise ResourceError(mistakes)


@click.command("create-tables")
@with_appcontext
def create_tables() -> None:
    """Make the tables that are missing, for a first try without migrations."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    migrate = app.extensions.get("migrate")
    if migrate is not None and Path(migrate.directory).is_dir():
        raise click.ClickException(f"This app has migrations in {migrate.directory}/. Run: flask db upgrade")
    made: list[str] = []
    for bind, engine in db.engines.items():
        made += _make(engine, tables_of(app, bind))
    click.echo(f"Made {', '.join(made)}." if made else "No table is missing.")


def _make(engine: Engine, tables: list[Table]) -> list[str]:
    with engine.begin() as connection:
        missing = [table for table in tables if not engine.dialect.has_table(connection, table.name)]
        if missing:
            missing[0].metadata.create_all(connection, tables=missing)
    return [table.name for table in missing]
