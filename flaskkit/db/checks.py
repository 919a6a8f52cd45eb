"""What `flask kit check` looks for in models and databases."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy import Column, DateTime, Engine, Float, String, UniqueConstraint, inspect
from sqlalchemy.exc import SQLAlchemyError

from flaskkit.db.models import Model, UTCDateTime, db
from flaskkit.db.tables import tables_of
from flaskkit.db.words import MARK, indexed_columns
from flaskkit.tools.checks import check, deployed

MONEY = re.compile(r"(^|_)(price|amount|cost|total|balance|fee|salary|budget)($|_)")
LOCAL = ("localhost", "127.0.0.1", "::1", "", None)
INDEX = "Write index=True in its mapped_column(…), then make a migration."


@check(
    "db.E001",
    "A file declares models and nothing imports it.",
    why="Migrations do not see its tables, and drop them where they exist.",
    fix="Import it in the package of a module that is named in 'modules'.",
)
def unloaded_models(app: Flask) -> Iterator[str]:
    for name, file in _files_of(app):
        if name not in sys.modules and (found := _models_in(file)):
            yield f"{name} declares {', '.join(found)}."


@check(
    "db.E002",
    "The database cannot be used.",
    why="Every request that needs it is answered with 503.",
    fix="Start it, or mend APP_DB_URL.",
)
def unreachable(app: Flask) -> Iterator[str]:
    for engine in db.engines.values():
        if error := _trouble(engine):
            yield error


@check(
    "db.E003",
    "A table is missing.",
    why="Requests that need it fail.",
    fix="Run flask db upgrade; without feature 'migrate', flask kit create-tables.",
)
def missing_tables(app: Flask) -> Iterator[str]:
    for bind, engine in db.engines.items():
        if not _trouble(engine):
            there = inspect(engine).get_table_names()
            yield from (
                f"There is no table {table.name!r}." for table in tables_of(app, bind) if table.name not in there
            )


@check(
    "db.E004",
    "The database is in memory.",
    why="Each worker has its own, and it is gone when the worker stops.",
    fix="Set APP_DB_URL to a file, or better to a server.",
    deploy=True,
)
def in_memory(app: Flask) -> Iterator[str]:
    for engine in db.engines.values():
        if engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:"):
            yield "The database is SQLite without a file."


@check(
    "db.E005",
    "A text has no length, and MariaDB wants one.",
    why="The table cannot be made there.",
    fix="Write String(200), or Text for long ones.",
)
def endless_texts(app: Flask) -> Iterator[str]:
    for column in _columns(app, {"mysql", "mariadb"}):
        if isinstance(column.type, String) and type(column.type) is String and not column.type.length:
            yield f"{column} is a String without a length."


@check(
    "db.W001",
    "A foreign key has no index.",
    why="Deleting the other row, and reading all rows that refer to it, looks at every row of the table.",
    fix=INDEX,
)
def foreign_keys_without_index(app: Flask) -> Iterator[str]:
    for table in _tables(app):
        for constraint in sorted(table.foreign_key_constraints, key=lambda one: str(one.name)):
            if not _leads([*constraint.columns]):
                yield f"{', '.join(map(str, constraint.columns))} has none."


@check(
    "db.W002",
    "A filter has no index.",
    why="Each such list looks at every row of the table.",
    fix=INDEX,
)
def filters_without_index(app: Flask) -> Iterator[str]:
    return _unindexed(app, "filters by", lambda resource: resource.filters)


@check(
    "db.W003",
    "An order of lists has no index.",
    why="The database sorts all rows to show one page.",
    fix=INDEX,
)
def orders_without_index(app: Flask) -> Iterator[str]:
    return _unindexed(app, "sorts by", lambda one: (name.removeprefix("-") for name in (*one.sorts, *one.order)))


@check(
    "db.W004",
    "A policy asks for a column without index.",
    why="Every request for that resource looks at every row of the table.",
    fix=INDEX,
)
def policies_without_index(app: Flask) -> Iterator[str]:
    return _unindexed(app, "lets read by", lambda resource: resource.read.names())


@check(
    "db.W005",
    "SQLite serves one host only.",
    why="Several hosts cannot share its file, and one request writes at a time.",
    fix="Set APP_DB_URL to PostgreSQL or MariaDB; silence this where one host is enough.",
    deploy=True,
)
def sqlite(app: Flask) -> Iterator[str]:
    for engine in db.engines.values():
        if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
            yield f"The database is the file {engine.url.database}."


@check(
    "db.W006",
    "The app is the administrator of the database server.",
    why="A hole in the app then opens every database of that server.",
    fix="Make a user for the app, which owns its database and nothing else.",
    deploy=True,
)
def superuser(app: Flask) -> Iterator[str]:
    for engine in db.engines.values():
        if engine.url.username in ("postgres", "root", "admin"):
            yield f"It logs in as {engine.url.username!r}."


@check(
    "db.W007",
    "The way to the database is not encrypted.",
    why="Whoever is in between reads passwords and rows.",
    fix="Add ?sslmode=verify-full to the URL (PostgreSQL) or ?ssl_ca=… (MariaDB); silence it in a network of your own.",
    deploy=True,
)
def unencrypted(app: Flask) -> Iterator[str]:
    for engine in db.engines.values():
        asked = any(key.startswith("ssl") for key in engine.url.query)
        if engine.dialect.name != "sqlite" and engine.url.host not in LOCAL and not asked:
            yield f"Nothing asks for TLS on the way to {engine.url.host}."


@check(
    "db.W008",
    "A moment has no time zone.",
    why="Nobody knows which moment it is; databases and browsers guess differently.",
    fix="Write Mapped[datetime] alone, which is a UTCDateTime.",
)
def naive_moments(app: Flask) -> Iterator[str]:
    for column in _columns(app):
        if isinstance(column.type, DateTime) and not isinstance(column.type, UTCDateTime) and not column.type.timezone:
            yield f"{column} is a DateTime without one."


@check(
    "db.W009",
    "Money is a binary fraction.",
    why="0.1 + 0.2 is not 0.3 there: sums are off by cents.",
    fix="Write Mapped[Decimal] = mapped_column(Numeric(12, 2)).",
)
def money_in_floats(app: Flask) -> Iterator[str]:
    for column in _columns(app):
        if isinstance(column.type, Float) and MONEY.search(column.name):
            yield f"{column} is a {column.type}."


@check(
    "db.W010",
    "Every statement is written to the log, or kept.",
    why="It costs time and memory, and values of users end in log files.",
    fix="Leave SQLALCHEMY_ECHO and SQLALCHEMY_RECORD_QUERIES out in production.",
    deploy=True,
)
def recorded_statements(app: Flask) -> Iterator[str]:
    for key in ("SQLALCHEMY_ECHO", "SQLALCHEMY_RECORD_QUERIES"):
        if deployed(app, key):
            yield f"{key} is on."


@check(
    "db.W011",
    "Relationships are read row by row.",
    why="A list of a hundred rows then sends a hundred statements.",
    fix="Leave 'lazy' of feature 'db' at \"together\", or set it to \"raise\".",
)
def row_by_row(app: Flask) -> Iterator[str]:
    feature = next(one for one in app.extensions["flaskkit"].features if one.name == "db")
    if feature.lazy == "plain":
        yield "'lazy' of feature 'db' is 'plain'."


@check(
    "db.W012",
    "A search has no index.",
    why="Each search looks at every row of the table.",
    fix="Put text_index(…) with the searched columns into __table_args__, then make a migration.",
)
def searches_without_index(app: Flask) -> Iterator[str]:
    if db.engine.dialect.name != "sqlite":
        for resource in app.extensions["flaskkit"].resources:
            own = [name for name in resource.search if "." not in name]
            if own and not indexed_columns(resource):
                yield f"Resource {resource.name!r} searches {', '.join(own)}."


def _tables(app: Flask) -> list[Any]:
    """Return the tables of *app* but for those that flaskkit brings: nobody else can change them."""
    mappers = list(Model.registry.mappers)
    brought = {mapper.local_table for mapper in mappers if mapper.class_.__module__.startswith("flaskkit.")}
    mapped = {mapper.local_table for mapper in mappers}
    return [
        table
        for bind in db.engines
        for table in tables_of(app, bind)
        if table not in brought
        # One that links users with their roles has no class.
        and (table in mapped or not any(key.column.table in brought for key in table.foreign_keys))
    ]


def _columns(app: Flask, dialects: Iterable[str] = ()) -> Iterator[Column[Any]]:
    if not dialects or db.engine.dialect.name in dialects:
        yield from (column for table in _tables(app) for column in table.columns)


def _leads(columns: list[Any]) -> bool:
    """Return whether an index of their table begins with *columns*, in any order."""
    table = columns[0].table
    unique = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    sorted_ = [one for one in table.indexes if not one.info.get(MARK)]
    indexes = [list(one.columns) for one in (table.primary_key, *unique, *sorted_)]
    return any({*index[: len(columns)]} == {*columns} for index in indexes)


def _unindexed(app: Flask, how: str, names_of: Callable[[Any], Iterable[str]]) -> Iterator[str]:
    """Yield a sentence for each column of a resource's own table that *names_of* names and no index begins with."""
    for resource in app.extensions["flaskkit"].resources:
        mapper = resource.model.__mapper__
        for name in dict.fromkeys(names_of(resource)):
            # What stands behind a dot is asked of the other table, by its key.
            if "." in name or name not in mapper.column_attrs:
                continue
            column = mapper.column_attrs[name].columns[0]
            if isinstance(column, Column) and not _leads([column]):
                yield f"Resource {resource.name!r} {how} {name!r}: {column} has none."


def _trouble(engine: Engine) -> str:
    try:
        with engine.connect():
            return ""
    # Within a command the engine says itself what is wrong.
    except (SQLAlchemyError, click.ClickException) as error:
        return str(getattr(error, "message", error)).partition("\n")[0]


def _files_of(app: Flask) -> Iterator[tuple[str, Path]]:
    """Yield dotted name and path of each Python file in the packages of the app and of its modules."""
    names = {app.import_name, *(name for one in app.extensions["flaskkit"].modules for name in _packages_of(one))}
    for name in sorted(names):
        spec = find_spec(name) if name in sys.modules else None
        for folder in (spec.submodule_search_locations if spec else None) or ():
            for file in sorted(Path(folder).rglob("*.py")):
                inside = file.relative_to(folder).with_suffix("")
                if file.name not in ("__init__.py", "__main__.py", "conftest.py") and "tests" not in inside.parts:
                    yield ".".join([name, *inside.parts]), file


def _packages_of(module: Any) -> Iterator[str]:
    """Yield the package that *module* is the attribute ``module`` of, if one of those that are imported is."""
    yield from (name for name, one in [*sys.modules.items()] if getattr(one, "__dict__", {}).get("module") is module)


def _models_in(file: Path) -> list[str]:
    """Return the names of the classes in *file* that are made from Model, or say __tablename__."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return []
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _is_model(node)]


def _is_model(node: ast.ClassDef) -> bool:
    bases = {ast.unparse(base) for base in node.bases}
    named = any(
        isinstance(target, ast.Name) and target.id == "__tablename__"
        for line in node.body
        if isinstance(line, ast.Assign)
        for target in line.targets
    )
    return named or bool(bases & {"Model", "db.Model", "flaskkit.Model"})


CHECKS: tuple[Any, ...] = (
    unloaded_models,
    unreachable,
    missing_tables,
    in_memory,
    endless_texts,
    foreign_keys_without_index,
    filters_without_index,
    orders_without_index,
    policies_without_index,
    sqlite,
    superuser,
    unencrypted,
    naive_moments,
    money_in_floats,
    recorded_statements,
    row_by_row,
    searches_without_index,
)
