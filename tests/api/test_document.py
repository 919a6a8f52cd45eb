"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pytest
from openapi_spec_validator import validate

from flaskkit import Api
from tests.api.conftest import LIBRARY, Names, known
from tests.api.test_app import HAND


@dataclass(frozen=True)
class Auth(Names):
    """Stands for feature `auth` by its name too, which is what the document looks at."""

    name: ClassVar[str] = "auth"


@pytest.fixture
def document(start):
    app = start(features=["db", "forms", Auth(), Api(title="Library", version="2.1")], modules=[LIBRARY, HAND])
    return app.test_client().get("/api/openapi.json").json


def operations(document):
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    }


@pytest.mark.parametrize("version", ["3.1.0", "3.0.3"])
def test_the_document_is_valid(start, version):
    app = start(features=["db", "forms", Auth(), Api()], modules=[LIBRARY, HAND], flask={"OPENAPI_VERSION": version})
    validate(app.test_client().get("/api/openapi.json").json)


def test_every_operation_has_an_id_of_its_own(document):
    ids = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() for name in ids)
    assert {"list_books", "create_books", "read_books", "update_books", "replace_books", "delete_books"} <= set(ids)


def test_only_what_can_be_called_is_in_it(document):
    assert list(document["paths"]["/api/letters/"]) == ["post"]
    assert "/api/letters/{key}" not in document["paths"]
    assert set(document["paths"]["/api/notes/{key}"]) == {"get", "delete", "parameters"}
    methods = {method for path in document["paths"].values() for method in path}
    assert not methods & {"head", "options"}


def test_schemas_have_the_names_of_their_models(document):
    assert {"ApiBook", "ApiBookCreate", "ApiBookReplace", "ApiBookPatch", "Problem"} <= set(
        document["components"]["schemas"]
    )


def test_a_schema_tells_types_limits_and_words(document):
    schemas = document["components"]["schemas"]
    assert schemas["ApiBook"]["description"] == "A book that somebody owns.\n\nIts title is what stands on the cover."
    assert "secret" not in schemas["ApiBook"]["properties"]
    create = schemas["ApiBookCreate"]
    assert (create["required"], create["additionalProperties"]) == (["title"], False)
    assert create["properties"] == {
        "title": {"type": "string", "minLength": 1, "maxLength": 40, "description": "As on the cover."},
        "isbn": {"type": ["string", "null"], "maxLength": 13, "pattern": "^(?:[0-9]{13})$"},
        "kind": {"type": "string", "enum": ["novel", "poem"], "default": "novel"},
        "stars": {"type": ["integer", "null"], "format": "int64", "minimum": 1, "maximum": 5},
        "lent": {"type": "boolean", "default": False},
        "cost": {"type": "string", "format": "decimal", "pattern": r"^-?\d{1,6}(\.\d{1,2})?$", "default": "9.50"},
        "shelves": {"type": "array", "items": {"type": "string", "format": "uuid"}},
    }
    assert "required" not in schemas["ApiBookPatch"]
    assert all("default" not in value for value in schemas["ApiBookPatch"]["properties"].values())


def test_parameters_of_a_list_have_their_types(document):
    parameters = {one["name"]: one for one in operations(document)["list_books"]["parameters"]}
    assert list(parameters) == ["page", "page_size", "sort", "q", "kind", "stars", "lent", "cost", "created_at"]
    assert parameters["page_size"]["schema"] == {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 100,
        "default": 20,
    }
    assert parameters["sort"]["schema"]["items"]["enum"] == ["title", "-title", "stars", "-stars"]
    assert (parameters["sort"]["style"], parameters["sort"]["explode"]) == ("form", False)
    assert parameters["lent"]["schema"] == {"type": "boolean"}


def test_headers_of_answers_are_described(document):
    headers = document["components"]["headers"]
    assert headers["PAGINATION"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/PaginationMetadata"}}
    }
    assert set(operations(document)["list_books"]["responses"]["200"]["headers"]) == {"X-Pagination", "Link"}
    assert set(operations(document)["create_books"]["responses"]["201"]["headers"]) == {"Location"}


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("list_books", {"200", "422"}),
        ("read_books", {"200", "404"}),
        ("create_books", {"201", "400", "401", "403", "409", "413", "415", "422"}),
        ("update_books", {"200", "400", "401", "403", "404", "409", "413", "415", "422"}),
        ("delete_books", {"204", "400", "401", "403", "404", "409"}),
        ("create_notes", {"201", "400", "409", "413", "415", "422"}),
        ("list_shelves", {"200", "401", "422"}),
        ("post_api_nearest_Nearest", {"201", "400", "401", "403", "413", "415", "422"}),
        ("post_api_below_touch", {"204", "400", "401", "404"}),
    ],
)
def test_every_status_an_operation_can_answer_is_told(document, operation, statuses):
    responses = operations(document)[operation]["responses"]
    assert set(responses) == {*statuses, "default"}
    for status, answer in responses.items():
        if status == "default" or int(status) >= 400:
            name = answer["$ref"].rpartition("/")[2]
            content = document["components"]["responses"][name]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


SESSION, TOKEN = {"cookieAuth": [], "csrfToken": []}, {"bearerAuth": []}


@pytest.mark.parametrize(
    ("operation", "security"),
    [
        ("list_books", []),
        ("list_shelves", [{"cookieAuth": []}, TOKEN]),
        ("create_books", [SESSION, TOKEN]),
        ("create_notes", [{}, SESSION, TOKEN]),
        ("post_api_nearest_Nearest", [SESSION, TOKEN]),
        ("get_api_nearest_Nearest", None),
    ],
)
def test_security_follows_from_the_policy(document, operation, security):
    assert operations(document)[operation].get("security") == security


def test_ways_to_log_in_are_described_where_there_is_auth(document, client):
    schemes = document["components"]["securitySchemes"]
    assert schemes["cookieAuth"]["name"] == "session"
    assert schemes["csrfToken"]["name"] == "X-CSRFToken"
    assert schemes["bearerAuth"]["scheme"] == "bearer"
    without = client.get("/api/openapi.json").json
    assert "securitySchemes" not in without["components"]
    assert "security" not in operations(without)["list_shelves"]


def test_hand_written_operations_are_tagged_and_described(document):
    nearest = operations(document)["get_api_nearest_Nearest"]
    assert (nearest["summary"], nearest["tags"]) == ("What is near.", ["api_nearest"])
    assert {"name": "books", "description": "Books"} in document["tags"]
    assert {"name": "api_nearest", "description": "Close by"} in document["tags"]


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(client):
    shown = client.get("/api/docs")
    assert (shown.status_code, shown.content_type) == (200, "text/html; charset=utf-8")
    assert "<title>Library</title>" in shown.text
    assert not re.search(r"<style|style=|\son\w+=|<script>|https?:|//", shown.text.replace("<!doctype html>", ""))
    for path in re.findall(r'(?:src|href)="([^"]+)"', shown.text):
        with client.get(path) as found:
            assert found.status_code == 200


def test_only_the_needed_files_of_the_package_are_served(client):
    assert client.get("/api/docs/assets/index.css").status_code == 404
    assert client.get("/api/docs/assets/oauth2-redirect.html").status_code == 404


def test_looking_at_the_page_sets_no_cookie_for_strangers(client):
    assert "Set-Cookie" not in client.get("/api/docs").headers


def test_the_page_can_try_things_out_as_who_is_logged_in(app):
    browser = known(app, "ann")
    browser.environ_base["HTTP_X_BY"] = "session"
    token = re.search(r'data-token="([^"]+)"', browser.get("/api/docs").text)[1]
    assert browser.post("/api/books/", json={"title": "Emma"}, headers={"X-CSRFToken": token}).status_code == 201
