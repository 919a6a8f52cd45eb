"""A site with every feature on, and one person who may use all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import File, FileType, IntegerKey, Model, Module, Resource, Security, login, public, requires
from flaskkit.auth import accounts, passwords

PASSWORD = "correct horse"
EVERYTHING = ["db", "forms", "auth", "api", "pages", "admin", "files"]
HTTPS = "https://shop.example"


class SecurityPlant(IntegerKey, Model):
    __tablename__ = "security_plant"
    name: Mapped[str]
    picture: Mapped[File | None] = mapped_column(FileType(types=["image/png"]))

    def __str__(self) -> str:
        return self.name


plants = Resource(SecurityPlant, name="plants", fields=["name", "picture"], read=public, write=login)
beds = Resource(SecurityPlant, name="beds", fields=["name"], read=login)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def made(start: Callable[..., Flask]) -> Callable[..., Flask]:
    """Return a function that makes an app: ``made(trusted_hosts=("shop.example",))`` or ``made(env="production")``."""

    def made(features: Any = (), env: str = "testing", flask: Any = None, **security: Any) -> Flask:
        secret = {"secret_key": "4f5c0e8a9b7d6123" * 4}
        on = [*features, Security(**security)]
        modules = [Module("garden", resources=[plants, beds])] if "files" in features else []
        app = start(features=on, env=env, modules=modules, flask=flask or {}, **secret)
        app.add_url_rule("/same", "same", lambda: "the same for all")
        app.add_url_rule("/mine", "mine", requires(login)(lambda: "mine"))
        app.add_url_rule("/echo", "echo", lambda: "got it", methods=["GET", "POST"])
        return app

    return made


@pytest.fixture
def site(made: Callable[..., Flask]) -> Flask:
    """Everything on, with a user who has the role admin."""
    app = made(EVERYTHING)
    add_admin(app)
    return app


def add_admin(app: Flask) -> None:
    with app.app_context():
        accounts.create("ada@example.com", PASSWORD, ["admin"])


def log_in(client: FlaskClient, **options: Any) -> None:
    found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get("/auth/login", **options).text)
    assert found
    typed = {"csrf_token": found[1], "email": "ada@example.com", "password": PASSWORD}
    if "https" in options.get("base_url", ""):
        options["headers"] = {"Referer": f"{options['base_url']}/auth/login"}
    answer = client.post("/auth/login", data=typed, **options)
    assert answer.status_code == 303, answer.text
