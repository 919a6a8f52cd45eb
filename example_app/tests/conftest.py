"""A database for each worker, made by the migrations. Each test finds the airports of sample.csv and four visitors.

With FLASKKIT_TEST_URL the database is on that server, otherwise it is an SQLite file.
"""

import os
import re
from pathlib import Path

import pytest
from flaskkit import Config, Db, Role, create_app, db
from sqlalchemy import delete, text

from fieldnotes.models import Airport, Country, Note, Visitor

HERE = Path(__file__).parent
SERVER = os.environ.get("FLASKKIT_TEST_URL", "")
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="session")
def made_app(tmp_path_factory, worker_id):
    url = on_server(f"fieldnotes_{worker_id}") if SERVER else f"sqlite:///{tmp_path_factory.mktemp('db') / 'test.db'}"
    config = Config.load("fieldnotes", toml=HERE.parent / "app.toml")
    directory = str(HERE.parent / "migrations")
    app = create_app(config.replace(env="testing", db={"url": url}, migrate={"directory": directory}))
    run_command(app, "db", "upgrade")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def password_hash():
    # Hashing is slow on purpose; once is enough.
    visitor = Visitor()
    visitor.set_password(PASSWORD)
    return visitor.password_hash


@pytest.fixture
def app(made_app, password_hash):
    run_command(made_app, "fieldnotes", "load", str(HERE / "sample.csv"))
    with made_app.app_context():
        editor, admin = Role(name="editor"), Role(name="admin")
        for name, roles in (("anna", []), ("ben", []), ("eddie", [editor]), ("ada", [admin])):
            email = f"{name}@example.com"
            db.session.add(Visitor(email=email, name=name.title(), roles=roles, password_hash=password_hash))
        db.session.commit()
    yield made_app
    with made_app.app_context():
        for model in (Note, Visitor, Role, Airport, Country):
            db.session.execute(delete(model))
        db.session.commit()


@pytest.fixture
def client(app):
    """A browser of a stranger."""
    return app.test_client()


@pytest.fixture
def browser(app):
    """Return a function that gives the browser of a visitor, logged in: ``browser("anna")``."""

    def log_in(name):
        client = app.test_client()
        fill_form(client, "/auth/login", email=f"{name}@example.com", password=PASSWORD)
        return client

    return log_in


@pytest.fixture
def api(app):
    """Return a function that sends a request to the API: ``api("POST", "notes/", as_="anna", rating=5)``."""
    tokens = {}

    def send(method, path, as_=None, **values):
        if as_ and as_ not in tokens:
            tokens[as_] = run_command(app, "kit", "users", "token", f"{as_}@example.com").stdout.split()[0]
        headers = {"Authorization": f"Bearer {tokens[as_]}"} if as_ else {}
        return app.test_client().open(f"/api/{path}", method=method, headers=headers, json=values or None)

    return send


@pytest.fixture
def run(app):
    """Return a function that runs `flask …` and gives the result: ``run("db", "check")``."""
    return lambda *command, fails=False: run_command(app, *command, fails=fails)


@pytest.fixture
def fill():
    """Return a function that fills a form and sends it: ``fill(client, "/notes/new", rating=5)``."""
    return fill_form


def fill_form(client, path, **values):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    return client.post(path, data={**values, "csrf_token": token[1] if token else ""})


def run_command(app, *command, fails=False):
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == (1 if fails else 0), result.output
    return result


def on_server(name):
    """Make the database *name* anew and return its URL."""
    app = create_app(Config("server", env="testing", features=[Db(url=SERVER)]))
    with app.app_context():
        with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        db.engine.dispose()
        return db.engine.url.set(database=name).render_as_string(hide_password=False)
