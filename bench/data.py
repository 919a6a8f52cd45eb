"""The tables and rows of the benchmark, always the same, and where they are.

make_database(url)     all tables, filled            drop_database(url)      gone again
forget_new(url)        as it was before the last peer
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, make_url, text

ARTICLES, AUTHORS = 10_000, 500
NAME = "flaskkit_bench"
_WORDS = [
    *("flask", "app", "factory", "schema", "route", "model", "token", "page", "query", "index", "cache", "worker"),
    *("thread", "commit", "cursor", "render", "field", "validate", "login", "blueprint", "migrate", "café", "naïve"),
    *("„quote“", "<b>bold</b>", "a&b", '"dq"', "it's"),
]
# "password_hash", "active", "confirmed_at", author_tokens and the roles are what flaskkit's users have; the others do
# not map them.
_TABLES = """
CREATE TABLE author (id {key}, username varchar(64) NOT NULL UNIQUE, email varchar(254) NOT NULL UNIQUE,
  password_hash varchar(255), active boolean NOT NULL DEFAULT true, confirmed_at {moment});
CREATE TABLE article (id {key}, slug varchar(120) NOT NULL UNIQUE, title varchar(200) NOT NULL,
  description varchar(500) NOT NULL, body text NOT NULL, author_id integer NOT NULL REFERENCES author(id),
  created_at {moment} NOT NULL, updated_at {moment} NOT NULL);
CREATE INDEX article_created_idx ON article (created_at DESC, id DESC);
CREATE INDEX article_author_idx ON article (author_id);
CREATE TABLE api_token (key varchar(40) PRIMARY KEY, author_id integer NOT NULL REFERENCES author(id));
CREATE TABLE author_tokens (id {key}, name varchar(80) NOT NULL, digest varchar(64) NOT NULL UNIQUE,
  scopes text NOT NULL DEFAULT '', expires_at {moment}, created_at {moment} NOT NULL,
  used_at {moment} DEFAULT CURRENT_TIMESTAMP, user_id integer NOT NULL REFERENCES author(id));
CREATE TABLE roles (id {key}, name varchar(80) NOT NULL UNIQUE, description varchar(255) NOT NULL,
  permissions text NOT NULL DEFAULT '');
CREATE TABLE author_roles (user_id integer NOT NULL REFERENCES author(id), role_id integer NOT NULL
  REFERENCES roles(id), PRIMARY KEY (user_id, role_id))
"""
_KINDS = {
    "sqlite": {"key": "integer PRIMARY KEY", "moment": "datetime"},
    "postgresql": {"key": "serial PRIMARY KEY", "moment": "timestamptz"},
}


def token_of(author: int) -> str:
    return f"fk_{author:037d}"


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return the rows by table."""
    dice = random.Random(42)
    start = datetime(2024, 1, 1, 8, 30, 15, 123456, tzinfo=UTC)

    def words(count: int) -> str:
        return " ".join(dice.choice(_WORDS) for _ in range(count))

    authors = [
        {"id": i, "username": f"user{i:04d}", "email": f"user{i:04d}@example.com"} for i in range(1, AUTHORS + 1)
    ]
    articles = []
    for i in range(1, ARTICLES + 1):
        created = start + timedelta(seconds=((i * 7919) % ARTICLES) * 97, microseconds=i)
        article = {"id": i, "slug": f"article-{i:05d}-{dice.randrange(16**6):06x}", "title": words(6)[:200]}
        article |= {"description": words(18)[:500], "body": words(60), "author_id": dice.randint(1, AUTHORS)}
        articles.append(
            article | {"created_at": created, "updated_at": created + timedelta(hours=dice.randint(0, 500))}
        )
    tokens = [{"key": token_of(author["id"]), "author_id": author["id"]} for author in authors]
    hashed = [
        {"name": "bench", "digest": sha256(token["key"].encode()).hexdigest(), "user_id": token["author_id"]}
        | {"created_at": start}
        for token in tokens
    ]
    return {"author": authors, "article": articles, "api_token": tokens, "author_tokens": hashed}


def database(server: str, folder: Path) -> URL:
    """Return where the benchmark's own database is: on *server*, or a file in *folder*."""
    if not server:
        return make_url(f"sqlite:///{folder / 'bench.sqlite3'}")
    return make_url(server).set(drivername="postgresql+psycopg", database=NAME)


def make_database(url: URL, server: str) -> None:
    """Make the tables at *url* and fill them."""
    if server:
        _on_server(server, f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}")
    engine = create_engine(url)
    kind = engine.dialect.name
    with engine.begin() as connection:
        if kind == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        for statement in _TABLES.format(**_KINDS[kind]).split(";"):
            connection.exec_driver_sql(statement)
        for table, some in rows().items():
            if kind == "sqlite":
                some = [{name: _sqlite(value) for name, value in row.items()} for row in some]  # noqa: PLW2901
            names = list(some[0])
            values = ", ".join(f":{name}" for name in names)
            connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"), some)
        if kind == "postgresql":
            connection.exec_driver_sql("SELECT setval('article_id_seq', 20000)")
    _tidied(engine)


def forget_new(url: URL) -> None:
    """Delete the articles that were added, and let all tokens be used just now.

    When a token was last used is written every few minutes, whatever comes; with one peer after the other, some would
    meet those minutes and others not.
    """
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM article WHERE id > {ARTICLES}")
        connection.exec_driver_sql("UPDATE author_tokens SET used_at = CURRENT_TIMESTAMP")
    _tidied(engine)


def drop_database(server: str) -> None:
    if server:
        _on_server(server, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def _tidied(engine: Any) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")
    engine.dispose()


def _on_server(server: str, *statements: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _sqlite(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
