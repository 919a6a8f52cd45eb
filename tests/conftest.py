"""What all tests share: a database of their own, and apps that are started and put away.

The database is a new SQLite file for each test. With FLASKKIT_TEST_URL the suite runs on that server instead, where
each worker has two databases: ``database_url`` is dropped and made anew for each test, that of ``start`` keeps its
tables while tests want the same ones, and loses their rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import URL, Engine, Table, create_engine, event, inspect, make_url, text

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
        # What a test writes need not outlive the server.
        run(url, f"CREATE DATABASE {name}", f"ALTER DATABASE {name} SET synchronous_commit = off")
    return own.render_as_string(hide_password=False)


def run(url: URL, *statements: str) -> bool:
    """Run *statements* and return whether the last one found a row."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        found = results[-1].returns_rows and results[-1].first() is not None
    engine.dispose()
    return found


# The tables that stand in the database of ``start``, on a server.
standing: list[str] = []


@cache
def opened(url: URL) -> Engine:
    """Return what connects to *url*, kept for the tests to come."""
    return create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)


def empty_tables(server: str, name: str, wanted: list[str]) -> bool:
    """Leave nothing in the database *name* but the tables *wanted*, and return whether they are yet to be made."""
    url = understood(server).set(database=name)
    postgresql = url.get_backend_name() == "postgresql"
    engine = opened(url)
    if not standing or sorted(wanted) != standing or sorted(inspect(engine).get_table_names()) != standing:
        standing[:] = sorted(wanted)
        empty_database(server, name)
        return True
    with engine.connect() as connection:
        for statement in BEFORE_EMPTYING[postgresql]:
            connection.execute(text(statement), {"name": name})
        quoted = [engine.dialect.identifier_preparer.quote(table) for table in standing]
        filled = " UNION ALL ".join(f"SELECT {i} WHERE EXISTS (SELECT 1 FROM {one})" for i, one in enumerate(quoted))
        for i in connection.scalars(text(filled)).all():
            connection.execute(text(f"DELETE FROM {quoted[i]}"))
        # Keys begin with 1 again.
        for statement in connection.scalars(text(COUNTED[postgresql])).all():
            connection.execute(text(statement))
    return False


# False: on MariaDB, True: on PostgreSQL. Rows are deleted in any order.
BEFORE_EMPTYING = {
    False: ["SET foreign_key_checks = 0", "SET lock_wait_timeout = 10"],
    True: [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid != pg_backend_pid()",
        "SET session_replication_role = replica",
    ],
}
COUNTED = {
    False: "SELECT concat('ALTER TABLE `', table_name, '` AUTO_INCREMENT = 1') FROM information_schema.tables"
    " WHERE table_schema = database() AND auto_increment > 1",
    True: "SELECT format('ALTER SEQUENCE %I RESTART', sequencename) FROM pg_sequences WHERE last_value IS NOT NULL",
}


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


def tables_for(app: Flask, package: str) -> list[Table]:
    """Return the tables that `flask kit create-tables` makes for *app*, but for most of other folders' tests.

    What refers to users and roles is there: who deletes one of those is told what goes with it.
    """
    with app.app_context():
        tables = tables_of(app)
    models = [mapper.class_ for mapper in Model.registry.mappers]
    foreign = {model.__table__ for model in models if not model.__module__.startswith((f"{package}.", "flaskkit."))}
    shared = {table for table in tables if table.name in ("users", "roles")}
    kept = {table for table in tables if table not in foreign and not referred(table) & foreign}
    kept |= {table for table in tables if referred(table) & shared}
    while more := {other for table in kept for other in referred(table)} - kept:
        kept |= more
    return [table for table in tables if table in kept]


def referred(table: Table) -> set[Table]:
    """Return the tables that *table* refers to."""
    return {key.column.table for key in table.foreign_keys}


@pytest.fixture
def start(tmp_path: Path, worker_id: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Flask]]:
    """Return a function that makes an app with its tables: ``start(features=["db"], modules=[module])``."""
    apps: list[Flask] = []
    name = f"flaskkit_{worker_id}_start"
    url = understood(SERVER).set(database=name).render_as_string(False) if SERVER else f"sqlite:///{tmp_path}/test.db"

    def start(*, tables: bool = True, **config: Any) -> Flask:
        made = Config("testapp", **{"env": "testing", **config})
        if "db" in [feature.name for feature in made.features]:
            made = made.replace(db={"url": url})
        app = create_app(made)
        if "sqlalchemy" in app.extensions:
            wanted = tables_for(app, request.module.__name__.rpartition(".")[0]) if tables else []
            # The apps of one test share what is in it.
            first = not any("sqlalchemy" in other.extensions for other in apps)
            if not (SERVER and first) or empty_tables(SERVER, name, [table.name for table in wanted]):
                with app.app_context():
                    db.metadata.create_all(db.engine, tables=wanted)
        apps.append(app)
        return app

    yield start
    for app in apps:
        if "sqlalchemy" in app.extensions:
            with app.app_context():
                for engine in app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()
