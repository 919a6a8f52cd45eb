"""flask kit openapi --check FILE: what a change of the document breaks."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from flaskkit import Api
from flaskkit.api.breaking import breaking
from tests.api.conftest import LIBRARY
from tests.api.test_versions import OLDER

NOTE = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "rating": {"type": "integer", "minimum": 1, "maximum": 5},
        "kind": {"type": "string", "enum": ["walk", "ride"]},
        "author": {"$ref": "#/components/schemas/Author"},
    },
    "required": ["id", "rating", "kind"],
    "additionalProperties": False,
}
AUTHOR = {
    "type": ["object", "null"],
    "properties": {"name": {"type": "string"}, "friend": {"$ref": "#/components/schemas/Author"}},
}
JSON = "application/json"
DOCUMENT = {
    "openapi": "3.1.0",
    "components": {
        "schemas": {"Note": NOTE, "NoteCreate": deepcopy(NOTE), "Author": AUTHOR},
        "responses": {
            "OK": {"content": {JSON: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Note"}}}}}
        },
    },
    "paths": {
        "/notes": {
            "get": {
                "parameters": [{"in": "query", "name": "q", "schema": {"type": "string", "maxLength": 80}}],
                "responses": {"200": {"$ref": "#/components/responses/OK"}, "422": {}},
                "security": [],
            },
            "post": {
                "requestBody": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/NoteCreate"}}}},
                "responses": {"201": {"headers": {"Location": {"required": True}}}},
                "security": [{"cookie": [], "csrf": []}, {"bearer": []}],
            },
        },
        "/notes/{key}": {
            "parameters": [{"in": "path", "name": "key", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "responses": {
                    "200": {"content": {JSON: {"schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}}
                }
            },
        },
    },
}


def changed(path, value=None):
    """Return DOCUMENT with *value* at *path*, or without what is there."""
    document = deepcopy(DOCUMENT)
    place = document
    *way, last = path.split(" ")
    for name in way:
        place = place[int(name) if isinstance(place, list) else name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


SHOWN, SENT = "components schemas Note", "components schemas NoteCreate"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("paths /notes post", None, "POST /notes: is gone"),
        ("paths /notes/{key}", None, "GET /notes/{key}: is gone"),
        ("paths /notes get parameters", [], "GET /notes: query parameter 'q' is gone"),
        (
            "paths /notes get parameters 0 required",
            True,
            "GET /notes: query parameter 'q' is required now",
        ),
        (
            "paths /notes get parameters 0 schema maxLength",
            40,
            "GET /notes: query parameter 'q': had maxLength 80 and has 40",
        ),
        ("paths /notes get responses 200", None, "GET /notes 200: is gone"),
        ("paths /notes get security", [{"bearer": []}], "GET /notes: needs a login now"),
        ("paths /notes post security", [{"bearer": []}], "POST /notes: cookie and csrf is not enough any more"),
        ("paths /notes post requestBody required", True, "POST /notes body: is required now"),
        ("paths /notes post responses 201 headers", {}, "POST /notes 201: header 'Location' is gone"),
        (
            "paths /notes post responses 201 headers Location",
            {},
            "POST /notes 201: header 'Location' may be missing now",
        ),
        ("components responses OK content", {"text/csv": {}}, "GET /notes 200: application/json is gone"),
        (f"{SHOWN} properties rating", None, "GET /notes 200: property 'rating' is gone"),
        (f"{SHOWN} required", ["id", "rating"], "GET /notes 200: property 'kind' may be missing now"),
        (
            f"{SHOWN} properties rating type",
            "number",
            "GET /notes 200: property 'rating' was integer and is number",
        ),
        (
            f"{SHOWN} properties rating maximum",
            10,
            "GET /notes 200: property 'rating' had maximum 5 and has 10",
        ),
        (f"{SHOWN} properties rating maximum", None, "GET /notes 200: property 'rating' had maximum 5 and has none"),
        (
            f"{SHOWN} properties kind enum",
            ["walk", "ride", "swim"],
            "GET /notes 200: property 'kind' may be \"swim\" now",
        ),
        (f"{SHOWN} properties kind enum", None, "GET /notes 200: property 'kind' may be any value now"),
        (f"{SENT} properties rating", None, "POST /notes body: property 'rating' is gone"),
        (
            f"{SENT} required",
            ["id", "rating", "kind", "author"],
            "POST /notes body: property 'author' is required now",
        ),
        (f"{SENT} properties kind enum", ["walk"], "POST /notes body: property 'kind' does not take \"ride\" any more"),
        (f"{SENT} properties rating minimum", 2, "POST /notes body: property 'rating' had minimum 1 and has 2"),
        (f"{SENT} properties kind pattern", "^w", "POST /notes body: property 'kind' had pattern none and has ^w"),
        (
            "components schemas Author type",
            "object",
            "POST /notes body: property 'author' was null or object and is object",
        ),
        (
            "components schemas Author properties name type",
            ["string", "null"],
            "GET /notes 200: property 'author.name' was string and is null or string",
        ),
        (
            f"paths /notes/{{key}} get responses 200 content {JSON} schema anyOf",
            [{"type": "integer"}, {"type": "string"}],
            "GET /notes/{key} 200: may be something else now",
        ),
    ],
)
def test_what_breaks_a_program_is_told(path, value, line):
    assert line in breaking(DOCUMENT, changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("info", {"title": "Another name"}),
        ("paths /new", {"get": {"responses": {}}}),
        ("paths /notes get parameters 0 schema maxLength", 200),
        ("paths /notes get responses 422", None),
        ("paths /notes get responses 429", {}),
        ("paths /notes get parameters 1", {"in": "query", "name": "page", "schema": {"type": "integer"}}),
        ("paths /notes post security", [{}]),
        (f"{SHOWN} properties text", {"type": "string"}),
        (f"{SHOWN} required", ["id", "rating", "kind", "author"]),
        (f"{SHOWN} properties rating maximum", 4),
        (f"{SHOWN} properties kind enum", ["walk"]),
        (f"{SENT} properties rating type", "number"),
        (f"{SENT} properties rating maximum", 10),
        (f"{SENT} properties kind enum", ["walk", "ride", "swim"]),
        (f"{SENT} properties text", {"type": "string"}),
        (f"{SENT} required", []),
        (f"paths /notes/{{key}} get responses 200 content {JSON} schema", {"type": "integer"}),
    ],
)
def test_what_no_program_notices_is_not(path, value):
    new = changed("paths /notes get", DOCUMENT["paths"]["/notes"]["get"])
    if path == "paths /notes get parameters 1":
        new["paths"]["/notes"]["get"]["parameters"].append(value)
    else:
        new = changed(path, value)
    assert breaking(DOCUMENT, new) == []


def test_a_value_in_a_path_may_be_called_otherwise():
    new = deepcopy(DOCUMENT)
    [parameter] = new["paths"]["/notes/{key}"]["parameters"]
    parameter["name"] = "id"
    new["paths"]["/notes/{id}"] = new["paths"].pop("/notes/{key}")
    assert breaking(DOCUMENT, new) == []


@pytest.fixture
def check(start, tmp_path):
    app = start(features=["db", Api()], modules=[LIBRARY, OLDER])
    file = tmp_path / "openapi.json"

    def run(*options, change=lambda document: None):
        prefix = ["--config-prefix", options[-1]] if options else []
        app.test_cli_runner().invoke(args=["openapi", "write", str(file), *prefix])
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))
        return app.test_cli_runner().invoke(args=["kit", "openapi", "--check", str(file), *options])

    return run


def test_the_command_compares_the_app_with_a_file(check):
    same = check()
    assert (same.exit_code, same.output) == (0, "No breaking change.\n")

    def had_pages(document):
        document["components"]["schemas"]["ApiBook"]["properties"]["pages"] = {"type": "integer"}

    broken = check(change=had_pages)
    assert broken.exit_code == 1
    assert "GET /api/books/{key} 200: property 'pages' is gone\n" in broken.output


def test_the_command_looks_at_the_version_that_is_asked_for(check):
    assert check("--config-prefix", "V1").output == "No breaking change.\n"
    unknown = check("--config-prefix", "V7")
    assert (unknown.exit_code, unknown.output) == (1, "Error: There is no version 'V7'; there are: V1.\n")


@pytest.mark.parametrize("content", ["", "[]", '{"openapi": "3.1.0"}'])
def test_a_file_without_a_document_is_refused(start, tmp_path, content):
    app = start(features=["db", Api()], modules=[LIBRARY])
    file = tmp_path / "openapi.json"
    file.write_text(content)
    refused = app.test_cli_runner().invoke(args=["kit", "openapi", "--check", str(file)])
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Error: {file} is no ")
