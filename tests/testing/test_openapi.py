"""assert_openapi passes where the API keeps its document, and tells each exchange that does not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response, jsonify
from flask import request as asked
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from flaskkit import Module, public, requires
from flaskkit.testing import ApiClient, assert_openapi, factory_for, logged_in, note_traffic

from .models import KitShelf, books, diaries, shelves


class Sum(Schema):
    sum = fields.Integer(required=True)


def by_hand() -> Blueprint:
    """Return operations that do not keep their word."""
    blueprint = Blueprint("liar", __name__)

    @blueprint.route("/lies/type")
    @requires(public)
    @blueprint.response(200, Sum)
    def type_() -> Any:
        return jsonify(sum="three")

    @blueprint.route("/lies/status")
    @requires(public)
    @blueprint.response(200, Sum)
    def status() -> Any:
        return jsonify(sum=3), 202

    @blueprint.route("/lies/kind", methods=["POST"])
    @requires(public)
    @blueprint.response(200, Sum)
    def kind() -> Any:
        return Response(asked.args.get("more", ""), mimetype="text/plain")

    described = {
        "X-Left": {"required": True, "schema": {"type": "integer", "minimum": 0}},
        "X-Parts": {"schema": {"type": "array", "items": {"type": "integer"}}},
        "X-Facts": {"content": {"application/json": {"schema": {"type": "object", "required": ["total"]}}}},
        "Location": {"schema": {"type": "string"}},
    }

    @blueprint.route("/lies/headers", methods=["POST"])
    @requires(public)
    @blueprint.response(204, headers=described)
    def headers() -> Any:
        return Response(status=204, headers={name: value for name, value in asked.headers if name in described})

    return blueprint


@pytest.fixture
def app(start):
    module = Module("library", resources=[books, diaries, shelves], blueprints=[by_hand()])
    made = start(features=["db", "forms", "auth", "api", "limits"], modules=[module])
    note_traffic(made)
    return made


def test_what_resources_and_accounts_do_is_in_the_document(app):
    from flaskkit import User, db

    with app.app_context():
        user = User(email="ada@example.com")
        db.session.add(user)
        shelf = factory_for(KitShelf).create_sync()
        api = ApiClient(app).as_user(user)
        diary = api.post("diaries", {"text": "one", "mood": "fine"})
        assert diary.status_code == 201
        browser = logged_in(app, user)
        assert browser.post("/api/diaries", json={"text": "two"}).status_code == 201
        key = diary.json["id"]
        book = {"title": "Tea", "rating": 5, "price": "2.50", "colour": "RED", "printed_on": "2026-01-01"}
        expected = {
            api.get("diaries/?mood=fine&page_size=1&q=one").status_code: 200,
            api.get(f"diaries/{key}").status_code: 200,
            api.client.head(f"/api/diaries/{key}").status_code: 401,
            api.patch(f"diaries/{key}", {"mood": 3}).status_code: 422,
            api.put(f"diaries/{key}", {"text": "x"}, headers={"If-Match": '"old"'}).status_code: 412,
            api.post("books", {**book, "shelf": shelf.code}).status_code: 201,
            api.post("shelves", {}).status_code: 403,
            api.delete(f"diaries/{key}").status_code: 204,
            api.delete("diaries/999").status_code: 404,
            api.get("nothing").status_code: 404,
            ApiClient(app).get("diaries/").status_code: 401,
        }
        assert all(found == wanted for found, wanted in expected.items())
        assert browser.get("/api/auth/me").status_code == 200
        assert browser.get("/api/openapi.json").status_code == 200
    assert_openapi(app)


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "lies/type", r"GET /api/lies/type \(200\): the answer does not fit, /sum: 'three' is not of type"),
        ("GET", "lies/status", r"GET /api/lies/status \(202\): the document does not name this status"),
        ("POST", "lies/kind?more=1", r"it answers text/plain, the document names application/json"),
        ("POST", "lies/kind?more=1", r"it takes the parameter 'more', which the document does not name"),
    ],
    ids=["body", "status", "kind", "parameter"],
)
def test_what_differs_is_told(app, method, path, told):
    assert ApiClient(app).open(method, path).status_code < 300
    with pytest.raises(AssertionError, match=told):
        assert_openapi(app)


def test_a_body_that_no_document_names_is_told(app):
    assert ApiClient(app).post("lies/kind", {"a": 1}).status_code == 200
    with pytest.raises(AssertionError, match="it takes a body, which the document does not name"):
        assert_openapi(app)


GOOD = {"X-Left": "7", "X-Parts": "1, 2", "X-Facts": '{"total": 3}', "Location": "7"}


def test_headers_that_fit_are_in_the_document(app):
    assert ApiClient(app).post("lies/headers", headers=GOOD).status_code == 204
    assert ApiClient(app).post("lies/headers", headers={"X-Left": "0"}).status_code == 204
    assert_openapi(app)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("X-Left", None, "it has no header X-Left, which the document requires."),
        ("X-Left", "seven", "the header X-Left does not fit, as a whole: 'seven' is not of type 'integer'"),
        ("X-Left", "-1", "the header X-Left does not fit, as a whole: -1 is less than the minimum of 0"),
        ("X-Left", "1.5", "the header X-Left does not fit, as a whole: '1.5' is not of type 'integer'"),
        ("X-Parts", "1, two", "the header X-Parts does not fit, /1: 'two' is not of type 'integer'"),
        ("X-Facts", "{}", "the header X-Facts does not fit, as a whole: 'total' is a required property"),
        ("X-Facts", "total=3", "the header X-Facts is no JSON."),
    ],
)
def test_a_header_that_differs_is_told(app, name, value, told):
    sent = {key: one for key, one in {**GOOD, name: value}.items() if one is not None}
    assert ApiClient(app).post("lies/headers", headers=sent).status_code == 204
    with pytest.raises(AssertionError) as failed:
        assert_openapi(app)
    assert str(failed.value).endswith(f"POST /api/lies/headers (204): {told}")


def test_without_traffic_nothing_is_proved(app, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    with pytest.raises(LookupError, match="Nothing was asked of the API"):
        assert_openapi(app)


def test_of_several_workers_one_may_ask_nothing_of_an_app_whose_traffic_is_noted(app, start, monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    assert_openapi(app)
    with pytest.raises(LookupError, match="Nothing was asked of the API"):
        assert_openapi(start(features=["db", "api"]))
