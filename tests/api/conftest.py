"""A small library behind the API, and a feature that stands for logging in."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import JSON, Column, ForeignKey, LargeBinary, Numeric, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import (
    Api,
    Feature,
    IntegerKey,
    Model,
    Module,
    Resource,
    Timestamps,
    UUIDKey,
    db,
    login,
    nobody,
    owner,
    public,
    role,
)
from flaskkit.access import Caller

api_book_shelf = Table(
    "api_book_shelf",
    Model.metadata,
    Column("book_id", ForeignKey("api_book.id"), primary_key=True),
    Column("shelf_id", ForeignKey("api_shelf.id"), primary_key=True),
)


class ApiShelf(UUIDKey, Model):
    __tablename__ = "api_shelf"
    name: Mapped[str] = mapped_column(String(20), unique=True)


class ApiKind(enum.Enum):
    novel = 1
    poem = 2


class ApiBook(IntegerKey, Timestamps, Model):
    """A book that somebody owns.

    Its title is what stands on the cover.
    """

    __tablename__ = "api_book"
    owner_id: Mapped[int | None]
    title: Mapped[str] = mapped_column(String(40), comment="As on the cover.")
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True, info={"pattern": "[0-9]{13}"})
    kind: Mapped[ApiKind] = mapped_column(default=ApiKind.novel)
    stars: Mapped[int | None] = mapped_column(info={"minimum": 1, "maximum": 5})
    lent: Mapped[bool] = mapped_column(default=False)
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal("9.50"))
    secret: Mapped[str] = mapped_column(String(20), default="hidden")
    shelves: Mapped[list[ApiShelf]] = relationship(secondary=api_book_shelf)


class ApiNote(IntegerKey, Model):
    __tablename__ = "api_note"
    book_id: Mapped[int] = mapped_column(ForeignKey("api_book.id"))
    text: Mapped[str] = mapped_column(Text)
    book: Mapped[ApiBook] = relationship()


class ApiKinds(IntegerKey, Model):
    """One column of each type."""

    __tablename__ = "api_kinds"
    whole: Mapped[int | None]
    real: Mapped[float | None]
    yes: Mapped[bool | None]
    money: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    day: Mapped[date | None]
    moment: Mapped[datetime | None]
    clock: Mapped[time | None]
    span: Mapped[timedelta | None]
    code: Mapped[UUID | None]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    anything: Mapped[Any | None] = mapped_column(JSON)
    kind: Mapped[ApiKind | None]


books = Resource(
    ApiBook,
    name="books",
    fields=["title", "isbn", "kind", "stars", "lent", "cost", "shelves"],
    read_only=["id", "created_at"],
    filters=["kind", "stars", "lent", "cost", "created_at"],
    sorts=["title", "stars"],
    search=["title", "isbn"],
    read=public,
    create=owner("owner_id"),
    update=owner("owner_id") | role("librarian"),
    delete=owner("owner_id"),
)
shelves = Resource(ApiShelf, name="shelves", fields=["name"], read=login, write=role("librarian"))
notes = Resource(ApiNote, name="notes", fields=["book", "text"], read=public, create=public, delete=login)
kinds = Resource(
    ApiKinds,
    name="kinds",
    fields=["whole", "real", "yes", "money", "day", "moment", "clock", "span", "code", "raw", "anything", "kind"],
    filters=["whole", "real", "yes", "money", "day", "moment", "clock", "span", "code", "kind"],
    read=public,
    write=public,
)
letters = Resource(ApiNote, name="letters", fields=["book_id", "text"], read=nobody, create=public)
LIBRARY = Module("library", resources=[books, shelves, notes, kinds, letters])


@dataclass(frozen=True)
class Person:
    id: int
    roles: tuple[str, ...] = ()

    def has_role(self, name: str) -> bool:
        return name in self.roles


PEOPLE = {"ann": Person(1), "bob": Person(2), "lib": Person(3, ("librarian",))}


@dataclass(frozen=True)
class Names(Feature):
    """Stands for feature `auth`: a header says who calls, and another how that is known."""

    name: ClassVar[str] = "names"

    def init_app(self, app: Flask) -> None:
        def caller() -> Caller:
            user = PEOPLE.get(request.headers.get("X-Name", ""))
            return Caller(user, request.headers.get("X-By", "token") if user else "")

        app.extensions["flaskkit"].caller = caller


@pytest.fixture
def app(start: Callable[..., Flask]) -> Flask:
    return start(features=["db", "forms", Names(), Api(title="Library", version="2.1")], modules=[LIBRARY])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return known(app, "ann")


@pytest.fixture
def librarian(app: Flask) -> FlaskClient:
    return known(app, "lib")


def known(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_X_NAME"] = name
    return client


@pytest.fixture
def add(app: Flask) -> Callable[..., Any]:
    """Return a function that stores books: ``add("Emma", stars=5)`` gives the key."""

    def add(title: str, **values: Any) -> int:
        with app.app_context():
            book = ApiBook(title=title, **{"owner_id": 1, **values})
            db.session.add(book)
            db.session.commit()
            return book.id

    return add
