"""Each test finds the airports of sample.csv and four visitors; what it writes is rolled back."""

import re
from pathlib import Path

import pytest
from flaskkit import Config, Role, db
from flaskkit.testing import ApiClient, assert_openapi
from sqlalchemy import select

from fieldnotes.models import Visitor

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def app_config():
    config = Config.load("fieldnotes", toml=HERE.parent / "app.toml")
    return config.replace(migrate={"directory": str(HERE.parent / "migrations")})


@pytest.fixture(scope="session")
def seed():
    def store(app):
        run_command(app, "fieldnotes", "load", str(HERE / "sample.csv"))
        with app.app_context():
            editor, admin = Role(name="editor"), Role(name="admin")
            for name, roles in (("anna", []), ("ben", []), ("eddie", [editor]), ("ada", [admin])):
                db.session.add(Visitor(email=f"{name}@example.com", name=name.title(), roles=roles))
            db.session.commit()

    return store


@pytest.fixture(scope="session", autouse=True)
def document_is_kept(made_app):
    """Whatever the tests asked of the API, it answered as its document says."""
    yield
    assert_openapi(made_app)


@pytest.fixture
def visitor(app):
    """Return a function that gives a visitor by name."""

    def find(name):
        with app.app_context():
            return db.session.scalars(select(Visitor).where(Visitor.email == f"{name}@example.com")).one()

    return find


@pytest.fixture
def browser(as_user, visitor):
    """Return a function that gives the browser of a visitor, logged in: ``browser("anna")``."""
    return lambda name: as_user(visitor(name))


@pytest.fixture
def api(app, visitor):
    """Return a function that sends a request to the API: ``api("POST", "notes/", as_="anna", rating=5)``."""
    clients = {None: ApiClient(app)}

    def send(method, path, as_=None, **values):
        if as_ not in clients:
            clients[as_] = clients[None].as_user(visitor(as_))
        return clients[as_].open(method, path, values or None)

    return send


@pytest.fixture
def run(app):
    """Return a function that runs `flask …` and gives the result: ``run("db", "check")``."""
    return lambda *command, fails=False: run_command(app, *command, fails=fails)


@pytest.fixture
def fill():
    """Return a function that fills a form and sends it: ``fill(client, "/notes/new", rating=5)``."""

    def fill_form(client, path, **values):
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
        return client.post(path, data={**values, "csrf_token": token[1] if token else ""})

    return fill_form


def run_command(app, *command, fails=False):
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == (1 if fails else 0), result.output
    return result
