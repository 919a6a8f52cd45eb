"""Feature `db`: Flask-SQLAlchemy with typed models, safe engine options and answers for bad days.

models.py    db, Model, keys, timestamps
engine.py    options and pragmas by kind of database
guards.py    503 while the database is away; uncommitted changes reported
tables.py    which tables belong to an app; flask kit create-tables
rows.py      the rows of a Resource: read and changed under its policies, one transaction each
compiled.py  the same rows as tuples, by statements that are built once
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flask import Flask
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from flaskkit.db import rows
from flaskkit.db.engine import options_for, prepare, understood
from flaskkit.db.guards import UncommittedChanges, answer_outages, report_unsaved
from flaskkit.db.models import IntegerKey, Model, Timestamps, UTCDateTime, UUIDKey, db
from flaskkit.db.tables import create_tables
from flaskkit.errors import FeatureError
from flaskkit.feature import Feature, setting

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Db", "IntegerKey", "Model", "Timestamps", "UTCDateTime", "UUIDKey", "UncommittedChanges", "db"]


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
        default = "sqlite://" if kit.config.env == "testing" else "sqlite:///app.db"
        url = understood(app.config["SQLALCHEMY_DATABASE_URI"] or default)
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
            **options_for(url),
            **app.config.get("SQLALCHEMY_ENGINE_OPTIONS", {}),
        }
        try:
            db.init_app(app)
        except ModuleNotFoundError as error:
            raise FeatureError(_driver_missing(error)) from error
        with app.app_context():
            for engine in db.engines.values():
                prepare(engine)
        answer_outages(app)
        if kit.config.env != "production":
            report_unsaved(app)
        app.extensions["flaskkit.rows"] = rows
        kit.commands.add_command(create_tables)


def _driver_missing(error: ModuleNotFoundError) -> str:
    extras = {"psycopg": "flaskkit[postgres]", "pymysql": "flaskkit[mariadb]"}
    package = extras.get(error.name or "", error.name)
    return f"The database URL needs the package {error.name!r}. Install it with: pip install '{package}'"
