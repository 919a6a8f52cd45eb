"""The fixtures of the test kit, as a pytest plugin. It is installed with flaskkit and imports it when one is asked for.

app_config    session   what the app is made of: app.toml, unless you write your own
seed          session   what every test finds in the database
made_app      session   the app, with a database for this worker
app                     the same, as if it were new: what a test writes is rolled back
db                      the same, with a context for the test's own queries
client                  a browser of a stranger         as_user(user | "role")    one that is logged in
api                     a program that speaks JSON      outbox                    the mail that was sent
factory                 factory(Model, …) stores a row  freeze_time("2030-01-01") stops the clock
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from email.message import EmailMessage

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    from flaskkit.config import Config
    from flaskkit.testing.clients import ApiClient, Client


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("flaskkit_config", "The file that says what the app is made of.", default="app.toml")


@pytest.fixture(scope="session")
def app_config(pytestconfig: pytest.Config) -> Config:
    """What the app is made of, from the file that `flaskkit_config` names. Write a fixture of that name to say else."""
    from flaskkit.testing.setup import config_of

    return config_of(pytestconfig.rootpath / pytestconfig.getini("flaskkit_config"))


@pytest.fixture(scope="session")
def seed() -> Callable[[Flask], Any] | None:
    """What stores the rows that every test finds: write a fixture of that name that returns a function of the app."""
    return None


@pytest.fixture(scope="session")
def made_app(
    app_config: Config,
    seed: Callable[[Flask], Any] | None,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Flask]:
    """The app, made once for each worker, with a database of its own and in it what `seed` stores."""
    from flaskkit.testing.databases import Place
    from flaskkit.testing.setup import started

    place = Place(
        root=pytestconfig.rootpath,
        # Without pytest's cache (-p no:cacheprovider) the migrations run once for each worker.
        cache=pytestconfig.cache.mkdir("flaskkit")
        if hasattr(pytestconfig, "cache")
        else tmp_path_factory.mktemp("cache"),
        folder=tmp_path_factory.mktemp("database"),
        worker=os.environ.get("PYTEST_XDIST_WORKER", "main"),
        server=os.environ.get("FLASKKIT_TEST_URL", ""),
    )
    with started(app_config, place, seed) as app:
        yield app


@pytest.fixture
def app(made_app: Flask) -> Iterator[Flask]:
    """The app, as if it were new: rows, mail, limits and settings are what they were before the test."""
    from flaskkit.testing.setup import fresh

    with fresh(made_app):
        yield made_app


@pytest.fixture
def db(app: Flask) -> Iterator[SQLAlchemy]:
    """``flaskkit.db`` with a context, for ``db.session``. Requests have sessions of their own: commit what they see."""
    from flaskkit.testing.setup import with_database

    with with_database(app) as found:
        yield found


@pytest.fixture
def client(app: Flask) -> Client:
    """A browser of a stranger."""
    from flaskkit.testing.clients import Client

    return Client(app, app.response_class)


@pytest.fixture
def api(app: Flask) -> ApiClient:
    """A program of a stranger; ``api.as_user(user)`` has a token."""
    from flaskkit.testing.clients import ApiClient

    return ApiClient(app)


@pytest.fixture
def as_user(app: Flask) -> Callable[[Any], Client]:
    """Return a function that gives a browser in which a user is logged in: ``as_user(ada)``, ``as_user("editor")``.

    With the name of a role it is a new user who has that role, with ``""`` one who has none.
    """
    from flaskkit.testing.setup import browser_of

    return lambda who: browser_of(app, who)


@pytest.fixture
def factory(db: SQLAlchemy) -> Callable[..., Any]:
    """Return a function that stores rows: ``factory(Note, rating=5)`` one, ``factory(Note, 3)`` a list of three."""
    from flaskkit.testing.factories import stored

    return stored


@pytest.fixture
def outbox(app: Flask) -> list[EmailMessage]:
    """The mail that was sent in this test, oldest first."""
    from flaskkit.testing.setup import outbox_of

    return outbox_of(app)


@pytest.fixture
def freeze_time() -> Iterator[Callable[..., Any]]:
    """Return a function that stops the clock at a moment: ``freeze_time("2030-01-01 12:00Z")``, until the test ends.

    What it returns is time-machine's: ``.shift(60)`` goes on by a minute, ``.move_to(…)`` somewhere else.
    """
    from flaskkit.testing.setup import clock

    with clock() as stop:
        yield stop
