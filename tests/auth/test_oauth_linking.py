"""An account elsewhere is linked with one here, and unlinked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from flaskkit.auth import accounts
from flaskkit.db import db
from tests.auth.elsewhere import come_back, linked, settings, submit, unlink

JANE = "jane@example.com"


@pytest.fixture
def site(made, acme):
    return made(auth=settings(acme), more=["api"])


@pytest.fixture
def ada(site):
    site.add("ada@example.com")
    return site.logged_in()


def test_a_user_is_asked_before_an_account_is_linked(site, ada):
    asked = come_back(ada)
    assert asked.location == "/auth/identities/link"
    page = ada.get(asked.location).text
    assert "as <strong>jane@example.com</strong>" in page
    assert linked(site) == 0
    assert submit(ada, "/auth/identities/link").location == "/auth/identities"
    assert JANE in ada.get("/auth/identities").text
    client = site.client()
    come_back(client)
    assert client.get("/who").text == "ada@example.com by session"


def test_an_account_is_linked_once_and_by_nobody_unasked(site, ada):
    assert submit(ada, "/auth/identities/link").status_code == 422
    come_back(ada)
    page = ada.get("/auth/identities/link")
    assert ada.post("/auth/identities/link").status_code == 400
    assert page.status_code == 200
    assert linked(site) == 0


def test_what_waits_to_be_linked_is_for_the_user_who_asked(site, ada):
    come_back(ada)
    cookie = ada.get_cookie("session").value
    assert "No account is waiting" in site.logged_in().get("/auth/identities/link").text
    with site.app.app_context():
        db.session.delete(accounts.by_email("ada@example.com"))
        db.session.commit()
    stale = site.client()
    stale.set_cookie("session", cookie)
    assert stale.get("/auth/identities/link").location.startswith("/auth/login")


def test_linking_and_unlinking_ask_for_the_password_again_after_a_while(site, ada):
    come_back(ada)
    with site.app.app_context():
        stored = accounts.user_model().sessions.property.mapper.class_
        db.session.execute(update(stored).values(confirmed_at=datetime(2020, 1, 1, tzinfo=UTC)))
        db.session.commit()
    for path in ("/auth/identities/link", "/auth/identities/unlink"):
        assert ada.get(path).location.startswith("/auth/confirm-password"), path
    assert linked(site) == 0


def test_an_account_of_somebody_else_is_not_linked(site, ada):
    come_back(site.client())
    come_back(ada)
    refused = submit(ada, "/auth/identities/link")
    assert (refused.status_code, "linked to another user" in refused.text) == (422, True)
    client = site.client()
    come_back(client)
    assert client.get("/who").text == f"{JANE} by session"


def test_unlinking(site, ada):
    come_back(ada)
    submit(ada, "/auth/identities/link")
    assert unlink(ada, "/auth/identities", provider="other").status_code == 422
    assert unlink(ada, "/auth/identities", provider="acme").location == "/auth/identities"
    assert linked(site) == 0


def test_the_last_way_in_is_not_taken_away(site):
    client = site.client()
    come_back(client)
    refused = unlink(client, "/auth/identities", provider="acme")
    assert (refused.status_code, "Nothing else opens your account." in refused.text) == (422, True)
    assert linked(site) == 1


def test_as_json(site, ada):
    come_back(ada)
    csrf = ada.get("/api/auth/csrf").json
    header = {csrf["header"]: csrf["token"]}
    assert ada.get("/api/auth/identities").json["providers"] == ["acme"]
    assert ada.get("/api/auth/identities").json["linked"] == []
    assert ada.post("/api/auth/identities/link", json={}, headers=header).status_code == 200
    assert ada.get("/api/auth/identities").json["linked"] == ["acme"]
    unlinked = ada.post("/api/auth/identities/unlink", json={"provider": "acme"}, headers=header)
    assert unlinked.status_code == 200, unlinked.json
    assert ada.get("/api/auth/identities").json["linked"] == []


def test_a_second_factor_is_asked_here_too(made, acme):
    site = made(auth=settings(acme, second_factor="required"))
    client = site.client()
    asked = come_back(client, "/auth/oauth/acme?next=/mine")
    assert asked.location == "/auth/totp?next=/mine"
    assert client.get("/who").text == "nobody"
    assert 'type="password"' not in client.get(asked.location).text
