"""Pages of a resource with computed fields, objects and other names: the same rows and links as ever."""

from __future__ import annotations

import pytest
from sqlalchemy import ForeignKey, String, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, db, public


class PagesSinger(IntegerKey, Model):
    __tablename__ = "pages_singer"
    name: Mapped[str] = mapped_column(String(50))

    def __str__(self) -> str:
        return self.name


class PagesSong(IntegerKey, Model):
    __tablename__ = "pages_song"
    title: Mapped[str] = mapped_column(String(60))
    singer_id: Mapped[int] = mapped_column(ForeignKey(PagesSinger.id))
    singer: Mapped[PagesSinger] = relationship()

    @property
    def letters(self) -> list[str]:
        return sorted(set(self.title))

    @hybrid_property
    def length(self) -> int:
        return len(self.title)

    @length.inplace.expression
    @classmethod
    def _length(cls):
        return func.length(cls.title, type_=db.Integer)


songs = Resource(
    PagesSong,
    name="songs",
    fields=["title", "singer"],
    read_only=["letters", "length"],
    nested={"singer": ["name"]},
    renamed={"title": "caption"},
    filters=["length"],
    sorts=["title", "length"],
    read=public,
    write=public,
)
singers = Resource(PagesSinger, name="singers", fields=["name"], read=public)


@pytest.fixture
def client(start):
    app = start(features=["db", "forms", "pages"], modules=[Module("songs", resources=[songs, singers])])
    with app.app_context():
        db.session.add(PagesSinger(name="Ella"))
        db.session.flush()
        db.session.add_all([PagesSong(title="abba", singer_id=1), PagesSong(title="cdefgh", singer_id=1)])
        db.session.commit()
    return app.test_client()


def test_a_list_has_computed_fields_and_links_to_other_rows(client):
    page = client.get("/songs/").text
    assert "a, b" in page
    assert "Length" in page
    assert 'href="/singers/1"' in page
    assert "Caption" in page
    assert "Title" not in page


def test_a_page_has_computed_fields(client):
    page = client.get("/songs/2").text
    assert "c, d, e, f, g, h" in page
    assert 'href="/singers/1"' in page


def test_what_the_database_computes_filters_and_sorts(client):
    longest = client.get("/songs/?sort=-length").text
    assert longest.index("cdefgh") < longest.index("abba")
    assert "cdefgh" not in client.get("/songs/?length=4").text


def test_a_form_asks_for_what_can_be_sent(client):
    form = client.get("/songs/new").text
    assert "Caption" in form
    assert "Letters" not in form
    assert "Length" not in form
