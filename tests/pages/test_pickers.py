"""Relationships to tables of many rows: searched for, with a script and without."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, db, nobody, public

pages_sung = Table(
    "pages_sung",
    Model.metadata,
    Column("song_id", ForeignKey("pages_picked_song.id"), primary_key=True),
    Column("singer_id", ForeignKey("pages_picked_singer.id"), primary_key=True),
)


class Singer(IntegerKey, Model):
    __tablename__ = "pages_picked_singer"
    name: Mapped[str]
    secret: Mapped[str] = mapped_column(default="")

    def __str__(self) -> str:
        return self.name


class Song(IntegerKey, Model):
    __tablename__ = "pages_picked_song"
    title: Mapped[str]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("pages_picked_singer.id"))
    writer: Mapped[Singer | None] = relationship()
    singers: Mapped[list[Singer]] = relationship(secondary=pages_sung)

    def __str__(self) -> str:
        return self.title


songs = Resource(Song, name="songs", fields=["title", "writer", "singers"], read=public, write=public)


@pytest.fixture
def site(start):
    def site(**options):
        singers = Resource(Singer, name="singers", fields=["name"], **{"search": ["name"], "read": public, **options})
        modules = [Module("music", resources=[songs, singers])]
        app = start(features=["db", "forms", "pages"], modules=modules, flask={"WTF_CSRF_ENABLED": False})
        with app.app_context():
            db.session.add_all([Singer(name=f"Singer {number:03}") for number in range(201)])
            db.session.add(Singer(name="Nina", secret="nina"))
            db.session.commit()
        return app

    return site


@pytest.fixture
def client(site):
    return site().test_client()


def options(page):
    return re.findall(r'<option (?:selected )?value="(\d+)">([^<]+)', page)


def test_a_button_searches_and_keeps_what_was_typed(client):
    form = client.get("/songs/new").text
    assert options(form) == []
    assert 'name="writer-search"' in form
    sent = {"title": "Four", "writer-search": "nin", "_search": "writer"}
    found = client.post("/songs/new", data=sent)
    assert found.status_code == 200
    assert options(found.text) == [("202", "Nina")]
    assert "1 found for “nin”" in found.text
    assert 'value="Four"' in found.text
    assert "field-error" not in found.text
    saved = client.post(
        "/songs/new", data={"title": "Four", "writer": "202", "writer-search": "", "singers": ["1", "202"]}
    )
    assert saved.status_code == 303
    page = client.get("/songs/1/edit").text
    assert '<option selected value="202">Nina</option>' in page
    assert len(re.findall('<input checked class="form-check-input" id="singers-', page)) == 2
    sent |= {"writer": "202", "singers": ["1"], "_search": "singers", "singers-search": "200"}
    again = client.post("/songs/1/edit", data=sent)
    assert '<option selected value="202">Nina</option>' in again.text
    names = re.findall('<label class="form-check-label" for="singers-[0-9]">([^<]+)', again.text)
    assert names == ["Singer 000", "Singer 200"]


def test_enter_searches_where_words_were_typed_and_saves_elsewhere(client):
    enter = {"title": "Four", "_search": ""}
    assert options(client.post("/songs/new", data={**enter, "writer-search": "nina"}).text) == [("202", "Nina")]
    assert client.post("/songs/new", data={**enter, "writer-search": ""}).status_code == 303


@pytest.mark.parametrize("words", ["", " ", "%", "\x00", "nobody"])
def test_words_that_find_nothing_are_no_mistake(client, words):
    answer = client.get("/songs/choices/writer", query_string={"q": words})
    assert answer.json == {"choices": []}
    assert client.post("/songs/new", data={"_search": "writer", "writer-search": words}).status_code == 200


def test_the_script_finds_the_same(client):
    assert client.get("/songs/choices/writer?q=nin").json == {"choices": [{"key": "202", "text": "Nina"}]}
    assert len(client.get("/songs/choices/singers?q=singer").json["choices"]) == 50
    for path in ("/songs/choices/title", "/songs/choices/nonsense", "/singers/choices/name"):
        assert client.get(path).status_code == 404


def test_a_row_that_is_not_there_is_refused(client):
    refused = client.post("/songs/new", data={"title": "x", "writer": "999"})
    assert refused.status_code == 422
    assert 'id="writer-error"' in refused.text


def test_without_declared_search_the_key_is_typed(site):
    form = site(search=[]).test_client().get("/songs/new").text
    assert re.search('<input [^>]*name="writer"[^>]*type="text"', form)
    assert "writer-search" not in form


def test_nothing_is_found_that_must_not_be_read(site):
    client = site(read=nobody).test_client()
    assert client.get("/songs/choices/writer?q=nin").json == {"choices": []}
    assert "Nina" not in client.post("/songs/new", data={"_search": "writer", "writer-search": "nin"}).text
