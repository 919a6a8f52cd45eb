"""The API with feature `auth`: one engine, two kinds of caller."""

from __future__ import annotations

import re

import pytest

from flaskkit import Api
from flaskkit.auth import accounts, tokens
from tests.api.conftest import LIBRARY

PASSWORD = "correct horse battery staple"


@pytest.fixture
def app(start):
    app = start(features=["db", "forms", "auth", Api()], modules=[LIBRARY])
    with app.app_context():
        accounts.create("ann@example.org", PASSWORD, roles=["librarian"])
    return app


@pytest.fixture
def browser(app):
    client = app.test_client()
    form = client.get("/auth/login").text
    sent = {"email": "ann@example.org", "password": PASSWORD, "csrf_token": csrf_in(form)}
    assert client.post("/auth/login", data=sent).status_code in (302, 303)
    return client


def csrf_in(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def test_a_browser_changes_things_with_its_session_and_a_csrf_token(browser):
    assert browser.get("/api/shelves/").status_code == 200
    refused = browser.post("/api/shelves/", json={"name": "Top"})
    assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")
    token = re.search(r'data-token="([^"]+)"', browser.get("/api/docs").text)[1]
    assert browser.post("/api/shelves/", json={"name": "Top"}, headers={"X-CSRFToken": token}).status_code == 201


def test_a_program_changes_things_with_a_bearer_token_and_gets_no_cookie(app):
    with app.app_context():
        token, _ = tokens.issue(accounts.by_email("ann@example.org"), "program", days=1)
    made = app.test_client().post("/api/shelves/", json={"name": "Top"}, headers={"Authorization": f"Bearer {token}"})
    assert made.status_code == 201
    assert "Set-Cookie" not in made.headers


def test_strangers_are_asked_for_a_token_and_not_sent_to_the_login_page(app):
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = app.test_client().get("/api/shelves/", headers=headers)
        assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
        assert [scheme.partition(" ")[0] for scheme in refused.headers.getlist("WWW-Authenticate")] == ["Bearer"]
