"""A user chooses language and time zone among what can be done with the account, on a page and in JSON."""

from __future__ import annotations

import pytest

from flaskkit import db
from flaskkit.auth import accounts, tokens
from flaskkit.auth.users import User
from flaskkit.i18n import I18n
from tests.i18n.conftest import Sailor, in_language

PASSWORD = "correct horse"
CHOICE = {"language": "es", "timezone": "America/Lima"}


@pytest.fixture
def app(harbour):
    app = harbour()
    with app.app_context():
        accounts.create("ada@example.com", PASSWORD)
    return app


def logged_in(app):
    client = app.test_client()
    assert client.post("/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD}).status_code == 200
    return client


def kept(app):
    with app.app_context():
        ada = db.session.query(Sailor).one()
        return {"language": ada.language, "timezone": ada.timezone}


def test_on_the_page_one_finds_what_is_and_chooses_otherwise(app):
    client, german = logged_in(app), in_language("de-AT")
    assert 'href="/auth/language"' in client.get("/auth/account", headers=german).text
    page = client.get("/auth/language", headers=german).text
    assert '<option selected value="de">Deutsch</option>' in page
    assert 'value="UTC"' in page
    assert '<option value="America/Lima"></option>' in page
    wrong = client.post("/auth/language", data={**CHOICE, "timezone": "Mars/Phobos"}, headers=german)
    assert (wrong.status_code, kept(app)) == (422, {"language": None, "timezone": None})
    assert 'id="timezone-error">Diese Zeitzone gibt es nicht.' in wrong.text
    assert client.post("/auth/language", data={**CHOICE, "language": "tlh"}, headers=german).status_code == 422
    done = client.post("/auth/language", data=CHOICE, headers=german)
    assert (done.status_code, done.location, kept(app)) == (303, "/auth/account", CHOICE)
    told = client.get("/auth/account", headers=german).text
    assert "Tu cuenta" in told
    assert "Se guardó tu elección." in told


def test_a_program_does_the_same(app):
    client = logged_in(app)
    now = client.get("/api/auth/language", headers=in_language("de")).json
    assert (now["language"], now["timezone"], now["languages"]) == ("de", "UTC", ["en", "de", "es"])
    assert client.post("/api/auth/language", json=CHOICE).json["message"] == "Your choice is kept."
    assert kept(app) == CHOICE
    assert client.get("/api/auth/language").json["timezone"] == "America/Lima"
    for wrong in ({"language": "es"}, {**CHOICE, "language": "tlh"}, {**CHOICE, "timezone": "x"}):
        assert client.post("/api/auth/language", json=wrong).status_code == 422
    assert app.test_client().post("/api/auth/language", json=CHOICE).status_code == 401


def test_a_bearer_token_says_nothing_about_a_language(app):
    with app.app_context():
        token, _ = tokens.issue(accounts.by_email("ada@example.com"), "test", 1)
    headers = {"Authorization": f"Bearer {token}", **in_language("de")}
    client = app.test_client()
    client.set_cookie("language", "es")
    told = client.get("/api/auth/language", headers=headers)
    assert (told.json["language"], "Cookie" in told.vary) == ("de", False)
    assert client.post("/api/auth/language", json=CHOICE, headers=headers).status_code == 400


def test_a_model_without_columns_leaves_it_to_the_browser(start):
    app = start(features=["db", "forms", "auth", I18n()], flask={"WTF_CSRF_ENABLED": False})
    client = app.test_client()
    client.post("/auth/sign-up", data={"email": "ada@example.com", "password": PASSWORD})
    assert not hasattr(User, "language")
    assert client.post("/auth/language", data=CHOICE).status_code == 303
    assert client.get_cookie("timezone").value == "America/Lima"
    assert "Se guardó tu elección." in client.get("/auth/account").text


def test_without_the_feature_there_is_none_of_it(start):
    app = start(features=["db", "forms", "api", "auth"])
    assert app.test_client().get("/auth/language").status_code == 404
    assert "/api/auth/language" not in app.test_client().get("/api/openapi.json").json["paths"]
