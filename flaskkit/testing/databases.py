"""A database for each worker, with tables, made as cheaply as can be.

    no migrations      tables are made from the models
    migrations         run once for what is in their folder now, into a template; workers get copies

    SQLite         a file in pytest's cache         copied
    PostgreSQL     database "<name>_t_<state>"       CREATE DATABASE … TEMPLATE
    MariaDB        database "<name>_t_<state>"       table by table

A server is used where FLASKKIT_TEST_URL names one; the name in that URL is only the beginning of names: nothing is
ever written to that database itself.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import URL, Connection, create_engine, text

from flaskkit.app import create_app
from flaskkit.config import Config
from flaskkit.db import db
from flaskkit.db.engine import options_for, understood
from flaskkit.db.tables import tables_of

READY = "flaskkit_ready"


@dataclass(frozen=True)
class Place:
    """Where test databases are: on a *server*, or without one in files.

    *root* is the folder of the project, *cache* one that stays between runs, *folder* one of this worker alone.
    """

    root: Path
    cache: Path
    folder: Path
    worker: str = "main"
    server: str = ""


def make_app(
    config: Config, place: Place, seed: Callable[[Flask], Any] | None = None
) -> tuple[Flask, Callable[[], None]]:
    """Return an app made as *config* says, for tests, with a database of its own that has all tables.

    *seed* stores what every test finds. The other thing returned makes the database anew.
    """
    config = config.replace(env="testing")
    on = {feature.name: feature for feature in config.feature_objects()}
    if "db" not in on:
        return create_app(config), lambda: None
    databases: _Files | _Server = _Server(place) if place.server else _Files(place)
    binds = config.flask.get("SQLALCHEMY_BINDS") or {}
    config = config.replace(
        db={"url": databases.url()}, flask={"SQLALCHEMY_BINDS": {k: databases.url(k) for k in binds}}
    )
    migrations: Path | None = None
    if "migrate" in on:
        migrations = place.root / getattr(on["migrate"], "directory", "migrations")
        config = config.replace(migrate={"directory": str(migrations)})

    def migrate(url: str) -> None:
        made = create_app(config.replace(db={"url": url}))
        _upgrade(made, str(migrations))
        dispose(made)

    def make() -> None:
        dispose(app)
        for bind in binds:
            databases.empty(bind)
        if migrations is not None and any(migrations.glob("versions/*.py")):
            databases.copy(state_of(migrations), migrate)
        else:
            databases.empty()
        # Those that migrations did not make: of further databases, where the folder is for one.
        if binds or migrations is None or not any(migrations.glob("versions/*.py")):
            _create_tables(app)
        if seed is not None:
            seed(app)

    app = create_app(config)
    make()
    return app, make


def state_of(migrations: Path) -> str:
    """Return a short text that is another one whenever something in the folder of migrations is."""
    found = hashlib.sha256()
    for file in sorted(migrations.rglob("*.py")):
        found.update(f"{file.relative_to(migrations)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


class _Files:
    """Databases of SQLite."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def url(self, bind: str = "") -> str:
        return f"sqlite:///{self._file(bind)}"

    def empty(self, bind: str = "") -> None:
        for one in self.place.folder.glob(f"{self._file(bind).name}*"):
            one.unlink()

    def copy(self, state: str, fill: Callable[[str], None]) -> None:
        template = self.place.cache / f"{state}.db"
        with _locked(self.place.cache / "lock"):
            if not template.exists():
                for old in self.place.cache.glob("*.db*"):
                    old.unlink()
                unfinished = self.place.cache / "unfinished.db"
                fill(f"sqlite:///{unfinished}")
                unfinished.rename(template)
        self.empty()
        shutil.copyfile(template, self._file())

    def _file(self, bind: str = "") -> Path:
        return self.place.folder / (f"test-{bind}.db" if bind else "test.db")


class _Server:
    """Databases on a server of PostgreSQL, MariaDB or MySQL."""

    def __init__(self, place: Place) -> None:
        self.server = understood(place.server)
        self.base = self.server.database or "test"
        self.place = place
        self.kind = self.server.get_backend_name()

    def url(self, bind: str = "") -> str:
        return self._url(self._name(bind))

    def empty(self, bind: str = "") -> None:
        with self._connected() as connection:
            self._drop(connection, self._name(bind))
            _run(connection, f"CREATE DATABASE {self._quoted(self._name(bind))}")

    def copy(self, state: str, fill: Callable[[str], None]) -> None:
        template, mine = f"{self.base}_t_{state}", self._name()
        with self._connected() as connection, self._locked(connection):
            if not self._is_ready(connection, template):
                for old in self._named(connection, f"{self.base}_t_"):
                    self._drop(connection, old)
                _run(connection, f"CREATE DATABASE {self._quoted(template)}")
                fill(self._url(template))
                _run(connection, *self._mark(template))
            self._drop(connection, mine)
            if self.kind == "postgresql":
                copied = f"CREATE DATABASE {self._quoted(mine)} TEMPLATE {self._quoted(template)}"
                _run(connection, copied)
            else:
                _run(connection, f"CREATE DATABASE {self._quoted(mine)}")
                self._copy_tables(connection, template, mine)

    def _name(self, bind: str = "") -> str:
        return "_".join(filter(None, (self.base, self.place.worker, bind)))

    def _url(self, name: str) -> str:
        url: str = self.server.set(database=name).render_as_string(hide_password=False)
        return url

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        # One is always in a database; these are always there.
        where: URL = self.server.set(database="postgres" if self.kind == "postgresql" else "information_schema")
        options = {name: value for name, value in options_for(where).items() if name in ("connect_args", "module")}
        engine = create_engine(where, isolation_level="AUTOCOMMIT", **options)
        try:
            with engine.connect() as connection:
                if self.kind == "postgresql":
                    # Waiting for another worker that migrates takes as long as it takes.
                    _run(connection, "SET statement_timeout = 0", "SET lock_timeout = 0")
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def _locked(self, connection: Connection) -> Iterator[None]:
        key = int(hashlib.sha256(self.base.encode()).hexdigest()[:15], 16)
        postgresql = self.kind == "postgresql"
        take = f"SELECT pg_advisory_lock({key})" if postgresql else f"SELECT GET_LOCK('flaskkit_{key}', 30)"
        give = f"SELECT pg_advisory_unlock({key})" if postgresql else f"SELECT RELEASE_LOCK('flaskkit_{key}')"
        # A wait of the server is bounded, and migrating may take longer.
        while connection.execute(text(take)).scalar() == 0:
            pass
        try:
            yield
        finally:
            connection.execute(text(give)).scalar()

    def _is_ready(self, connection: Connection, name: str) -> bool:
        if self.kind == "postgresql":
            comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = :name"
            return connection.execute(text(comment), {"name": name}).scalar() == READY
        table = "SELECT 1 FROM information_schema.tables WHERE table_schema = :name AND table_name = :ready"
        return connection.execute(text(table), {"name": name, "ready": READY}).scalar() == 1

    def _mark(self, name: str) -> list[str]:
        if self.kind == "postgresql":
            return [f"COMMENT ON DATABASE {self._quoted(name)} IS '{READY}'"]
        return [f"CREATE TABLE {self._quoted(name)}.{READY} (at TIMESTAMP)"]

    def _named(self, connection: Connection, beginning: str) -> list[str]:
        names = "SELECT datname FROM pg_database" if self.kind == "postgresql" else "SHOW DATABASES"
        return [name for name in connection.scalars(text(names)) if name.startswith(beginning)]

    def _drop(self, connection: Connection, name: str) -> None:
        force = " WITH (FORCE)" if self.kind == "postgresql" else ""
        _run(connection, f"DROP DATABASE IF EXISTS {self._quoted(name)}{force}")

    def _quoted(self, name: str) -> str:
        return f'"{name}"' if self.kind == "postgresql" else f"`{name}`"

    def _copy_tables(self, connection: Connection, template: str, mine: str) -> None:
        _run(connection, f"USE {self._quoted(mine)}", "SET foreign_key_checks = 0")
        for table in connection.scalars(text(f"SHOW TABLES FROM {self._quoted(template)}")).all():
            if table != READY:
                place = f"{self._quoted(template)}.{self._quoted(table)}"
                made = connection.execute(text(f"SHOW CREATE TABLE {place}")).one()[1]
                # As it is: the text may hold what SQLAlchemy would take for parameters.
                connection.exec_driver_sql(made.replace("%", "%%"))
                _run(connection, f"INSERT INTO {self._quoted(table)} SELECT * FROM {place}")  # noqa: S608  (names only)


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


def _create_tables(app: Flask) -> None:
    with app.app_context():
        for bind, engine in db.engines.items():
            if tables := tables_of(app, bind):
                tables[0].metadata.create_all(engine, tables=tables)


def _upgrade(app: Flask, directory: str) -> None:
    import flask_migrate

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        with app.app_context():
            flask_migrate.upgrade(directory=directory)
    finally:
        # Alembic's env.py configures logging, which in tests is pytest's.
        root.handlers[:] = before
        root.setLevel(level)


def dispose(app: Flask) -> None:
    """Close the connections of *app*."""
    if "sqlalchemy" not in app.extensions:
        return
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@contextmanager
def _locked(file: Path, patience: float = 600) -> Iterator[None]:
    """Let one process at a time run the block. A lock that is older than *patience* seconds was left behind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > patience:
                    file.unlink()
            time.sleep(0.05)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
