"""A site with users, and clients that fill in its forms as a browser does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flask_login
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import event

from flaskkit import caller, db, login, requires
from flaskkit.auth import accounts, passwords, tokens, totp
from tests.auth.oidc import Provider
from tests.auth.phone import PASSWORD, Clock, turn_on


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least effort that argon2 takes: these tests make many users."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(CHEAPEST))


class Site:
    """An app with feature auth, and what tests do with it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client
        app.add_url_rule("/who", view_func=who)
        app.add_url_rule("/mine", "mine", requires(login)(lambda: "mine"), methods=["GET", "POST"])
        app.add_url_rule("/same", "same", lambda: render_template_string("the same for all"))
        app.add_url_rule("/token", "token", generate_csrf)

    def add(self, email: str = "ada@example.com", *roles: str) -> str:
        """Store a user and return the address."""
        with self.app.app_context():
            accounts.create(email, PASSWORD, roles)
        return email

    def change(self, email: str, **values: Any) -> None:
        with self.app.app_context():
            user = accounts.by_email(email)
            for name, value in values.items():
                setattr(user, name, value)
            db.session.commit()

    def token(self, email: str = "ada@example.com", days: int = 1) -> dict[str, str]:
        """Return headers with a new bearer token of that user."""
        with self.app.app_context():
            token, _ = tokens.issue(accounts.by_email(email), "test", days)
        return {"Authorization": f"Bearer {token}"}

    def submit(self, client: FlaskClient, path: str, **values: Any) -> Any:
        """Open the form at *path*, fill it in and send it."""
        found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path).text)
        assert found, f"{path} shows no form"
        return client.post(path, data={"csrf_token": found[1], **values})

    def log_in(
        self, client: FlaskClient, email: str = "ada@example.com", path: str = "/auth/login", **values: Any
    ) -> Any:
        return self.submit(client, path, **{"email": email, "password": PASSWORD, **values})

    def log_out(self, client: FlaskClient) -> Any:
        return client.post("/auth/logout", data={"csrf_token": client.get("/token").text})

    def logged_in(self, email: str = "ada@example.com", **values: Any) -> FlaskClient:
        client = self.client()
        assert self.log_in(client, email, **values).status_code == 303
        return client

    @contextmanager
    def queries(self) -> Iterator[list[str]]:
        """Give the list of statements sent to the database meanwhile."""
        sent: list[str] = []

        def note(*execution: Any) -> None:
            sent.append(execution[2])

        with self.app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        yield sent
        event.remove(engine, "before_cursor_execute", note)


def who() -> str:
    """Show who asks and how that is known. Flask-Login and flaskkit must agree."""
    current, found = flask_login.current_user, caller()
    told = current.email if current.is_authenticated else "nobody"
    assert current.is_anonymous == (found.user is None)
    assert told == (found.user.email if found.user else "nobody")
    return f"{told} by {found.by}" if found.by else told


@pytest.fixture
def made(start: Callable[..., Flask]) -> Callable[..., Site]:
    """Return a function that makes a site: ``made(auth={"sign_up": False}, flask={…}, more=["api"])``."""

    def made(more: list[Any] | None = None, auth: Any = "auth", **config: Any) -> Site:
        return Site(start(features=["db", "forms", auth, *(more or [])], **config))

    return made


@pytest.fixture
def site(made: Callable[..., Site]) -> Site:
    return made()


@pytest.fixture
def ada(site: Site) -> str:
    """The address of a user."""
    return site.add()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(totp, "now", clock)
    return clock


@pytest.fixture
def phone(site):
    phone, site.codes = turn_on(site, site.logged_in())
    return phone


@pytest.fixture(scope="module")
def running():
    with Provider().running() as provider:
        yield provider


@pytest.fixture
def acme(running):
    running.person = {"sub": "248289761001", "email": "jane@example.com", "email_verified": True}
    running.wrong = {}
    running.asked.clear()
    return running
