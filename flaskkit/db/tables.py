"""Which tables belong to an app, and the command that makes them for a first try."""

from __future__ import annotations

from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine, Table

from flaskkit.db.models import Model, db
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
    metadata = db.metadatas.get(bind, db.metadata)
    mapped = {mapper.local_table for mapper in Model.registry.mappers}
    return [
        table
        for table in metadata.sorted_tables
        if table not in foreign
        # A table without a class, such as one that links two others, goes with those.
        and (table in mapped or not any(key.column.table in foreign for key in table.foreign_keys))
    ]


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
