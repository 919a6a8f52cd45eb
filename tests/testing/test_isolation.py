"""What is committed within ``isolated(app)`` is gone after it, however it was written, on every database."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from flaskkit import User, db
from flaskkit.testing import ApiClient, Client, factory_for, isolated, logged_in
from flaskkit.testing.isolation import is_isolated

from .models import KitBook, KitShelf


def names(app: Any) -> list[str]:
    """Return the names of the shelves, as a connection of its own sees them."""
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.scalars(select(KitShelf.name).order_by(KitShelf.name)))


def add(name: str) -> None:
    db.session.add(KitShelf(code=name[:2].upper(), name=name))


@pytest.fixture
def app(library):
    with library.app_context():
        add("kept")
        db.session.commit()
    yield library
    assert names(library) == ["kept"]


def test_what_sessions_commit_is_seen_by_all_and_gone_afterwards(app):
    with isolated(app):
        assert is_isolated(app)
        with app.app_context():
            add("one")
            db.session.commit()
            add("two")
            db.session.rollback()
            add("three")
            db.session.commit()
        assert names(app) == ["kept", "one", "three"]
    assert not is_isolated(app)


def test_a_refused_row_takes_nothing_else_with_it(app):
    with isolated(app), app.app_context():
        add("one")
        db.session.commit()
        for _ in range(2):
            add("one")
            with pytest.raises(IntegrityError):
                db.session.commit()
            db.session.rollback()
        add("two")
        with db.session.begin_nested():
            add("xtra")
        with pytest.raises(IntegrityError), db.session.begin_nested():
            add("two")
        db.session.commit()
        assert names(app) == ["kept", "one", "two", "xtra"]


def test_connections_beside_the_session_take_part(app):
    with isolated(app), app.app_context():
        assert db.session.scalar(select(func.count()).select_from(KitShelf)) == 1
        with db.engine.begin() as connection:
            connection.execute(insert(KitShelf).values(code="AA", name="begun"))
        with db.engine.connect() as connection:
            connection.execute(insert(KitShelf).values(code="BB", name="left"))
        with db.engine.connect() as connection:
            if db.engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(insert(KitShelf).values(code="CC", name="auto"))
            connection.commit()
        # The session had only read when the others committed: its end undoes nothing of theirs.
        db.session.rollback()
        assert names(app) == ["auto", "begun", "kept"]
        db.session.execute(text("INSERT INTO kit_shelf (code, name) VALUES ('DD', 'raw')"))
        raw = db.engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("INSERT INTO kit_shelf (code, name) VALUES ('EE', 'driver')")
        cursor.execute("COMMIT")
        raw.close()
        db.session.commit()
        assert names(app) == ["auto", "begun", "driver", "kept", "raw"]


def test_a_failed_statement_that_only_reads_ends_nothing(app):
    with isolated(app), app.app_context():
        add("one")
        db.session.commit()
        with db.engine.connect() as connection, pytest.raises(Exception, match="nowhere"):
            connection.execute(text("SELECT * FROM nowhere"))
        with db.engine.connect() as connection:
            if db.engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            with pytest.raises(Exception, match="nowhere"):
                connection.execute(text("SELECT * FROM nowhere"))
        assert names(app) == ["kept", "one"]


def test_threads_write_one_after_the_other(app):
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        try:
            with app.app_context():
                together.wait(20)
                for step in range(5):
                    db.session.add(KitShelf(code=f"{number}{step}", name=f"t{number}{step}"))
                    db.session.flush()
                    assert db.session.get(KitShelf, "KE").name == "kept"
                    # Half of them is given up.
                    (db.session.commit if step % 2 else db.session.rollback)()
        except BaseException as error:
            failures.append(error)

    with isolated(app):
        threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert names(app) == ["kept", *(f"t{number}{step}" for number in range(4) for step in (1, 3))]


def test_requests_take_part_and_know_no_context_of_the_test(app):
    with isolated(app), app.app_context():
        ada = User(email="ada@example.com")
        add("one")
        db.session.add(ada)
        db.session.commit()
        api = ApiClient(app).as_user(ada)
        book = {"title": "Tea", "rating": 5, "price": "2.50", "colour": "RED", "printed_on": "2026-01-01"}
        assert api.post("books", {**book, "shelf": "ON"}).status_code == 201
        # Refused by the database, within the request.
        assert api.post("books", {**book, "shelf": "ON"}).status_code == 409
        assert [one["title"] for one in ApiClient(app).get("books").json] == ["Tea"]
        # Nobody is logged in by having been so in another browser, nor by the context of the test.
        browser = logged_in(app, ada)
        assert browser.get("/api/auth/me").json["email"] == "ada@example.com"
        assert Client(app, app.response_class).get("/api/auth/me").status_code == 401
        assert app.test_client().get("/api/auth/me").status_code == 401
        # What the test holds is read again after a request.
        [stored] = db.session.scalars(select(KitBook))
        stored.owner_id = ada.id
        db.session.commit()
        assert api.patch(f"books/{stored.id}", {"rating": 2}).status_code == 200
        assert stored.rating == 2
        # An answer that is made while it is read, and one whose context is kept.
        assert "Tea" in browser.get("/books/export.csv").text
        with browser:
            browser.get("/books/")
            from flask import request

            assert request.path == "/books/"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User)) == 0


def test_a_browser_sends_tokens_and_forms_as_pages_do(app):
    with isolated(app), app.app_context():
        ada = User(email="ada@example.com")
        ada.set_password("correct-horse-battery")
        add("one")
        db.session.add(ada)
        db.session.commit()
        stranger = Client(app, app.response_class)
        wrong = stranger.submit("/auth/login", email="ada@example.com", password="wrong")
        assert wrong.status_code == 422
        assert stranger.submit("/auth/login", email="ada@example.com", password="correct-horse-battery").location
        assert stranger.get("/api/auth/me").status_code == 200
        browser = logged_in(app, ada)
        book = {"title": "Tea", "rating": 5, "price": "2.50", "colour": "RED", "printed_on": "2026-01-01"}
        assert browser.post("/api/books", json={**book, "shelf": "ON"}).status_code == 201
        browser.csrf = False
        assert browser.post("/api/books", json={**book, "title": "Other", "shelf": "ON"}).status_code == 400


def test_a_database_that_commits_by_itself_is_told(app):
    with isolated(app) as spoilt, app.app_context():
        db.session.execute(text("CREATE TABLE kit_new (id INTEGER)"))
        add("one")
        db.session.commit()
        kind = db.engine.dialect.name
        assert names(app) == ["kept", "one"]
    if kind in ("mysql", "mariadb"):
        assert len(spoilt) == 1
        with app.app_context():
            db.session.execute(text("DROP TABLE kit_new"))
    else:
        assert spoilt == []
        with app.app_context(), db.engine.connect() as connection:
            assert not db.engine.dialect.has_table(connection, "kit_new")


def test_rows_of_factories_are_taken_by_the_database(app):
    with isolated(app), app.app_context():
        made = factory_for(KitBook).create_batch_sync(30)
        assert len({book.title for book in made}) == 30
        assert all(1 <= book.rating <= 5 for book in made)
        assert all(len(book.shelf.name) <= 6 for book in made)
