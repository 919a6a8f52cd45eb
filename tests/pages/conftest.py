"""A small library, with books that anybody reads and notes that belong to their writers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest
from flask import Blueprint, Flask, abort, flash, redirect, render_template_string, session
from sqlalchemy import Column, ForeignKey, String, Table, Text, TypeDecorator
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Feature, IntegerKey, Model, Module, Resource, db, login, owner, public, requires, role
from flaskkit.access import Caller


class Author(IntegerKey, Model):
    __tablename__ = "pages_author"
    name: Mapped[str] = mapped_column(String(50), unique=True)

    def __str__(self) -> str:
        return self.name


pages_shelf = Table(
    "pages_shelf",
    Model.metadata,
    Column("book_id", ForeignKey("pages_book.id"), primary_key=True),
    Column("topic_id", ForeignKey("pages_topic.id"), primary_key=True),
)


class Topic(IntegerKey, Model):
    __tablename__ = "pages_topic"
    name: Mapped[str]


class Book(IntegerKey, Model):
    __tablename__ = "pages_book"
    title: Mapped[str] = mapped_column(String(60), unique=True, comment="As on the cover")
    pages: Mapped[int | None] = mapped_column(info={"minimum": 1})
    cost: Mapped[int | None]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("pages_author.id"))
    author: Mapped[Author | None] = relationship()
    topics: Mapped[list[Topic]] = relationship(secondary=pages_shelf)

    def __str__(self) -> str:
        return self.title


class BookNote(IntegerKey, Model):
    __tablename__ = "pages_book_note"
    text: Mapped[str] = mapped_column(Text)
    writer_id: Mapped[int]
    book_id: Mapped[int | None] = mapped_column(ForeignKey("pages_book.id"))
    book: Mapped[Book | None] = relationship()


class ComplexNumber(TypeDecorator[complex]):
    impl = String(50)
    cache_ok = True
    python_type = complex


class Wave(IntegerKey, Model):
    __tablename__ = "pages_wave"
    phase: Mapped[str] = mapped_column(ComplexNumber)


@dataclass(frozen=True)
class Badge(Feature):
    """Whoever visits /as/<id>/<role> is that user from then on."""

    name: ClassVar[str] = "badge"

    def init_app(self, app: Flask) -> None:
        def who() -> Caller:
            if "id" not in session:
                return Caller()
            held = session["role"]
            user = SimpleNamespace(id=session["id"], email="me@example.org", has_role=lambda name: name == held)
            return Caller(user, "session")

        @app.get("/as/<int:id>/<role>")
        def come_as(id: int, role: str) -> str:
            session.update(id=id, role=role)
            return ""

        app.extensions["flaskkit"].caller = who


@pytest.fixture
def module():
    site = Blueprint("site", __name__)

    @site.get("/about")
    def about():
        return render_template_string(
            "{% extends 'flaskkit/layout.html' %}{% block content %}All about us{% endblock %}"
        )

    @site.get("/editors")
    @requires(role("editor"))
    def editors():
        return "Only for editors"

    @site.get("/plain")
    def plain():
        return "plain"

    @site.get("/flash")
    def say():
        flash("Hear <this>", "error")
        return redirect("/about")

    @site.get("/error/<int:code>")
    def error(code):
        abort(code, f"My own words about <{code}>.")

    books = Resource(
        Book,
        name="books",
        fields=["title", "pages", "author", "topics"],
        filters=["author_id", "pages"],
        sorts=["title", "pages", "author_id"],
        search=["title"],
        order=["title"],
        read=public,
        write=role("editor"),
    )
    authors = Resource(Author, name="authors", fields=["name"], read=public, write=role("editor"))
    mine = owner("writer_id")
    notes = Resource(BookNote, name="notes", fields=["text", "book"], read=mine, create=mine, update=mine, delete=mine)
    drafts = Resource(Topic, name="topics", fields=["name"], read=login)
    return Module(
        "library",
        blueprints=[site],
        resources=[books, authors, notes, drafts],
        contributions={"pages": {"navigation": [("About", "site.about"), ("Editors", "site.editors")]}},
    )


@pytest.fixture
def app(start, module):
    app = start(features=["db", "forms", Badge(), "pages"], modules=[module])
    with app.app_context():
        ada, bob = Author(name="Ada"), Author(name="Bob")
        engines = Book(title="Engines", pages=90, cost=7, author=ada)
        db.session.add_all([ada, bob, Topic(name="Steam"), Topic(name="Stars")])
        db.session.add_all([engines, Book(title="Looms", pages=40)])
        db.session.add_all([BookNote(text="mine", writer_id=1, book=engines), BookNote(text="yours", writer_id=2)])
        db.session.commit()
    return app


class Browser:
    """A client that sends the token of the form it looks at."""

    def __init__(self, app):
        self.client = app.test_client()

    def get(self, path):
        return self.client.get(path)

    def post(self, path, **typed):
        token = re.search('name="csrf_token"[^>]* value="([^"]+)"', self.client.get(path).text)
        return self.client.post(path, data={"csrf_token": token[1] if token else "", **typed})


@pytest.fixture
def stranger(app):
    return Browser(app)


@pytest.fixture
def editor(app):
    browser = Browser(app)
    browser.get("/as/1/editor")
    return browser


@pytest.fixture
def reader(app):
    browser = Browser(app)
    browser.get("/as/1/reader")
    return browser
