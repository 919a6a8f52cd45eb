"""The app as a whole: it starts from app.toml, its migrations fit its models, its demo is for developers only."""

import os
import subprocess
import sys
from pathlib import Path

from flaskkit import Config, create_app, db
from flaskkit.testing import isolated
from sqlalchemy import select

from fieldnotes.models import Note, Visitor

TOML = Path(__file__).parents[1] / "app.toml"
SECRET = "4f5c0e8a9b7d6123" * 4


def test_the_front_page_counts_what_there_is(client):
    assert "14 airports in 9 countries, and 0 notes" in client.get("/").text


OUTSIDE = {
    "APP_SECRET_KEY": SECRET,
    "APP_MAIL_HOST": "smtp.fieldnotes.example",
    "APP_MAIL_SENDER": "Fieldnotes <notes@fieldnotes.example>",
    "APP_MAIL_PUBLIC_URL": "https://fieldnotes.example",
}


def test_the_migrations_fit_the_models(made_app):
    url = made_app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    # A process of its own: in this one, other tests may have declared models as well.
    checked = subprocess.run(
        [sys.executable, "-m", "flask", "db", "check"],
        cwd=TOML.parent,
        env=os.environ | OUTSIDE | {"APP_DB_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_starts_in_production_when_secret_database_and_mail_are_given(tmp_path):
    environ = OUTSIDE | {"APP_DB_URL": f"sqlite:///{tmp_path / 'app.db'}"}
    app = create_app(Config.load("fieldnotes", toml=TOML, environ=environ))
    assert app.config["SESSION_COOKIE_SECURE"]


def test_demo_users_are_made_while_developing_only(app, run):
    result = run("fieldnotes", "demo", fails=True)
    assert "Set APP_ENV=development." in result.output


def test_the_demo_has_people_and_notes_and_can_be_repeated(made_app):
    url = made_app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    config = Config.load("fieldnotes", toml=TOML, mapping={"env": "development", "secret_key": SECRET})
    developed = create_app(config.replace(db={"url": url}))
    with isolated(developed):
        with developed.app_context():
            db.session.execute(db.delete(Visitor))
            db.session.commit()
        for _ in range(2):
            assert "ada@example.com" in developed.test_cli_runner().invoke(args=["fieldnotes", "demo"]).output
        with developed.app_context():
            assert {note.airport_icao for note in db.session.scalars(select(Note))} == {"EGLC", "LOWI", "NZQN", "VNLK"}
            assert db.session.scalar(select(Visitor).where(Visitor.name == "Ada")).has_role("admin")
            db.session.remove()
    with developed.app_context():
        db.engine.dispose()
