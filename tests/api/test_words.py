"""Search by an index for texts: the same words on every database, whatever the index itself can do."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import ForeignKey, String, Text, inspect, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Resource, db, owner, public, text_index
from flaskkit.db import rows
from tests.api.conftest import Names, known


class WordAuthor(IntegerKey, Model):
    __tablename__ = "word_author"
    name: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int | None]


class WordTale(IntegerKey, Model):
    __tablename__ = "word_tale"
    __table_args__ = (text_index("title", "body"), text_index("secret"))
    title: Mapped[str] = mapped_column(String(80))
    text: Mapped[str | None] = mapped_column("body", Text)
    secret: Mapped[str] = mapped_column(String(80))
    place: Mapped[str | None] = mapped_column(String(80))
    owner_id: Mapped[int | None]
    author_id: Mapped[int | None] = mapped_column(ForeignKey(WordAuthor.id))
    author: Mapped[WordAuthor | None] = relationship()


SEARCH = ["title", "text", "place", "author.name"]
tales = Resource(WordTale, name="tales", fields=["title"], search=SEARCH, sorts=["title"], read=public)
own = Resource(WordTale, name="own", fields=["title"], search=["title", "text"], read=owner("owner_id"))
# An index of which a column must not be searched is not used, or it would tell what stands in that column.
titles = Resource(WordTale, name="titles", fields=["title"], search=["title"], read=public)
authors = Resource(WordAuthor, name="authors", fields=["name"], read=owner("owner_id"))
TALES = Module("tales", resources=[tales, own, titles, authors])


@pytest.fixture
def app(start):
    app = start(features=["db", Names(), Api()], modules=[TALES])
    with app.app_context():
        ann, eve = WordAuthor(id=1, name="Ann Ågren", owner_id=1), WordAuthor(id=2, name="Eve Night", owner_id=2)
        db.session.add_all([ann, eve])
        for i, (title, body, place, author) in enumerate(
            [
                ("Sunrise at sea", "The boat was out, 100% alone.", "Rome", ann),
                ("unsung", "a\\b It's about what don't matter", None, None),
                ("SUN and rain", None, "Sea of Tranquillity", eve),
                ("Ünder über", "red_ink 4711x", "", ann),
                ("No", "sunrise, sea-side; (Rome)", None, None),
            ]
        ):
            db.session.add(
                WordTale(id=i + 1, title=title, text=body, secret="sesame", place=place, author=author, owner_id=i % 2)
            )
        db.session.commit()
    return app


def found(client, q, name="tales", **more):
    answer = client.get(f"/api/{name}", query_string={"q": q, **more})
    assert answer.status_code == 200, answer.text
    if "after" not in more:
        assert json.loads(answer.headers["X-Pagination"])["total"] == len(answer.json)
    return [tale["id"] for tale in answer.json]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("sun", [1, 3, 5]),
        ("SUNRISE", [1, 5]),
        ("sunrise sea", [1, 5]),
        ("sea sun", [1, 3, 5]),
        ("sun rain sea", [3]),
        ("rise", []),
        ("sun nothing", []),
        ("rome", [1, 5]),
        # Too short for MariaDB's index, or what it leaves out.
        ("it", [2]),
        ("what", [2]),
        ("wha", [2]),
        ("the boat", [1]),
        ("a b", [1, 2]),
        ("over the", []),
        ("4711", [4]),
        ("über", [4]),
        ("red_in", [4]),
        ("don't", [2]),
        ("x" * 100, []),
        # What is no word in them is left out, and nothing in them is an operator.
        ("+sun -rain", [3]),
        ("sun*", [1, 3, 5]),
        ("sun|rain", [3]),
        ("sun & !rain", [3]),
        ('"sunrise sea"', [1, 5]),
        ("(sun", [1, 3, 5]),
        ("sun)", [1, 3, 5]),
        ("~sun <sea >sea @1", [1]),
        ("sun.*", [1, 3, 5]),
        ("sun\\", [1, 3, 5]),
        ("'sun' --", [1, 3, 5]),
        ("%sun_", []),
        # No word at all: the text itself.
        ("%", [1]),
        ("\\", [2]),
        ("(", [5]),
        ("", [1, 2, 3, 4, 5]),
    ],
)
def test_each_word_begins_a_word(app, q, expected):
    client = app.test_client()
    assert found(client, q) == expected
    assert sorted(found(client, q, after="", sort="-title")) == expected


def test_hidden_rows_are_not_found(app):
    assert found(known(app, "ann"), "ågren") == [1, 4]
    assert found(known(app, "bob"), "night") == [3]
    assert found(known(app, "bob"), "ågren") == found(app.test_client(), "ågren") == []
    assert found(known(app, "ann"), "sun", "own") == []
    assert found(known(app, "ann"), "uns", "own") == [2]


def test_only_declared_columns_are_searched(app):
    client = app.test_client()
    assert found(client, "sesame") == found(client, "sesame", "titles") == []
    # Without an index of its own, a column is searched for the text.
    assert found(client, "rise at", "titles") == [1]
    assert found(client, "alone", "titles") == []


def test_a_text_of_thousands_of_words_is_bounded(app):
    with app.test_request_context():
        assert rows.page(tales, q=" ".join(f"sun{i}" for i in range(5000))).total == 0
        assert rows.page(tales, q="sun " * 5000).total == 3


def test_a_search_is_one_statement(app, count_statements):
    client = app.test_client()
    for _ in range(2):
        with count_statements() as seen:
            assert found(client, "sun rain") == [3]
        assert len([statement for statement in seen if statement.startswith("SELECT")]) == 1


def test_the_database_has_the_index_and_can_use_it(app):
    with app.app_context():
        names = {index["name"] for index in inspect(db.engine).get_indexes("word_tale")}
        assert {"ix_word_tale_title_body", "ix_word_tale_secret"} <= names
        client, kind = app.test_client(), db.engine.dialect.name
        if kind == "postgresql":
            explained = "EXPLAIN SELECT id FROM word_tale WHERE title ~* '\\msunrise' OR body ~* '\\msunrise'"
            with db.engine.connect() as connection:
                # The table is so small that reading all of it is cheaper.
                connection.execute(text("SET LOCAL enable_seqscan = off"))
                plan = " ".join(connection.scalars(text(explained)))
            assert "Bitmap Index Scan on ix_word_tale_title_body" in plan
        elif kind in ("mysql", "mariadb"):
            explained = (
                "EXPLAIN SELECT id FROM word_tale WHERE MATCH (title, body) AGAINST ('+sunrise*' IN BOOLEAN MODE)"
            )
            with db.engine.connect() as connection:
                [row] = connection.execute(text(explained)).mappings()
            assert (row["type"], row["key"]) == ("fulltext", "ix_word_tale_title_body")
        assert found(client, "sunrise") == [1, 5]
