"""A shop that sends mail, and an SMTP server that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, request
from sqlalchemy.orm import Mapped

from flaskkit import IntegerKey, Model, Module, db, send_mail


class MailPerson(IntegerKey, Model):
    __tablename__ = "mail_person"
    name: Mapped[str]


def shop() -> Module:
    views = Blueprint("shop", __name__, template_folder="templates")

    @views.get("/people/<name>")
    def person(name: str) -> str:
        return name

    @views.post("/people/<name>")
    def sign_up(name: str) -> str:
        """Store somebody and welcome them."""
        db.session.add(MailPerson(name=name))
        send_mail(request.args.get("to", "ada@example.com"), "welcome", name=name)
        db.session.commit()
        return "stored"

    return Module("shop", blueprints=[views])


@pytest.fixture
def made(start: Callable[..., Flask]) -> Callable[..., Flask]:
    """Return a function that makes a shop: ``made(backend="smtp", host=…)``, or ``made(env=…, **settings)``."""

    def made(env: str = "testing", more: tuple[str, ...] = (), **settings: Any) -> Flask:
        return start(env=env, features=["db", *more, Mail(**settings)], modules=[shop()])

    from flaskkit import Mail

    return made


@pytest.fixture
def app(made: Callable[..., Flask]) -> Iterator[Flask]:
    """A shop whose mail is kept in memory, with its context."""
    app = made()
    with app.app_context():
        yield app
