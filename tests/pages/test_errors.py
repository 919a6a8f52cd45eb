"""Errors that help: each status says what to do, and developers get the command that repairs the database."""

from __future__ import annotations

import pytest
from flask import Blueprint, abort
from sqlalchemy import text
from werkzeug.exceptions import ServiceUnavailable

from flaskkit import Config, Module, Resource, create_app, db, public
from flaskkit.pages.errors import ADVICE

from .conftest import Author


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503])
def test_every_error_says_what_to_do(start, code):
    views = Blueprint("views", __name__)
    views.add_url_rule("/fail", "fail", lambda: abort(code))
    client = start(features=["db", "forms", "pages"], modules=[Module("fail", blueprints=[views])]).test_client()
    page = client.get("/fail")
    assert page.status_code == code
    assert ADVICE[code] in page.text
    assert "Traceback" not in page.text


def test_how_long_to_wait_is_told(start):
    views = Blueprint("views", __name__)

    @views.get("/busy")
    def busy():
        raise ServiceUnavailable(retry_after=7)

    client = start(features=["db", "forms", "pages"], modules=[Module("busy", blueprints=[views])]).test_client()
    assert "Try again in 7 seconds." in client.get("/busy").text


@pytest.fixture
def run(database_url, tmp_path):
    apps = []

    def run(env, features, **flask):
        authors = Resource(Author, name="authors", fields=["name"], read=public)
        config = Config(
            "testapp",
            env=env,
            features=features,
            modules=[Module("authors", resources=[authors])],
            secret_key="a secret that is long enough for production",
            flask=flask,
            flask_options={"instance_path": str(tmp_path / "instance")},
        )
        app = create_app(config.replace(db={"url": database_url}))
        apps.append(app)
        return app

    yield run
    for app in apps:
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize(
    ("features", "command"),
    [(["db", "forms", "pages"], "flask kit create-tables"), (["db", "forms", "pages", "migrate"], "flask db upgrade")],
)
@pytest.mark.parametrize("debug", [True, False])
def test_a_missing_table_is_told_with_the_command(run, features, command, debug):
    page = run("development", features, DEBUG=debug).test_client().get("/authors/")
    assert page.status_code == 500
    assert "Not in the database yet" in page.text
    assert f"<code>{command}</code>" in page.text


def test_a_missing_column_is_a_pending_migration(run):
    app = run("development", ["db", "forms", "pages", "migrate"])
    with app.app_context():
        db.session.execute(text("CREATE TABLE pages_author (id INTEGER PRIMARY KEY)"))
        db.session.commit()
    assert "flask db migrate &amp;&amp; flask db upgrade" in app.test_client().get("/authors/").text


def test_other_errors_of_the_database_and_other_people_are_told_nothing(run):
    app = run("development", ["db", "forms", "pages"])
    app.add_url_rule("/typo", "typo", lambda: db.session.execute(text("SELEC 1")))
    assert "Not in the database" not in app.test_client().get("/typo").text
    page = run("production", ["db", "forms", "pages"]).test_client().get("/authors/", base_url="https://localhost")
    assert page.status_code == 500
    assert "pages_author" not in page.text


def test_templates_are_listed_with_what_replaces_them(start, tmp_path):
    folder = tmp_path / "templates"
    (folder / "flaskkit").mkdir(parents=True)
    (folder / "authors").mkdir()
    (folder / "flaskkit" / "error.html").write_text("{# Our own errors. -#} oops")
    (folder / "authors" / "list.html").write_text("authors")
    authors = Resource(Author, name="authors", fields=["name"], read=public)
    app = start(
        features=["db", "forms", "pages"],
        modules=[Module("authors", resources=[authors])],
        flask_options={"template_folder": str(folder)},
    )
    shown = app.test_cli_runner().invoke(args=["kit", "templates"])
    assert shown.exit_code == 0, shown.output
    lines = dict(line.strip().split("  ", 1) for line in shown.output.splitlines() if "  " in line.strip())
    assert lines["flaskkit/error.html"].strip() == "Our own errors."
    assert lines["flaskkit/delete.html"].strip().startswith("Asks before a row is deleted.")
    assert f"replaced by {folder / 'flaskkit' / 'error.html'}" in shown.output
    assert f"replaced by {folder / 'authors' / 'list.html'}" in shown.output
    assert "replaced" not in "\n".join(line for line in shown.output.splitlines() if "home.html" in line)
