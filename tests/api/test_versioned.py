"""ETags of rows that have a version: made without the content, where the version tells all that is shown."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, ForeignKey, String, Table, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Resource, Versioned, db, owner, public
from flaskkit.db import models
from tests.api.conftest import Names, known
from tests.api.writing import at_once

version_page_word = Table(
    "version_page_word",
    Model.metadata,
    Column("page_id", ForeignKey("version_page.id"), primary_key=True),
    Column("word_id", ForeignKey("version_word.id"), primary_key=True),
)


class VersionWord(IntegerKey, Model):
    __tablename__ = "version_word"
    text: Mapped[str] = mapped_column(String(20))


class VersionPage(Versioned, Model):
    __tablename__ = "version_page"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(20))
    hidden: Mapped[str | None] = mapped_column(String(20))
    owner_id: Mapped[int | None]
    word_id: Mapped[int | None] = mapped_column(ForeignKey(VersionWord.id))
    word: Mapped[VersionWord | None] = relationship()
    words: Mapped[list[VersionWord]] = relationship(secondary=version_page_word)


class VersionOwn(IntegerKey, Model):
    """With a version as SQLAlchemy documents it."""

    __tablename__ = "version_own"
    title: Mapped[str] = mapped_column(String(20))
    at: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": at}  # noqa: RUF012  (as SQLAlchemy documents it)


pages = Resource(
    VersionPage, name="pages", fields=["id", "title", "word"], write_only=["hidden"], read=public, write=public, bulk=5
)
seen = Resource(VersionPage, name="seen", fields=["title"], read_only=["version"], sparse=True, read=public)
nested = Resource(VersionPage, name="nested", fields=["word"], nested={"word": ["text"]}, read=public, write=public)
lists = Resource(VersionPage, name="lists", fields=["title", "words"], read=public, write=public)
expanding = Resource(VersionPage, name="expanding", fields=["word"], expand={"word": ["text"]}, read=public)
mine = Resource(VersionPage, name="mine", fields=["title"], read=owner("owner_id"), write=owner("owner_id"))
owns = Resource(VersionOwn, name="owns", fields=["title"], read=public, write=public)
words = Resource(VersionWord, name="words", fields=["text"], read=public, write=public)
WIKI = Module("wiki", resources=[pages, seen, nested, lists, expanding, mine, owns, words])


@pytest.fixture
def app(start):
    return start(features=["db", Names(), Api()], modules=[WIKI])


@pytest.fixture
def client(app):
    client = app.test_client()
    client.post("/api/words", json={"text": "sun"})
    assert client.post("/api/pages", json={"id": 1, "title": "Home", "word": 1}).status_code == 201
    return client


def tag_of(client, path):
    return client.get(path).headers["ETag"]


def test_every_answer_with_the_row_has_the_etag_of_its_version(client):
    tag = tag_of(client, "/api/pages/1")
    assert tag.startswith('"')
    assert client.head("/api/pages/1").headers["ETag"] == tag
    assert client.patch("/api/pages/1", json={}).headers["ETag"] == tag
    changed = client.patch("/api/pages/1", json={"title": "Start"})
    assert changed.headers["ETag"] == tag_of(client, "/api/pages/1") != tag
    made = client.post("/api/pages", json={"id": 2, "title": "Second"})
    assert made.headers["ETag"] == tag_of(client, "/api/pages/2")
    replaced = client.put("/api/pages/1", json={"title": "Home", "word": 1})
    assert replaced.headers["ETag"] not in (tag, changed.headers["ETag"])
    assert "version" not in replaced.json


def test_a_version_is_not_told_unless_it_is_declared(client):
    shown = client.get("/api/pages/1").json
    assert shown == {"id": 1, "title": "Home", "word": 1} == client.get("/api/pages").json[0]
    assert set(client.get("/api/seen/1").json) == {"id", "title", "version"}
    assert client.patch("/api/pages/bulk", json=[{"id": 1, "title": "All"}]).json == [{**shown, "title": "All"}]
    assert client.get("/api/seen/1?fields=title").json == {"id": 1, "title": "All"}


def test_what_is_known_is_neither_read_nor_sent(client, count_statements):
    tag = tag_of(client, "/api/pages/1")
    with count_statements() as sent:
        again = client.get("/api/pages/1", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    [statement] = [text for text in sent if text.startswith("SELECT")]
    assert "title" not in statement
    client.patch("/api/pages/1", json={"title": "Start"})
    fresh = client.get("/api/pages/1", headers={"If-None-Match": tag})
    assert (fresh.status_code, fresh.json["title"]) == (200, "Start")
    assert client.get("/api/pages/9", headers={"If-None-Match": "*"}).status_code == 404


def test_a_change_is_checked_by_the_version(client, count_statements):
    tag = tag_of(client, "/api/pages/1")
    with count_statements() as sent:
        assert client.patch("/api/pages/1", json={"title": "A"}, headers={"If-Match": tag}).status_code == 200
    [update] = [text for text in sent if text.startswith("UPDATE")]
    assert "version" in update.partition("WHERE")[2]
    for refused in (
        client.patch("/api/pages/1", json={"title": "B"}, headers={"If-Match": tag}),
        client.put("/api/pages/1", json={"title": "B"}, headers={"If-Match": tag}),
        client.delete("/api/pages/1", headers={"If-Match": tag}),
        client.patch("/api/pages/1", json={"title": "B"}, headers={"If-Match": f"W/{tag_of(client, '/api/pages/1')}"}),
    ):
        assert refused.status_code == 412
    assert client.get("/api/pages/1").json["title"] == "A"
    # What is not shown is a change of the row as well.
    tag = tag_of(client, "/api/pages/1")
    client.patch("/api/pages/1", json={"hidden": "x"})
    assert client.delete("/api/pages/1", headers={"If-Match": tag}).status_code == 412
    assert client.delete("/api/pages/1", headers={"If-Match": tag_of(client, "/api/pages/1")}).status_code == 204


def test_of_two_changes_with_one_etag_one_wins(app, client):
    headers = {"If-Match": tag_of(client, "/api/pages/1")}

    def change(number):
        return app.test_client().patch("/api/pages/1", json={"title": f"T{number}"}, headers=headers).status_code

    assert sorted(at_once(4, change)) == [200, 412, 412, 412]


@pytest.mark.parametrize("path", ["/api/nested/1", "/api/lists/1", "/api/expanding/1?expand=word"])
def test_what_shows_other_rows_has_an_etag_of_its_content(client, app, path):
    tag = tag_of(client, path)
    with app.app_context():
        page, word = db.session.get(VersionPage, 1), db.session.scalars(select(VersionWord)).one()
        word.text = "moon"
        page.words = [word]
        version = page.version
        db.session.commit()
        assert page.version == version
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200
    assert tag_of(client, path) != tag


def test_a_row_that_comes_again_is_another_one(client, monkeypatch):
    first = tag_of(client, "/api/pages/1")
    client.delete("/api/pages/1")
    late = models.time.time_ns() + 5_000_000
    monkeypatch.setattr(models.time, "time_ns", lambda: late)
    client.post("/api/pages", json={"id": 1, "title": "Other", "word": 1})
    assert tag_of(client, "/api/pages/1") != first
    assert client.patch("/api/pages/1", json={}, headers={"If-Match": first}).status_code == 412


def test_shapes_of_one_version_differ(client):
    tags = {tag_of(client, f"/api/seen/1{query}") for query in ("", "?fields=title", "?fields=version")}
    assert len(tags) == 3


def test_a_hidden_row_has_no_etag(app, client):
    ann, bob = known(app, "ann"), known(app, "bob")
    with app.app_context():
        db.session.add(VersionPage(id=5, title="Ann's", owner_id=1))
        db.session.commit()
    tag = tag_of(ann, "/api/mine/5")
    assert ann.get("/api/mine/5", headers={"If-None-Match": tag}).status_code == 304
    assert bob.get("/api/mine/5", headers={"If-None-Match": tag}).status_code == 404
    assert app.test_client().get("/api/mine/5", headers={"If-None-Match": "*"}).status_code == 401
    assert bob.patch("/api/mine/5", json={}, headers={"If-Match": tag}).status_code == 404


@pytest.mark.filterwarnings("ignore:Column 'version_page.id'")
def test_a_row_that_nothing_gives_a_key_is_refused(app):
    ann = known(app, "ann")
    refused = ann.post("/api/mine", json={"title": "Mine"})
    # SQLAlchemy misses the key on SQLite, the database itself elsewhere.
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"detail": "A value is missing.", "pointer": "#"}]
    assert ann.get("/api/mine").json == []


def test_a_version_of_ones_own_counts(client):
    tag = client.post("/api/owns", json={"title": "A"}).headers["ETag"]
    assert tag_of(client, "/api/owns/1") == tag
    assert client.patch("/api/owns/1", json={"title": "B"}, headers={"If-Match": tag}).status_code == 200
    assert client.patch("/api/owns/1", json={"title": "C"}, headers={"If-Match": tag}).status_code == 412
