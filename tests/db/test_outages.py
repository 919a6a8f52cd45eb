"""When the database goes away: 503 with Retry-After, soon; and service returns by itself.

Between the app and the server stands a relay that the test can shut, so the server itself is left alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import click
import pytest
from flask.cli import with_appcontext
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped

from flaskkit import Config, IntegerKey, Model, Module, Resource, create_app, db, public
from flaskkit.db.engine import understood

SERVERS = [os.environ[name] for name in ("FLASKKIT_POSTGRES_URL", "FLASKKIT_MARIADB_URL") if name in os.environ]


class OutageThing(IntegerKey, Model):
    __tablename__ = "outage_thing"
    name: Mapped[str]


things = Resource(OutageThing, name="things", fields=["name"], read=public, write=public)


class Relay:
    """A TCP relay on 127.0.0.1: ``shut()`` ends all connections and refuses new ones, ``open()`` undoes it."""

    def __init__(self, host, port):
        self.target, self.port, self.pairs, self.mute = (host, port), 0, [], False
        self.open()

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
                if self.mute:
                    self.pairs.append((near,))
                    continue
                far = socket.create_connection(self.target)
                self.pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)


@pytest.fixture(params=SERVERS, ids=lambda url: make_url(url).get_backend_name())
def relay(request):
    url = understood(request.param)
    relay = Relay(url.host or "127.0.0.1", url.port or {"postgresql": 5432}.get(url.get_backend_name(), 3306))
    relay.url = url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
    yield relay
    relay.shut()


@pytest.fixture
def client(relay):
    config = Config("testapp", env="testing", features=["db"]).replace(db={"url": relay.url})
    app = create_app(config)
    app.add_url_rule("/", "one", lambda: str(db.session.scalar(text("SELECT 1"))))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


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


# PyMySQL's connect_timeout ends with the TCP handshake, so MariaDB has no such promise.
@pytest.mark.parametrize("relay", [url for url in SERVERS if url.startswith("postgres")], indirect=True, ids=str)
def test_a_new_connection_that_gets_no_answer_is_given_up_in_time(client, relay):
    relay.mute = True
    began = time.monotonic()
    assert client.get("/").status_code == 503
    assert time.monotonic() - began < 5


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
