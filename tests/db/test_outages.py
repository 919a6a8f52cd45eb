"""When the database goes away: 503 with Retry-After, soon; and service returns by itself.

Between the app and the server stands a relay that the test can shut, so the server itself is left alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import click
import pytest
from flask.cli import with_appcontext
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped

from flaskkit import Config, IntegerKey, Model, Module, Resource, create_app, db, public
from flaskkit.db.engine import understood
from flaskkit.db.liveness import IDLE_AT_MOST

SERVERS = [os.environ[name] for name in ("FLASKKIT_POSTGRES_URL", "FLASKKIT_MARIADB_URL") if name in os.environ]
SLOW = {"postgresql": "SELECT pg_sleep(1.5)", "mysql": "SELECT sleep(1.5)", "mariadb": "SELECT sleep(1.5)"}
ME = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()", "mariadb": "SELECT connection_id()"}


class OutageThing(IntegerKey, Model):
    __tablename__ = "outage_thing"
    name: Mapped[str]


things = Resource(OutageThing, name="things", fields=["name"], read=public, write=public)


class Relay:
    """A TCP relay on 127.0.0.1: ``shut()`` ends all connections and refuses new ones, ``open()`` undoes it.

    ``freeze()`` takes what comes and new connections as well, and passes nothing on; ``thaw()`` undoes it.
    """

    def __init__(self, host, port):
        self.target, self.port, self.pairs, self.flowing = (host, port), 0, [], threading.Event()
        self.flowing.set()
        self.open()

    def freeze(self):
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()

    def drop(self):
        for pair in self.pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self.pairs = []

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self.target)
                self.pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.flowing.wait()
                other.sendall(data)


@pytest.fixture(params=SERVERS, ids=lambda url: make_url(url).get_backend_name())
def relay(request):
    url = understood(request.param)
    relay = Relay(url.host or "127.0.0.1", url.port or {"postgresql": 5432}.get(url.get_backend_name(), 3306))
    relay.url = url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
    yield relay
    relay.thaw()
    relay.shut()


@pytest.fixture
def behind(relay):
    """Return a function that makes an app on the relay's database, with engine options of its own."""
    apps = []

    def behind(**options):
        config = Config("testapp", env="testing", features=["db"], flask={"SQLALCHEMY_ENGINE_OPTIONS": options})
        app = create_app(config.replace(db={"url": relay.url}))
        app.add_url_rule("/", "one", lambda: str(db.session.scalar(text("SELECT 1"))))
        apps.append(app)
        return app

    yield behind
    for app in apps:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def client(behind):
    return behind().test_client()


def test_no_request_fails_after_the_database_restarted(client, relay):
    assert client.get("/").text == "1"
    relay.drop()
    assert client.get("/").text == "1"


def test_while_the_database_is_away_answers_are_503_and_service_returns_by_itself(client, relay):
    assert client.get("/").text == "1"
    relay.shut()
    for _ in range(2):
        began = time.monotonic()
        answer = client.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert time.monotonic() - began < 5
        assert "127.0.0.1" not in answer.text
    relay.open()
    assert client.get("/").text == "1"


@pytest.fixture
def answers_503_in_time(client):
    def check():
        began = time.monotonic()
        assert client.get("/").status_code == 503
        assert time.monotonic() - began < 5

    return check


def test_a_new_connection_that_gets_no_answer_is_given_up_in_time(client, relay, answers_503_in_time):
    relay.freeze()
    answers_503_in_time()
    relay.thaw()
    assert client.get("/").text == "1"


def test_an_idle_connection_that_gets_no_answer_is_given_up_in_time(client, relay, answers_503_in_time):
    assert client.get("/").text == "1"
    time.sleep(IDLE_AT_MOST)
    relay.freeze()
    answers_503_in_time()
    answers_503_in_time()
    relay.thaw()
    assert client.get("/").text == "1"


def test_threads_that_wait_for_stale_connections_are_all_answered_in_time(behind, relay):
    app, barrier = behind(pool_size=3, max_overflow=0), threading.Barrier(6)

    def held():
        found = db.session.scalar(text("SELECT 1"))
        time.sleep(0.2)  # So that each thread takes a connection of its own.
        return str(found)

    def request(_):
        barrier.wait()
        began = time.monotonic()
        status = app.test_client().get("/held").status_code
        return status, time.monotonic() - began < 5

    app.add_url_rule("/held", view_func=held)
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(request, range(6))) == {(200, True)}
        time.sleep(IDLE_AT_MOST)
        relay.freeze()
        assert set(threads.map(request, range(6))) == {(503, True)}
        relay.thaw()
        assert set(threads.map(request, range(6))) == {(200, True)}


def test_a_slow_server_whose_connections_answer_is_not_given_up(client):
    client.application.add_url_rule("/slow", "slow", lambda: str(db.session.scalar(text(SLOW[db.engine.name]))))
    assert client.get("/").text == "1"
    time.sleep(IDLE_AT_MOST)
    assert client.get("/slow").status_code == 200


def test_a_command_that_sends_much_outlives_a_server_that_is_busy_for_seconds(client, relay):
    rows = [{"name": "x" * 1000}] * 20_000
    with client.application.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE busy (name varchar(1000))"))
        relay.freeze()
        busy = threading.Timer(6, relay.thaw)
        busy.start()
        connection.execute(text("INSERT INTO busy VALUES (:name)"), rows)
        assert connection.scalar(text("SELECT count(*) FROM busy")) == len(rows)
        busy.join()


def test_a_connection_stays_the_same_while_the_server_is_well(client, relay):
    client.application.add_url_rule("/me", "me", lambda: str(db.session.scalar(text(ME[db.engine.name]))))
    first = client.get("/me").text
    assert client.get("/me").text == first
    time.sleep(IDLE_AT_MOST)
    assert client.get("/me").text == first


@pytest.mark.parametrize("connects", ["creator", "arguments"])
def test_connections_that_an_app_makes_itself_are_tested_too(behind, relay, connects):
    url = make_url(relay.url)
    driver = url.get_dialect().import_dbapi()
    arguments = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    name = "dbname" if url.get_backend_name() == "postgresql" else "database"
    options = {
        "creator": {"creator": lambda: driver.connect(**arguments, **{name: url.database})},
        "arguments": {"connect_args": {}, "module": driver},
    }
    client = behind(**options[connects]).test_client()
    assert client.get("/").text == "1"
    relay.drop()
    assert client.get("/").text == "1"


def test_further_databases_are_watched_as_well(relay):
    config = Config("testapp", env="testing", features=["db"], flask={"SQLALCHEMY_BINDS": {"far": relay.url}})
    app = create_app(config)

    def one():
        with db.engines["far"].connect() as connection:
            return str(connection.scalar(text("SELECT 1")))

    app.add_url_rule("/", view_func=one)
    client = app.test_client()
    assert client.get("/").text == "1"
    relay.drop()
    assert client.get("/").text == "1"
    with app.app_context():
        db.engines["far"].dispose()


def test_a_database_away_from_the_start_is_no_reason_not_to_start():
    config = Config("testapp", env="testing", features=["db"], modules=[Module("m", resources=[things])])
    app = create_app(config.replace(db={"url": "postgresql://me:hush-hush@127.0.0.1:1/none"}))
    app.add_url_rule("/", "one", lambda: str(db.session.scalar(text("SELECT 1"))))
    assert app.test_client().get("/").status_code == 503


def test_the_log_names_the_database_and_masks_its_password(caplog):
    config = Config("testapp", env="testing", features=["db"])
    app = create_app(config.replace(db={"url": "postgresql://me:hush-hush@127.0.0.1:1/none"}))
    app.add_url_rule("/", "one", lambda: str(db.session.scalar(text("SELECT 1"))))
    app.test_client().get("/")
    assert "postgresql+psycopg://me:***@127.0.0.1:1/none" in caplog.text
    assert "hush-hush" not in caplog.text


def test_a_missing_table_is_no_outage(start):
    app = start(features=["db"], tables=False)
    app.add_url_rule("/", "none", lambda: str(db.session.scalar(text("SELECT 1 FROM no_such_table"))))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert app.test_client().get("/").status_code == 500


def test_commands_say_which_database_cannot_be_reached():
    config = Config("testapp", env="testing", features=["db"])
    app = create_app(config.replace(db={"url": "postgresql://me:hush-hush@127.0.0.1:1/none"}))
    result = app.test_cli_runner().invoke(args=["kit", "create-tables"])
    assert result.exit_code == 1
    assert "postgresql+psycopg://me:***@127.0.0.1:1/none" in result.output
    assert "hush-hush" not in result.output
    assert not isinstance(result.exception, OperationalError)


def test_commands_say_how_to_make_a_missing_table(start):
    app = start(features=["db"], modules=[Module("m", commands=[count])], tables=False)
    result = app.test_cli_runner().invoke(args=["count-things"])
    assert result.exit_code == 1
    assert "A table is missing" in result.output
    assert "Run: flask kit create-tables" in result.output


@click.command("count-things")
@with_appcontext
def count():
    click.echo(db.session.scalar(text("SELECT count(*) FROM outage_thing")))
