"""Feature `db`: Flask-SQLAlchemy with typed models, safe engine options and answers for bad days.

models.py    db, Model, keys, timestamps
engine.py    options and pragmas by kind of database
liveness.py  pooled connections are looked at before use
mariadb.py   PyMySQL with bounded waiting
lazy.py      lazy loads read a relationship for all rows of a load at once
guards.py    503 while the database is away; uncommitted changes reported
tables.py    which tables belong to an app; flask kit create-tables
diagram.py   flask kit models
seed.py      flask kit seed
filters.py   filters of lists, in SQL
words.py     search for words, by an index for texts
order.py     the order of lists, and what comes after a row
cursor.py    where a list is read on, as text that only this app can make
lists.py     the statements for a page of rows
rows.py      the rows of a Resource: read and changed under its policies, one transaction each
parts.py     rows that change with the row they belong to
unique.py    whether a value is taken already
loading.py   what loads the rows behind relationships
texts.py     rows and values as people read them
compiled.py  the same rows as tuples, by statements that are built once
shown.py     what a resource shows, as read-only rows for pages written by hand
inserting.py a new row by one statement
after.py     what waits for the commit
reading.py   one statement alone, without a session's work
prepared.py  statements that are always the same, sent to the driver as they are
listeners.py whether an app listens to what is sent
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flask import Flask
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from flaskkit.db import filters, parts, rows
from flaskkit.db.engine import completed, options_for, prepare, understood
from flaskkit.db.guards import UncommittedChanges, answer_outages, report_unsaved
from flaskkit.db.lazy import LazyLoad, load_lazily
from flaskkit.db.models import IntegerKey, Model, Timestamps, UTCDateTime, UUIDKey, Versioned, db
from flaskkit.db.tables import check_types, create_tables
from flaskkit.db.words import text_index
from flaskkit.errors import FeatureError, Mistakes
from flaskkit.feature import Feature, setting

if TYPE_CHECKING:
    from flaskkit.config import Config
    from flaskkit.module import Module

__all__ = [
    "Db",
    "IntegerKey",
    "LazyLoad",
    "Model",
    "Timestamps",
    "UTCDateTime",
    "UUIDKey",
    "UncommittedChanges",
    "Versioned",
    "db",
    "text_index",
]


@dataclass(frozen=True)
class Db(Feature):
    """Models and sessions, on Flask-SQLAlchemy."""

    name: ClassVar[str] = "db"

    url: str = setting(
        "",
        key="SQLALCHEMY_DATABASE_URI",
        secret=True,
        help="Where the database is, as a SQLAlchemy URL. Without one: a file in the instance folder while"
        " developing, memory in tests; production must have one.",
    )
    lazy: Literal["together", "raise", "plain"] = setting(
        "together",
        help="What a relationship does that is read from an object and was not loaded with it: `together` reads it"
        " for all objects of the same query at once, `raise` is an error where there are others, `plain` is a"
        " statement for each object.",
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        url = config.flask.get("SQLALCHEMY_DATABASE_URI") or self.url
        if not url and not config.flask.get("SQLALCHEMY_BINDS"):
            if config.env == "production":
                yield "'url' of feature 'db' is missing. Set APP_DB_URL, for instance to postgresql://user:password@host/name."
        elif url:
            try:
                understood(url).get_dialect()
            except NoSuchModuleError:
                yield f"'url' of feature 'db' names an unknown kind of database, {url.partition(':')[0]!r}."
            except (ArgumentError, ValueError):
                yield "'url' of feature 'db' is no database URL. Write one like postgresql://user:password@host/name."

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        check_types(kit)
        default = "sqlite://" if kit.config.env == "testing" else "sqlite:///app.db"
        url = understood(app.config["SQLALCHEMY_DATABASE_URI"] or default)
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        given = app.config.get("SQLALCHEMY_ENGINE_OPTIONS", {})
        binds = app.config.get("SQLALCHEMY_BINDS") or {}
        try:
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options = {**options_for(url), **given}
            app.config["SQLALCHEMY_BINDS"] = binds = {key: completed(bind) for key, bind in binds.items()}
            db.init_app(app)
        except ModuleNotFoundError as error:
            raise FeatureError(_driver_missing(error)) from error
        with app.app_context():
            for key, engine in db.engines.items():
                prepare(engine, binds.get(key, options))
        load_lazily(app, self.lazy)
        answer_outages(app)
        if kit.config.env != "production":
            report_unsaved(app)
        app.extensions["flaskkit.rows"] = rows
        kit.commands.add_command(create_tables)
        kit.commands.later |= {"models": "flaskkit.db.diagram:models", "seed": "flaskkit.db.seed:seed"}

    def checks(self) -> Iterable[Any]:
        from flaskkit.db import checks

        return checks.CHECKS

    def init_module(self, app: Flask, module: Module) -> None:
        mistakes = Mistakes()
        for resource in module.resources:
            with mistakes.noted():
                filters.check(resource)
                parts.check(app, resource)
        mistakes.report()


def _driver_missing(error: ModuleNotFoundError) -> str:
    extras = {"psycopg": "flaskkit[postgres]", "pymysql": "flaskkit[mariadb]"}
    package = extras.get(error.name or "", error.name)
    return f"The database URL needs the package {error.name!r}. Install it with: pip install '{package}'"
