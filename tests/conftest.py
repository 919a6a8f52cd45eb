"""What all tests share: a database of their own, and apps that are started and put away.

The database is a new SQLite file for each test. With FLASKKIT_TEST_URL the suite runs on that server instead: each
worker makes a database of its own there, emptied before each test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import URL, Engine, create_engine, event, make_url, text

from flaskkit import Config, Model, create_app, db
from flaskkit.db.engine import understood
from flaskkit.db.tables import tables_of

SERVER = os.environ.get("FLASKKIT_TEST_URL", "")


def pytest_report_header() -> str:
    missing = [name for name in ("FLASKKIT_POSTGRES_URL", "FLASKKIT_MARIADB_URL") if name not in os.environ]
    tried = make_url(SERVER).get_backend_name() if SERVER else "sqlite"
    left_out = f"; left out, for lack of a URL: {', '.join(missing)}" if missing and not SERVER else ""
    return f"flaskkit on {tried}{left_out}"


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        missing = [name for name in ("FLASKKIT_POSTGRES_URL", "FLASKKIT_MARIADB_URL") if name not in os.environ]
        if missing:
            raise pytest.UsageError(f"CI needs {' and '.join(missing)}.")


@pytest.fixture
def database_url(tmp_path: Path, worker_id: str) -> str:
    """URL of an empty database."""
    return empty_database(SERVER, f"flaskkit_{worker_id}") if SERVER else f"sqlite:///{tmp_path / 'test.db'}"


def empty_database(server: str, name: str) -> str:
    """Empty the database *name* on *server*, or make it, and return its URL."""
    url = understood(server)
    own = url.set(database=name)
    if url.get_backend_name() != "postgresql":
        run(url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    elif run(url, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        # Making a database takes PostgreSQL a second, emptying it some milliseconds.
        others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        run(url, others)
        run(own, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    else:
        run(url, f"CREATE DATABASE {name}")
    return own.render_as_string(hide_password=False)


def run(url: URL, *statements: str) -> bool:
    """Run *statements* and return whether the last one found a row."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        found = results[-1].returns_rows and results[-1].first() is not None
    engine.dispose()
    return found


@pytest.fixture
def count_statements() -> Callable[[], Any]:
    """Return a context manager that gives the list of statements sent to any database."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    return counting


def make_tables(app: Flask, package: str) -> None:
    """Make the tables of *app* as `flask kit create-tables` does, but for those of other folders' tests."""
    models = [mapper.class_ for mapper in Model.registry.mappers]
    foreign = {model.__table__ for model in models if not model.__module__.startswith((f"{package}.", "flaskkit."))}
    with app.app_context():
        tables = [
            table
            for table in tables_of(app)
            if table not in foreign and not any(key.column.table in foreign for key in table.foreign_keys)
        ]
        db.metadata.create_all(db.engine, tables=tables)


@pytest.fixture
def start(database_url: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Flask]]:
    """Return a function that makes an app with its tables: ``start(features=["db"], modules=[module])``."""
    apps: list[Flask] = []

    def start(*, tables: bool = True, **config: Any) -> Flask:
        made = Config("testapp", **{"env": "testing", **config})
        if "db" in [feature.name for feature in made.features]:
            made = made.replace(db={"url": database_url})
        app = create_app(made)
        apps.append(app)
        if tables and "sqlalchemy" in app.extensions:
            make_tables(app, request.module.__name__.rpartition(".")[0])
        return app

    yield start
    for app in apps:
        if "sqlalchemy" in app.extensions:
            with app.app_context():
                for engine in app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()
