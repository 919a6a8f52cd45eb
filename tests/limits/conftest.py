"""Sites with limits, visitors at many addresses, and a clock that tests turn."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask

from flaskkit import Limits, Module, Resource, limited, public
from flaskkit.auth import accounts, passwords
from tests.limits.models import LimitsThing

PASSWORD = "correct horse battery"
ACCOUNTS = ["db", "forms", "auth"]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(CHEAPEST))


class Clock:
    """Time as ``time.time()`` and ``time.monotonic()`` tell it."""

    def __init__(self) -> None:
        self.later = 0.0

    def turn(self, seconds: float) -> None:
        self.later += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands until it is turned."""
    clock, began, ran = Clock(), time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: began + clock.later)
    monkeypatch.setattr("flaskkit.limits.counters.time.monotonic", lambda: ran + clock.later)
    return clock


class Site:
    """An app with limits, and what visitors do there."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def add(self, *emails: str) -> None:
        with self.app.app_context():
            for email in emails:
                accounts.create(email, PASSWORD)

    def get(self, path: str = "/search", address: str = "192.0.2.1", **options: Any) -> Any:
        return self.app.test_client().get(path, environ_overrides={"REMOTE_ADDR": address}, **options)

    def log_in(
        self, email: str = "ada@example.com", password: str = PASSWORD, address: str = "192.0.2.1", path: str = "login"
    ) -> Any:
        """Send the form at *path* from *address*, as a browser does that was never here."""
        client, here = self.app.test_client(), {"environ_overrides": {"REMOTE_ADDR": address}}
        token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(f"/auth/{path}", **here).text)
        assert token
        return client.post(f"/auth/{path}", data={"csrf_token": token[1], "email": email, "password": password}, **here)

    def log_in_by_json(
        self, email: str = "ada@example.com", password: str = PASSWORD, address: str = "192.0.2.1"
    ) -> Any:
        body = {"email": email, "password": password}
        here = {"REMOTE_ADDR": address}
        return self.app.test_client().post("/api/auth/login", json=body, environ_overrides=here)


@pytest.fixture
def made(start: Callable[..., Flask]) -> Callable[..., Site]:
    """Return a function that makes a site: ``made(["db", "forms", "auth"], login=("2 per hour by account",))``."""

    def made(features: Any = (), own: Any = None, **limits: Any) -> Site:
        own = {"search": ("3 per minute by address",), **(own or {})}
        things = Resource(LimitsThing, name="things", fields=["name"], read=public, write=public)
        modules = [Module("things", resources=[things])] if "api" in features else []
        app = start(features=[*features, Limits(own=own, **limits)], modules=modules)
        app.add_url_rule("/search", "search", limited("search")(lambda: "found"))
        return Site(app)

    return made
