"""Errors below the API prefix, and only there."""

from __future__ import annotations

import flask_smorest
import pytest
from flask import Blueprint, abort, redirect
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from flaskkit import Api, Conflicting, Module, Rejected

plain = Blueprint("api_plain", __name__)


@plain.get("/api/broken")
@plain.get("/broken")
def broken():
    raise RuntimeError("the password is 1234")


@plain.get("/api/away")
def away():
    raise ServiceUnavailable("Come back later.", retry_after=7)


@plain.get("/api/gone")
def gone():
    abort(redirect("/elsewhere"))


@plain.get("/api/conflict")
def conflict():
    raise Conflicting({"isbn": ["Taken."], "": ["Neither will do."]})


@plain.get("/api/rejected")
def rejected():
    raise Rejected({"a/b": ["One.", "Two."]})


@plain.get("/api/smorest")
def smorest():
    flask_smorest.abort(409, message="Taken.", errors={"isbn": ["Twice."]}, headers={"X-Why": "Because"})


PLAIN = Module("api_plain", blueprints=[plain])


@pytest.fixture
def app(start):
    return start(features=["db", Api()], modules=[PLAIN])


@pytest.fixture
def client(app):
    # As in production: errors are answered, not raised.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


def test_a_problem_has_the_members_of_rfc_9457(client):
    missing = client.get("/api/ä b")
    assert missing.status_code == 404
    assert missing.content_type == "application/problem+json"
    assert missing.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address that you may see.",
        "instance": "/api/%C3%A4%20b",
    }


def test_errors_beside_the_api_are_left_to_flask(client):
    for path in ("/nothing", "/apis", "/broken"):
        answer = client.get(path)
        assert answer.content_type == "text/html; charset=utf-8"
        assert "<title>" in answer.text


def test_a_wrong_method_tells_the_right_ones(client):
    refused = client.post("/api/openapi.json")
    assert (refused.status_code, refused.content_type) == (405, "application/problem+json")
    assert {*refused.headers["Allow"].split(", ")} == {"GET", "HEAD", "OPTIONS"}


def test_a_crash_tells_nothing_of_the_inside(client):
    crashed = client.get("/api/broken")
    assert (crashed.status_code, crashed.content_type) == (500, "application/problem+json")
    assert crashed.json["title"] == "Internal Server Error"
    assert "1234" not in crashed.text
    assert "RuntimeError" not in crashed.text


def test_headers_of_an_error_are_kept(client):
    away = client.get("/api/away")
    assert (away.status_code, away.headers["Retry-After"], away.json["detail"]) == (503, "7", "Come back later.")


def test_an_answer_given_to_abort_is_sent_as_it_is(client):
    assert client.get("/api/gone").headers["Location"] == "/elsewhere"


def test_errors_of_fields_become_pointers(client):
    assert client.get("/api/conflict").json["errors"] == [
        {"pointer": "#/isbn", "detail": "Taken."},
        {"pointer": "#", "detail": "Neither will do."},
    ]
    rejected = client.get("/api/rejected")
    assert rejected.status_code == 422
    assert rejected.json["errors"] == [
        {"pointer": "#/a~1b", "detail": "One."},
        {"pointer": "#/a~1b", "detail": "Two."},
    ]


def test_abort_of_smorest_keeps_its_message_errors_and_headers(client):
    taken = client.get("/api/smorest")
    assert (taken.status_code, taken.json["detail"], taken.headers["X-Why"]) == (409, "Taken.", "Because")
    assert taken.json["errors"] == [{"pointer": "#/isbn", "detail": "Twice."}]


def test_a_body_over_the_limit_is_too_large(start):
    from tests.api.conftest import LIBRARY

    small = start(features=["db", Api()], modules=[LIBRARY], flask={"MAX_CONTENT_LENGTH": 100})
    refused = small.test_client().post("/api/kinds/", json={"anything": "x" * 200})
    assert (refused.status_code, refused.content_type) == (413, "application/problem+json")


def test_handlers_of_the_app_win_as_flask_documents(app):
    @app.errorhandler(404)
    def missing(error):
        return "mine", 404

    @app.errorhandler(HTTPException)
    def other(error):
        return "other", error.code

    client = app.test_client()
    assert client.get("/api/nothing").text == "mine"
    assert client.post("/api/openapi.json").text == "other"
