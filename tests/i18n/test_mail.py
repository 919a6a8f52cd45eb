"""Mail is in the language and time zone of its reader, whoever causes it."""

from __future__ import annotations

import pytest
import time_machine

from flaskkit import db, send_mail
from flaskkit.auth import accounts
from flaskkit.db.models import now
from tests.i18n.conftest import in_language

PASSWORD = "correct horse"


@pytest.fixture
def app(harbour):
    """A harbour where Ada reads German in Berlin, and Bob has never said what he reads."""
    app = harbour()
    with app.app_context():
        ada = accounts.create("ada@example.com", PASSWORD, ["admin"])
        ada.language, ada.timezone = "de", "Europe/Berlin"
        accounts.create("bob@example.com", PASSWORD)
        db.session.commit()
    return app


def last_mail(app):
    return app.extensions["flaskkit.mail"].outbox[-1]


def test_a_command_writes_to_users_in_their_language(app):
    run = app.test_cli_runner().invoke
    with time_machine.travel("2026-01-31T23:30:00Z", tick=False):
        assert run(args=["kit", "users", "set-password", "ada@example.com", "--generate"]).exit_code == 0
        told = last_mail(app)
        assert told["Subject"] == "Dein Passwort für Testapp wurde geändert"
        assert "Wann: 01.02.2026, 00:30 MEZ" in told.get_content()
        assert run(args=["kit", "users", "set-password", "bob@example.com", "--generate"]).exit_code == 0
        assert "When: Jan 31, 2026, 11:30\u202fPM UTC" in last_mail(app).get_content()


def test_a_stranger_does_not_decide_what_a_user_reads(app):
    client, spanish = app.test_client(), in_language("es")
    for email, subject in (
        ("ada@example.com", "Ein neues Passwort für Testapp"),
        ("bob@example.com", "Una contraseña nueva para Testapp"),
        ("nobody@example.com", "Una contraseña nueva para Testapp"),
    ):
        sent = client.post("/auth/forgot-password", data={"email": email}, headers=spanish)
        assert last_mail(app)["Subject"] == subject
    page = client.get(sent.headers["Location"], headers=spanish)
    assert "Hemos enviado un correo" in page.text, "the page is the visitor's"


def test_a_user_does_not_decide_what_another_one_reads(app):
    def write():
        send_mail(accounts.by_email("bob@example.com"), "account_changed", forgot="", at=now())
        first = last_mail(app)["Subject"]
        send_mail("else@example.com", "account_deleted", reader=accounts.by_email("ada@example.com"))
        return f"{first}, {last_mail(app)['Subject']} to {last_mail(app)['To']}"

    app.add_url_rule("/write", view_func=write)
    client = app.test_client()
    client.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})
    expected = "What opens your account at Testapp was changed, Dein Konto bei Testapp ist gelöscht to else@example.com"
    assert client.get("/write", headers=in_language("es")).text == expected
    client.post("/auth/logout")
    client.post("/auth/login", data={"email": "bob@example.com", "password": PASSWORD})
    assert client.get("/write", headers=in_language("es")).text.startswith("Ha cambiado el acceso")
