"""What pages, admin and API cost with a table of a million rows: statements and milliseconds.

    python bench/million.py                          SQLite, in a file of its own
    python bench/million.py postgresql://…/bench     an empty database, whose tables are made and dropped again
    python bench/million.py --rows 10000             fewer rows
    python bench/million.py URL --keep               leaves them there for the next time

Each line is the fastest of three requests by somebody who may do everything, after one that does not count.
"""

from __future__ import annotations

import argparse
import enum
import os
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask
from sqlalchemy import ForeignKey, String, func, insert, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import (
    Config,
    IntegerKey,
    Model,
    Module,
    Resource,
    Role,
    User,
    create_app,
    db,
    login,
    public,
    requires,
    text_index,
)
from flaskkit.auth.identity import start_session
from flaskkit.testing import count_queries

AUTHORS, BATCH, ROUNDS = 1000, 10_000, 3
SYLLABLES = ("ba", "co", "di", "fu", "ga", "he", "ki", "lo", "mu", "ne")
START = datetime(2020, 1, 1, tzinfo=UTC)


class State(enum.Enum):
    draft = 1
    public = 2


class Author(IntegerKey, Model):
    __tablename__ = "million_author"
    name: Mapped[str] = mapped_column(String(40))

    def __str__(self) -> str:
        return self.name


class Article(IntegerKey, Model):
    __tablename__ = "million_article"
    __table_args__ = (text_index("title"),)
    title: Mapped[str] = mapped_column(String(80))
    code: Mapped[str] = mapped_column(String(20), unique=True)
    stars: Mapped[int] = mapped_column(index=True)
    state: Mapped[State] = mapped_column(index=True)
    made_at: Mapped[datetime] = mapped_column(index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id), index=True)
    author: Mapped[Author] = relationship()

    def __str__(self) -> str:
        return self.title


articles = Resource(
    Article,
    name="articles",
    fields=["title", "code", "stars", "state", "made_at", "author"],
    filters=["stars", "state", "made_at", "author_id", "author.name"],
    sorts=["title", "stars", "made_at", "author.name"],
    search=["title"],
    order=["-made_at"],
    read=public,
    write=login,
)
authors = Resource(Author, name="authors", fields=["name"], search=["name"], read=public, write=login)
# What is asked for, by what it is; a word of the titles stands in for {rare}, which 1 of 10,000 has.
ASKED = {
    "list": "/articles/",
    "list, page 500": "/articles/?page=500",
    "list by another column": "/articles/?sort=-stars",
    "list by a column without an index": "/articles/?sort=title",
    "list by the author's name": "/articles/?sort=author.name",
    "list, filtered: author": "/articles/?author_id=7",
    "list, filtered: two columns": "/articles/?stars=3&state=draft",
    "list, filtered: author's name": "/articles/?author.name=Author 7",
    "list, search: a rare word": "/articles/?q={rare}",
    "list, search: a word of every tenth row": "/articles/?q=ba",
    "list, search: nothing": "/articles/?q=zzz",
    "one row": "/articles/500000",
    "form": "/articles/500000/edit",
    "CSV of 1,000 rows": "/articles/export.csv?author_id=7",
    "admin: start": "/admin/",
    "admin: list": "/admin/articles/",
    "admin: filtered": "/admin/articles/?author_id=7",
    "admin: search": "/admin/articles/?q={rare}",
    "admin: one row": "/admin/articles/500000",
    "admin: author with 1,000 articles": "/admin/authors/7",
    "API: page 1": "/api/articles?count=none&sort=-made_at",
    "API: page 1, counted": "/api/articles?sort=-made_at",
    "API: first page by cursor": "/api/articles?after=&sort=-made_at",
    "API: cursor, half way": "{half}",
}


def the_app(url: str) -> Flask:
    views = Blueprint("million", __name__)

    @views.get("/as/<int:key>")
    @requires(public)
    def come_as(key: int) -> str:
        start_session(db.session.get(User, key))
        return ""

    module = Module("million", blueprints=[views], resources=[articles, authors])
    features = ["db", "forms", "auth", "pages", "admin", "api"]
    config = Config("million", env="testing", features=features, modules=[module])
    return create_app(config.replace(db={"url": url}))


def fill(rows: int) -> None:
    """Store *rows* articles."""
    db.session.add(User(email="boss@example.org", roles=[Role(name="admin")]))
    db.session.execute(insert(Author), [{"id": i, "name": f"Author {i}"} for i in range(1, AUTHORS + 1)])
    for start in range(1, rows + 1, BATCH):
        db.session.execute(insert(Article), list(made(start, min(start + BATCH, rows + 1))))
        db.session.commit()
    if db.engine.dialect.name not in ("mysql", "mariadb"):
        db.session.execute(text("ANALYZE"))
    db.session.commit()


def made(start: int, end: int) -> Iterator[dict[str, Any]]:
    for i in range(start, end):
        # In no order, and the same each time.
        mixed = i * 7_919 % 1_000_003
        words = [SYLLABLES[mixed // 10**place % 10] for place in range(6)]
        title = f"{words[0]} {''.join(words[1:5])} {words[5]}".capitalize()
        facts = {"title": title, "code": f"C{i}", "stars": mixed % 6, "state": State(1 + mixed % 7 // 6)}
        yield {"id": i, **facts, "made_at": START + timedelta(minutes=mixed), "author_id": 1 + mixed % AUTHORS}


def measured(app: Flask, rows: int) -> Iterator[tuple[str, int, float]]:
    client = app.test_client()
    client.get("/as/1")
    with app.app_context():
        rare = str(db.session.scalar(select(Article.title).where(Article.id == 17))).split()[1]
        half = db.session.scalar(select(Article.id).order_by(Article.made_at).offset(rows // 2).limit(1))
        moment = db.session.get(Article, half).made_at.isoformat().replace("+00:00", "Z")
    near = client.get(f"/api/articles?after=&sort=-made_at&made_at__le={moment}")
    link = re.search(r'<([^>]+)>; rel="next"', near.headers["Link"])
    assert link
    for name, path in ASKED.items():
        address = path.format(rare=rare, half=link[1]).replace("500000", str(rows // 2))
        spent = []
        for number in range(ROUNDS + 1):
            began = time.perf_counter()
            with app.app_context(), count_queries() as sent:
                answer = client.get(address)
                assert answer.status_code == 200, (name, answer.status_code, answer.text[:300])
                answer.get_data()
            if number:
                spent.append(1000 * (time.perf_counter() - began))
        yield name, len(sent), min(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", nargs="?", default="", help="of an empty database; SQLite without one")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true", help="leave the rows there, and use those that are")
    given = parser.parse_args()
    file = "" if given.url else os.path.join(tempfile.gettempdir(), "million.db")
    app = the_app(given.url or f"sqlite:///{file}")
    with app.app_context():
        app.test_cli_runner().invoke(args=["kit", "create-tables"], catch_exceptions=False)
    try:
        with app.app_context():
            began = time.perf_counter()
            if db.session.scalar(select(Article.id).limit(1)) is None:
                fill(given.rows)
            count = db.session.scalar(select(func.count()).select_from(Article))
            print(
                f"{count:,} rows on {db.engine.dialect.name}, made in {time.perf_counter() - began:.0f} s", flush=True
            )
        print("| what | statements | ms |\n|---|---|---|")
        for name, statements, spent in measured(app, given.rows):
            print(f"| {name} | {statements} | {spent:.0f} |", flush=True)
    finally:
        if not given.keep:
            with app.app_context():
                db.drop_all()
            if file:
                os.remove(file)


if __name__ == "__main__":
    main()
