"""What the fixtures of the plugin do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flaskkit.config import Config
from flaskkit.testing.clients import Client, CliRunner, in_context, logged_in
from flaskkit.testing.databases import Place, dispose, make_app
from flaskkit.testing.isolation import forget, is_isolated, isolated
from flaskkit.testing.traffic import note_traffic

_NUMBERS = count(1)
_REMAKE = "flaskkit.testing.remake"


def config_of(file: Path) -> Config:
    """Return the config in *file*, for tests. Nothing is taken from this machine's environment."""
    if not file.is_file():
        pytest.fail(
            f"There is no {file}. Set flaskkit_config in the settings of pytest to the file that says what the app is"
            " made of, or write a fixture app_config(), scope='session', that returns your Config.",
            pytrace=False,
        )
    modules = tomllib.loads(file.read_text("utf-8")).get("modules", [])
    name = modules[0].partition(".")[0] if modules else file.parent.name
    return Config.load(name, toml=file, environ={"APP_ENV": "testing"})


@contextmanager
def started(config: Config, place: Place, seed: Callable[[Flask], Any] | None) -> Iterator[Flask]:
    """Give an app for all tests of a worker."""
    app, make_anew = make_app(config, place, seed)
    app.extensions[_REMAKE] = make_anew
    note_traffic(app)
    app.test_client_class, app.test_cli_runner_class = Client, CliRunner
    try:
        yield app
    finally:
        dispose(app)


@contextmanager
def fresh(app: Flask) -> Iterator[None]:
    """Undo at the end what the block does to *app*: to rows, mail, limits and settings."""
    settings = dict(app.config)
    with ExitStack() as stack:
        if "sqlalchemy" in app.extensions:
            stack.enter_context(_rolled_back(app))
        forget(app)
        try:
            yield
        finally:
            forget(app)
            app.config.clear()
            app.config.update(settings)


@contextmanager
def with_database(app: Flask) -> Iterator[Any]:
    """Give ``flaskkit.db``, in a context of *app* and within a transaction that is rolled back."""
    if "sqlalchemy" not in app.extensions:
        pytest.fail("The fixture db needs feature 'db', which is switched off.", pytrace=False)
    from flaskkit.db import db

    with ExitStack() as stack:
        if not is_isolated(app):
            stack.enter_context(_rolled_back(app))
        stack.enter_context(app.app_context())
        yield db


@contextmanager
def _rolled_back(app: Flask) -> Iterator[None]:
    with isolated(app) as spoilt:
        yield
    if spoilt and _REMAKE in app.extensions:
        app.extensions[_REMAKE]()


def browser_of(app: Flask, who: Any) -> Client:
    """Return a browser in which *who* is logged in: a user, or the name of the role of a new one."""
    if "flaskkit.user_model" not in app.extensions:
        pytest.fail("as_user() needs feature 'auth', which is switched off.", pytrace=False)
    return logged_in(app, user_with(app, who) if isinstance(who, str) else who)


def user_with(app: Flask, role: str) -> Any:
    """Return a new user who has *role*, or none if that is empty."""
    from flaskkit.auth import accounts
    from flaskkit.testing.factories import stored

    def create() -> Any:
        # Given at once, since a test may forbid to load them by themselves.
        roles = accounts.roles_named([role] if role else [])
        return stored(accounts.user_model(), email=f"user{next(_NUMBERS)}@example.com", roles=roles)

    return in_context(app, create)


def outbox_of(app: Flask) -> list[EmailMessage]:
    """Return the mail that was sent, as a list that grows."""
    mailer = app.extensions.get("flaskkit.mail")
    if mailer is None:
        pytest.fail("The fixture outbox needs feature 'mail', which is switched off.", pytrace=False)
    sent: list[EmailMessage] = mailer.outbox
    return sent


@contextmanager
def clock() -> Iterator[Callable[..., Any]]:
    """Give a function that stops the clock until the end of the block."""
    import time_machine

    with ExitStack() as stack:

        def stop(moment: Any) -> Any:
            return stack.enter_context(time_machine.travel(moment, tick=False))

        yield stop
