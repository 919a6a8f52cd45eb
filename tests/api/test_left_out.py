"""Operations that are left out, or replaced by a view of the app's own."""

from __future__ import annotations

import flask_smorest
import pytest
from flask import Blueprint

from flaskkit import Api, Module, Resource, public, requires
from tests.api.conftest import Names
from tests.api.writing import ApiGuest

ALL = {"list", "read", "create", "update", "replace", "delete"}


def client_of(start, *blueprints, **options):
    guests = Resource(ApiGuest, name="guests", fields=["name"], read=public, write=public, bulk=3, **options)
    app = start(features=["db", Names(), Api()], modules=[Module("m", resources=[guests], blueprints=blueprints)])
    return app.test_client()


def operations(client):
    paths = client.get("/api/openapi.json").json["paths"]
    named = (one["operationId"] for path in paths.values() for method, one in path.items() if method != "parameters")
    return {name.removesuffix("_guests") for name in named}


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_operation_that_is_left_out_is_not_there(start, name):
    client = client_of(start, without=[name])
    many = {f"bulk_{one}" for one in {"create", "update", "delete"} - {name}}
    assert operations(client) == ALL - {name} | many
    made = None if name == "create" else client.post("/api/guests/", json={"name": "Eve"})
    requests = {
        "list": ("GET", "/api/guests/"),
        "read": ("GET", "/api/guests/1"),
        "create": ("POST", "/api/guests/"),
        "update": ("PATCH", "/api/guests/1"),
        "replace": ("PUT", "/api/guests/1"),
        "delete": ("DELETE", "/api/guests/1"),
    }
    for other, (method, path) in requests.items():
        body = {} if method in ("GET", "DELETE") else {"json": {"name": "Ann"}}
        assert (client.open(path, method=method, **body).status_code == 405) is (other == name)
    if made is not None:
        assert ("Location" in made.headers) is (name != "read")


def test_all_can_be_left_out(start):
    assert operations(client_of(start, without=sorted(ALL))) == set()


def test_one_name_may_stand_alone(start):
    assert "replace" not in operations(client_of(start, without="replace"))


@pytest.mark.parametrize("url", ["/<key>", "/<int:number>"])
def test_a_view_written_by_hand_takes_the_place_of_an_operation(start, url):
    own = flask_smorest.Blueprint("own", __name__, url_prefix="/guests")

    @own.route(url, methods=["GET"])
    @requires(public)
    @own.response(200)
    def read(**key):
        """Read it my way."""
        return "mine"

    client = client_of(start, own)
    assert client.post("/api/guests/", json={"name": "Eve"}).headers["Location"] == "/api/guests/1"
    assert client.get("/api/guests/1").json == "mine"
    assert client.get("/api/guests/1/").json == "mine"
    assert client.patch("/api/guests/1/", json={"name": "Ann"}).json == {"id": 1, "name": "Ann"}
    paths = client.get("/api/openapi.json").json["paths"]
    told = [path["get"]["summary"] for name, path in paths.items() if "{" in name and "get" in path]
    assert told == ["Read it my way."]


def test_a_view_written_by_hand_may_replace_creating_and_changing_many(start):
    own = flask_smorest.Blueprint("own", __name__, url_prefix="/api/guests")

    @own.route("/", methods=["POST"])
    @own.response(202)
    def create():
        """Put it on the list."""

    @own.route("/bulk", methods=["DELETE"])
    @own.response(202)
    def clear():
        """Send all home."""

    client = client_of(start, own)
    assert client.post("/api/guests/", json={}).status_code == 202
    assert client.post("/api/guests", json={}).status_code == 202
    assert client.get("/api/guests/").json == []
    assert client.delete("/api/guests/bulk").status_code == 202
    assert client.delete("/api/guests/bulk/").status_code == 202
    assert client.post("/api/guests/bulk", json=[{"name": "Eve"}]).status_code == 201
    assert {"create", "bulk_delete"}.isdisjoint(operations(client))


def test_a_plain_view_of_flask_wins_too(start):
    own = Blueprint("own", __name__)
    own.add_url_rule("/api/guests/", "list", lambda: "mine")
    client = client_of(start, own)
    assert client.get("/api/guests/").text == "mine"
    assert "list" not in operations(client)


def test_a_resource_whose_name_begins_the_same_keeps_its_operations(start):
    own = Blueprint("own", __name__)
    own.add_url_rule("/api/guests2/", "list", lambda: "mine")
    assert operations(client_of(start, own)) >= ALL
