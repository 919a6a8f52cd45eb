"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from openapi_spec_validator import validate
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Resource, public
from tests.api.conftest import LIBRARY, Names
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
    assert list(document["paths"]["/api/letters"]) == ["post"]
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
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": 40,
            "pattern": r"^[^\x00]*$",
            "description": "As on the cover.",
        },
        "isbn": {"type": ["string", "null"], "maxLength": 13, "pattern": "^(?:[0-9]{13})$"},
        "kind": {"type": "string", "enum": ["novel", "poem"], "default": "novel"},
        "stars": {"type": ["integer", "null"], "format": "int64", "minimum": 1, "maximum": 5},
        "lent": {"type": "boolean", "default": False},
        "cost": {"type": "string", "format": "decimal", "pattern": r"^-?\d{1,6}(\.\d{1,2})?$", "default": "9.50"},
        "shelves": {
            "type": "array",
            "items": {"type": "string", "format": "uuid"},
            "description": "Keys of ApiShelf rows.",
        },
    }
    assert "required" not in schemas["ApiBookPatch"]
    assert all("default" not in value for value in schemas["ApiBookPatch"]["properties"].values())


def test_parameters_of_a_list_have_their_types(document):
    parameters = {one["name"]: one for one in operations(document)["list_books"]["parameters"]}
    numbers = ["", "__ne", "__lt", "__le", "__gt", "__ge", "__in"]
    assert list(parameters) == [
        *["page", "page_size", "count", "after", "sort", "q", "kind", "kind__ne", "kind__in"],
        *[f"stars{end}" for end in (*numbers, "__isnull")],
        "lent",
        *[f"{name}{end}" for name in ("cost", "created_at") for end in numbers],
        "If-None-Match",
    ]
    assert parameters["page_size"]["schema"] == {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 100,
        "default": 20,
    }
    assert parameters["sort"]["schema"]["items"]["enum"] == ["title", "-title", "stars", "-stars"]
    assert (parameters["sort"]["style"], parameters["sort"]["explode"]) == ("form", False)
    assert (parameters["sort"]["schema"]["minItems"], parameters["sort"]["schema"]["maxItems"]) == (1, 2)
    assert parameters["count"]["schema"] == {"type": "string", "enum": ["exact", "none"]}
    assert parameters["lent"]["schema"] == {"type": "boolean"}
    stars = {"type": "integer", "format": "int64", "minimum": 1, "maximum": 5}
    assert parameters["stars__ge"]["schema"] == stars
    assert parameters["stars__ge"]["description"] == "Only where stars is at least this."
    assert parameters["stars__in"]["schema"] == {"type": "array", "items": stars, "minItems": 1, "maxItems": 100}
    assert (parameters["stars__in"]["style"], parameters["stars__in"]["explode"]) == ("form", False)
    assert parameters["stars__isnull"]["schema"] == {"type": "boolean"}
    assert parameters["kind__in"]["schema"]["items"] == {"type": "string", "enum": ["novel", "poem"]}


def test_a_reference_has_the_limits_of_the_key_it_is(start):
    class ApiPort(Model):
        __tablename__ = "api_port"
        code: Mapped[str] = mapped_column(
            String(3), primary_key=True, info={"pattern": "[A-Z]{3}", "label": "IATA code"}
        )

    class ApiTrip(IntegerKey, Model):
        __tablename__ = "api_trip"
        port_code: Mapped[str] = mapped_column(ForeignKey(ApiPort.code))
        port: Mapped[ApiPort] = relationship()

    trips = Resource(ApiTrip, name="trips", fields=["port"], read=public, create=public)
    ports = Resource(ApiPort, name="ports", fields=["code"], read=public)
    client = start(features=["db", Api()], modules=[Module("trips", resources=[trips, ports])]).test_client()
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    limits = {"type": "string", "maxLength": 3, "pattern": "^(?:[A-Z]{3})$"}
    assert schemas["ApiTripCreate"]["properties"]["port"] == {**limits, "description": "Key of the ApiPort."}
    assert schemas["ApiPort"]["properties"]["code"] == {**limits, "minLength": 1, "description": "IATA code."}
    refused = client.post("/api/trips", json={"port": "rom"})
    assert refused.json["errors"] == [{"detail": "Does not match [A-Z]{3}.", "pointer": "#/port"}]


def test_creating_leads_to_what_can_be_done_with_the_new_row(document):
    links = operations(document)["create_notes"]["responses"]["201"]["links"]
    here = {"key": "$response.body#/id"}
    assert links == {name: {"operationId": f"{name}_notes", "parameters": here} for name in ("read", "delete")}


def test_the_document_says_where_the_app_is(start):
    app = start(features=["db", Api()], modules=[LIBRARY], flask={"APPLICATION_ROOT": "/shop"})
    assert app.test_client().get("/api/openapi.json").json["servers"] == [{"url": "/shop"}]


def test_headers_that_are_always_sent_are_required(client, ann, document):
    found = operations(document)

    def required(name, status):
        headers = found[name]["responses"][status]["headers"]
        at = {
            n: document["components"]["headers"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            for n, one in headers.items()
        }
        return {n for n, one in at.items() if one.get("required")}

    assert required("list_books", "200") == required("list_books", "304") == {"X-Pagination", "Link", "ETag"}
    assert required("read_books", "200") == required("replace_books", "200") == {"ETag"}
    assert required("create_books", "201") == {"Location", "ETag"}
    # Not everybody may see the new one.
    assert required("create_shelves", "201") == set()
    assert document["components"]["responses"]["UNAUTHORIZED"]["headers"]["WWW-Authenticate"]["required"]
    # Also where there is nothing.
    for query in ("", "?count=none", "?after=", "?page=9"):
        assert {"X-Pagination", "Link", "ETag"} <= {*client.get(f"/api/notes{query}").headers.keys()}
    assert ann.post("/api/books", json={"title": "Emma"}).headers["Location"]


def test_headers_of_answers_are_described(document):
    headers = document["components"]["headers"]
    assert headers["PAGINATION"]["content"] == {
        "application/json": {
            "schema": {
                "allOf": [
                    {"$ref": "#/components/schemas/PaginationMetadata"},
                    {
                        "type": "object",
                        "properties": {
                            "after": {
                                "type": "string",
                                "description": "The cursor to read on with; none on the last page.",
                            }
                        },
                    },
                ]
            }
        }
    }
    assert set(operations(document)["list_books"]["responses"]["200"]["headers"]) == {"X-Pagination", "Link", "ETag"}
    assert set(operations(document)["list_books"]["responses"]["304"]["headers"]) == {"X-Pagination", "Link", "ETag"}
    assert set(operations(document)["create_books"]["responses"]["201"]["headers"]) == {"Location", "ETag"}
    assert set(document["components"]["responses"]["UNAUTHORIZED"]["headers"]) == {"WWW-Authenticate"}


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("list_books", {"200", "304", "422"}),
        ("read_books", {"200", "304", "404", "422"}),
        ("create_books", {"201", "400", "401", "403", "409", "413", "415", "422"}),
        ("update_books", {"200", "400", "401", "403", "404", "409", "412", "413", "415", "422"}),
        ("delete_books", {"204", "400", "401", "403", "404", "409", "412", "422"}),
        ("create_notes", {"201", "400", "409", "413", "415", "422"}),
        ("list_shelves", {"200", "304", "401", "403", "422"}),
        ("post_api_nearest_Nearest", {"201", "400", "401", "403", "413", "415", "422"}),
        ("post_api_below_touch", {"204", "400", "401", "403", "404"}),
    ],
)
def test_every_status_an_operation_can_answer_is_told(document, operation, statuses):
    responses = operations(document)[operation]["responses"]
    assert set(responses) == {*statuses, "default"}
    for status, answer in responses.items():
        if status == "default" or int(status) >= 400:
            name = answer["$ref"].rpartition("/")[2]
            content = document["components"]["responses"][name]["content"]
            assert list(content) == ["application/problem+json"]
            told = content["application/problem+json"]
            assert told["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert status in ("default", str(told["example"]["status"]))


SESSION, TOKEN = {"cookieAuth": [], "csrfToken": []}, {"bearerAuth": []}


@pytest.mark.parametrize(
    ("operation", "security"),
    [
        ("list_books", []),
        ("list_shelves", [{"cookieAuth": []}, {"bearerAuth": ["shelves:read"]}]),
        ("create_books", [SESSION, {"bearerAuth": ["books:write"]}]),
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
