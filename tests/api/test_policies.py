"""Who may do what through the API, and who must show a CSRF token."""

from __future__ import annotations

import pytest

from flaskkit import Api, db
from tests.api.conftest import LIBRARY, ApiBook, Names, known

WRITES = [
    ("post", "/api/books/", {"title": "Emma"}, 201),
    ("patch", "/api/books/1", {"stars": 1}, 200),
    ("put", "/api/books/1", {"title": "Emma"}, 200),
    ("delete", "/api/books/1", None, 204),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_a_stranger_gets_401_before_any_word_about_the_body(client, add, method, path, body, status):
    add("Emma")
    for sent in ({"json": body}, {"json": {"no such": 1}}, {"data": "{", "content_type": "application/json"}, {}):
        refused = client.open(path, method=method.upper(), **sent)
        assert refused.status_code == 401
        assert refused.content_type == "application/problem+json"
        assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_stranger_may_not_even_see_closed_lists(client):
    assert client.get("/api/shelves/").status_code == 401
    assert client.get("/api/shelves/?no=1").status_code == 401
    assert client.get("/api/shelves/1").status_code == 401


def test_somebody_without_the_right_gets_403(app, add):
    add("Emma")
    bob = known(app, "bob")
    assert bob.patch("/api/books/1", json={"stars": 1}).status_code == 403
    assert bob.delete("/api/books/1").status_code == 403
    refused = bob.post("/api/shelves/", json={})
    assert (refused.status_code, refused.content_type) == (403, "application/problem+json")


def test_a_policy_to_create_may_claim_the_row(app, ann):
    ann.post("/api/books/", json={"title": "Emma"})
    with app.app_context():
        assert db.session.get(ApiBook, 1).owner_id == 1


def test_another_policy_opens_the_same_row(librarian, add):
    add("Emma")
    assert librarian.patch("/api/books/1", json={"stars": 1}).json["stars"] == 1


@pytest.fixture
def browser(app):
    """Ann in a browser: known by her session, able to ask for a CSRF token at /token."""
    from flask_wtf.csrf import generate_csrf

    app.add_url_rule("/token", "token", generate_csrf)
    client = known(app, "ann")
    client.environ_base["HTTP_X_BY"] = "session"
    return client


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_a_session_needs_a_csrf_token_to_change_something(browser, add, method, path, body, status):
    add("Emma")
    refused = browser.open(path, method=method.upper(), json=body)
    assert (refused.status_code, refused.content_type) == (400, "application/problem+json")
    assert refused.json["detail"] == "The CSRF token is missing."
    token = browser.get("/token").text
    assert browser.open(path, method=method.upper(), json=body, headers={"X-CSRFToken": token}).status_code == status


def test_a_forged_token_is_refused_before_the_body_is_looked_at(browser):
    browser.get("/token")
    refused = browser.post("/api/books/", data="{", headers={"X-CSRFToken": "forged"})
    assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is invalid.")


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_a_bearer_token_needs_no_csrf_token(ann, add, method, path, body, status):
    add("Emma")
    assert ann.open(path, method=method.upper(), json=body).status_code == status


def test_a_stranger_needs_no_csrf_token(client, add):
    add("Emma")
    assert client.post("/api/notes/", json={"book": 1, "text": "Hello"}).status_code == 201


def test_a_session_reads_without_a_token(browser):
    assert browser.get("/api/shelves/").status_code == 200
    assert browser.head("/api/shelves/").status_code == 200


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ({"WTF_CSRF_ENABLED": False}, 201),
        ({"WTF_CSRF_CHECK_DEFAULT": False}, 201),
        ({"WTF_CSRF_CHECK_DEFAULT": True}, 400),
    ],
    ids=["off", "nobody checks", "Flask-WTF checks everything"],
)
def test_native_csrf_settings_win(start, native, status):
    app = start(features=["db", "forms", Names(), Api()], modules=[LIBRARY], flask=native)
    browser = known(app, "ann")
    browser.environ_base["HTTP_X_BY"] = "session"
    assert browser.post("/api/books/", json={"title": "Emma"}).status_code == status


def test_without_forms_there_is_no_csrf(start):
    app = start(features=["db", Names(), Api()], modules=[LIBRARY])
    assert known(app, "ann").post("/api/books/", json={"title": "Emma"}).status_code == 201
