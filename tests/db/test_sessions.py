"""Sessions and SQLite: nothing is poisoned, nothing is locked, nothing is forgotten in silence."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import ForeignKey, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import Config, IntegerKey, Model, Module, create_app, db
from flaskkit.db import UncommittedChanges


class SessionThing(IntegerKey, Model):
    __tablename__ = "session_thing"
    name: Mapped[str] = mapped_column(unique=True)
    count: Mapped[int] = mapped_column(default=0)


class SessionPart(IntegerKey, Model):
    __tablename__ = "session_part"
    thing_id: Mapped[int] = mapped_column(ForeignKey("session_thing.id"))


def test_a_change_to_what_is_there_already_is_none(start):
    app = start(features=["db"], modules=[Module("things")])
    with app.app_context():
        thing = SessionThing(name="same")
        db.session.add(thing)
        db.session.commit()
        thing.name = "same"
        db.session.commit()
        assert db.session.execute(update(SessionThing).values(name="same")).rowcount == 1


@pytest.fixture
def app(start):
    app = start(features=["db"], modules=[Module("things")])

    @app.get("/add/<name>")
    def add(name):
        db.session.add(SessionThing(name=name))
        db.session.commit()
        return "added"

    @app.get("/forget/<how>")
    def forget(how):
        if how == "object":
            db.session.add(SessionThing(name=how))
        elif how == "flushed":
            db.session.add(SessionThing(name=how))
            db.session.flush()
        elif how == "statement":
            db.session.execute(insert(SessionThing).values(name=how))
        elif how == "text":
            db.session.execute(text("INSERT INTO session_thing (name, count) VALUES ('text', 0)"))
        elif how == "rolled back":
            db.session.add(SessionThing(name=how))
            db.session.flush()
            db.session.rollback()
        return "done"

    @app.get("/count")
    def count():
        return str(db.session.scalar(select(func.count()).select_from(SessionThing)))

    return app


def test_a_failed_transaction_does_not_poison_the_next_request(app):
    client = app.test_client()
    assert client.get("/add/one").text == "added"
    with pytest.raises(IntegrityError):
        client.get("/add/one")
    assert client.get("/add/two").text == "added"
    assert client.get("/count").text == "2"


@pytest.mark.parametrize("how", ["object", "flushed", "statement", "text"])
def test_changes_that_nobody_committed_are_reported(app, how):
    with pytest.warns(UncommittedChanges, match=rf"GET /forget/{how} ended with changes.* that nobody committed"):
        app.test_client().get(f"/forget/{how}")
    assert app.test_client().get("/count").text == "0"


@pytest.mark.parametrize("path", ["/forget/nothing", "/forget/rolled back", "/add/one", "/count"])
def test_nothing_is_reported_where_nothing_is_forgotten(app, path):
    assert app.test_client().get(path).status_code == 200


def test_production_does_not_look_for_forgotten_changes(database_url):
    secret = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    config = Config("testapp", secret_key=secret, features=["db"]).replace(db={"url": database_url})
    app = create_app(config)
    assert app.after_request_funcs == {}


def test_sixteen_writers_at_once_never_see_a_locked_database(app):
    barrier = threading.Barrier(16)

    def write(number):
        client = app.test_client()
        barrier.wait()
        return [client.get(f"/add/{number}-{turn}").status_code for turn in range(10)]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for some in pool.map(write, range(16)) for status in some]
    assert statuses == [200] * 160
    assert app.test_client().get("/count").text == "160"


@pytest.fixture
def sqlite(tmp_path):
    app = create_app(
        Config("testapp", env="testing", features=["db"]).replace(db={"url": f"sqlite:///{tmp_path}/a.db"})
    )
    with app.app_context():
        SessionThing.metadata.create_all(db.engine, tables=[SessionThing.__table__, SessionPart.__table__])
        yield
        db.session.remove()
        db.engine.dispose()


def test_sqlite_is_opened_with_foreign_keys_wal_and_patience(sqlite):
    found = {
        name: db.session.scalar(text(f"PRAGMA {name}")) for name in ("foreign_keys", "journal_mode", "busy_timeout")
    }
    assert found == {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 30000}
    db.session.add(SessionPart(thing_id=77))
    with pytest.raises(IntegrityError):
        db.session.flush()


def test_sqlite_takes_the_write_lock_before_the_first_write(sqlite, count_statements):
    db.session.add(SessionThing(name="one"))
    db.session.commit()
    raw = db.session.connection().connection.dbapi_connection
    assert not raw.in_transaction
    db.session.scalars(select(SessionThing)).all()
    assert not raw.in_transaction
    db.session.execute(text("UPDATE session_thing SET count = 1"))
    assert raw.in_transaction
    db.session.rollback()
    assert db.session.scalar(select(SessionThing.count)) == 0


def test_sqlite_rolls_back_savepoints_and_the_whole(sqlite):
    db.session.add(SessionThing(name="one"))
    db.session.flush()
    with pytest.raises(IntegrityError), db.session.begin_nested():
        db.session.add(SessionThing(name="one"))
        db.session.flush()
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(SessionThing)) == 1
    db.session.add(SessionThing(name="two"))
    db.session.flush()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(SessionThing)) == 1


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("postgres://me@host/x", "postgresql+psycopg"),
        ("postgresql://me@host/x", "postgresql+psycopg"),
        ("postgresql+psycopg://me@host/x", "postgresql+psycopg"),
        ("mysql://me@host/x", "mysql+pymysql"),
        ("mariadb://me@host/x", "mariadb+pymysql"),
        ("sqlite://", "sqlite"),
    ],
)
def test_urls_are_understood_as_hosting_services_write_them(url, meant):
    app = create_app(Config("testapp", env="testing", features=["db"]).replace(db={"url": url}))
    with app.app_context():
        assert db.engine.url.drivername == meant


def test_native_engine_options_win():
    config = Config(
        "testapp", env="testing", features=["db"], flask={"SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": False}}
    )
    app = create_app(config.replace(db={"url": "postgresql://me@host/x"}))
    with app.app_context():
        assert db.engine.pool._pre_ping is False
