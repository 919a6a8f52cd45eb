"""What `flask kit check` looks for in migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from flaskkit.db.tables import tables_of
from flaskkit.migrate.additions import new_members
from flaskkit.migrate.autogenerate import owned_only
from flaskkit.tools.checks import check


@check(
    "migrate.E001",
    "There are no migrations.",
    why="Nothing can bring a database to what the models say, now or after the next change.",
    fix='Run flask db init, flask db migrate -m "The first tables", flask db upgrade.',
)
def no_migrations(app: Flask) -> Iterator[str]:
    if _scripts(app) is None or not _scripts(app).get_heads():
        yield f"There are none in {app.extensions['migrate'].directory}/."


@check(
    "migrate.E002",
    "Migrations are pending.",
    why="The database lacks what the models say; requests that need it fail.",
    fix="Run flask db upgrade.",
)
def pending(app: Flask) -> Iterator[str]:
    scripts, there = _scripts(app), _revisions(app)
    if scripts is not None and there is not None and {*there} <= _known(scripts):
        done = {one.revision for name in there for one in scripts.iterate_revisions(name, "base")}
        left = [one for one in scripts.walk_revisions() if one.revision not in done]
        yield from (f"{one.revision}: {one.doc}" for one in reversed(left))


@check(
    "migrate.E003",
    "Migrations branch.",
    why="flask db upgrade does not know which one is the last.",
    fix='Run flask db merge heads -m "Merge", then flask db upgrade.',
)
def branching(app: Flask) -> Iterator[str]:
    scripts = _scripts(app)
    heads = sorted(scripts.get_heads()) if scripts is not None else []
    if len(heads) > 1:
        yield f"These are all the last: {', '.join(heads)}."


@check(
    "migrate.E004",
    "Models and database differ.",
    why="A statement names what is not there, or what is there is never used.",
    fix='Run flask db migrate -m "What changed", look at what it wrote, and run flask db upgrade.',
)
def drift(app: Flask) -> Iterator[str]:
    scripts, there = _scripts(app), _revisions(app)
    # While a migration is pending, that is what is wrong.
    if scripts is None or there is None or {*there} != {*scripts.get_heads()}:
        return
    migrate = app.extensions["migrate"]
    options = {"compare_type": True, "include_object": owned_only}
    with migrate.db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        for found in compare_metadata(context, migrate.db.metadatas[None]):
            for change in found if isinstance(found, list) else [found]:
                yield _told(change)
        yield from (f"enum {name} lacks {member!r}" for name, member in new_members(connection, tables_of(app)))


@check(
    "migrate.E005",
    "The database is at a migration that is not here.",
    why="It was changed by newer code, or by another project; nothing can go on from there.",
    fix="Get the missing file, or set APP_DB_URL to the right database.",
)
def unknown_revision(app: Flask) -> Iterator[str]:
    scripts, there = _scripts(app), _revisions(app)
    if scripts is not None and there is not None:
        yield from (f"It is at {name!r}." for name in sorted({*there} - _known(scripts)))


def _scripts(app: Flask) -> Any:
    """Return Alembic's view of the folder of migrations; None where there is none."""
    migrate = app.extensions["migrate"]
    if not Path(migrate.directory, "versions").is_dir():
        return None
    scripts = ScriptDirectory(migrate.directory)
    try:
        scripts.get_heads()
    except CommandError as error:
        raise click.ClickException(f"The migrations in {migrate.directory}/ cannot be read: {error}") from error
    return scripts


def _known(scripts: Any) -> set[str]:
    return {one.revision for one in scripts.walk_revisions()}


def _revisions(app: Flask) -> tuple[str, ...] | None:
    """Return the revisions that the database is at; None where it cannot be asked, which `db` tells."""
    try:
        with app.extensions["migrate"].db.engine.connect() as connection:
            return tuple(MigrationContext.configure(connection).get_current_heads())
    except (SQLAlchemyError, click.ClickException):
        return None


def _told(change: Any) -> str:
    """Return "add_column notes.rating" for what Alembic found."""
    what, *about = change
    words = []
    for one in about:
        name = getattr(one, "name", None)
        table = getattr(getattr(one, "table", None), "name", None)
        words.append(f"{table}.{name}" if table else str(name)) if name else None
    plain = [one for one in about if isinstance(one, str)]
    return f"{what} {words[0] if words else '.'.join(plain)}"


CHECKS: tuple[Any, ...] = (no_migrations, pending, branching, drift, unknown_revision)
