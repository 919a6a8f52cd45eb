"""What of a row is shown, and by which name: objects, computed fields, some fields only, other names."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from functools import cached_property

import jsonschema
import pytest
from openapi_spec_validator import validate
from sqlalchemy import ForeignKey, Numeric, String, func, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Resource, db, login, public
from flaskkit.access import Caller


class ShownMood(enum.Enum):
    calm = 1
    wild = 2


class ShownPort(Model):
    """A port, whose key is a text."""

    __tablename__ = "shown_port"
    code: Mapped[str] = mapped_column(String(5), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    secret: Mapped[str] = mapped_column(String(40), default="hidden")


class ShownStop(IntegerKey, Model):
    __tablename__ = "shown_stop"
    ship_id: Mapped[int] = mapped_column(ForeignKey("shown_ship.id"))
    port_code: Mapped[str] = mapped_column(ForeignKey(ShownPort.code))
    fee: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal("1.50"))
    day: Mapped[date | None]


class ShownShip(Model):
    __tablename__ = "shown_ship"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    knots: Mapped[int] = mapped_column(default=10, info={"maximum": 40})
    home_code: Mapped[str] = mapped_column(ForeignKey(ShownPort.code))
    haven_code: Mapped[str | None] = mapped_column(ForeignKey(ShownPort.code))
    home: Mapped[ShownPort] = relationship(foreign_keys=home_code)
    haven: Mapped[ShownPort | None] = relationship(foreign_keys=haven_code)
    stops: Mapped[list[ShownStop]] = relationship(order_by=ShownStop.id)
    fees: Mapped[Decimal | None] = column_property(
        select(func.sum(ShownStop.fee)).where(ShownStop.ship_id == id).correlate_except(ShownStop).scalar_subquery()
    )

    @property
    def words(self) -> int:
        """How many words the name has."""
        return len(self.name.split())

    @cached_property
    def mood(self) -> ShownMood | None:
        return ShownMood.wild if self.knots > 20 else None

    @property
    def letters(self) -> list[str]:
        return sorted(set(self.name.lower()))

    @hybrid_property
    def fast(self) -> bool:
        return self.knots > 20

    @fast.inplace.expression
    @classmethod
    def _fast(cls):
        return cls.knots > 20

    @property
    def untold(self):
        return 1


FIELDS = ["name", "knots", "home", "haven", "stops"]
ports = Resource(ShownPort, name="ports", fields=["code", "name"], read=public, write=public)
stops = Resource(ShownStop, name="stops", fields=["fee", "day"], read=login)
tours = Resource(ShownShip, name="tours", read_only=["stops"], expand={"stops": ["fee"]}, read=public)
ships = Resource(
    ShownShip,
    name="ships",
    fields=FIELDS,
    nested={"home": ["code", "name"], "stops": ["fee", "id"]},
    expand={"haven": ["code", "name"]},
    sorts=["name"],
    read=public,
    write=public,
)
computed = Resource(
    ShownShip,
    name="computed",
    fields=["name", "knots", "home"],
    read_only=["words", "mood", "letters", "fast", "fees"],
    filters=["fast", "fees"],
    sorts=["fees"],
    sparse=True,
    read=public,
    write=public,
)
boats = Resource(
    ShownShip,
    name="boats",
    fields=["name", "knots", "home", "haven"],
    renamed={"name": "title", "knots": "speed", "home": "base", "haven": "refuge"},
    filters=["knots"],
    sorts=["knots", "name"],
    search=["name"],
    expand={"haven": ["name"], "home": ["name"]},
    sparse=True,
    read=public,
    write=public,
)


@pytest.fixture
def app(start):
    modules = [Module("shown", resources=[ports, stops, ships, tours, computed, boats])]
    app = start(features=["db", Api()], modules=modules)
    with app.app_context():
        for code in ("HAM", "OSL", "a/b,c"):
            db.session.add(ShownPort(code=code, name=f"Port {code}"))
        db.session.flush()
        for i, name in enumerate(["Blue Moon", "Ada", "Red Rose Two"], 1):
            ship = ShownShip(name=name, knots=i * 10, home_code="HAM", haven_code=[None, "OSL"][i % 2])
            ship.stops = [ShownStop(port_code="OSL") for _ in range(i - 1)]
            db.session.add(ship)
            db.session.flush()
        db.session.commit()
    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").json


def fits(document, path, method, status, value):
    """Check *value* against what the *document* says of an answer."""
    schema = document["paths"][path.rstrip("/")][method]["responses"][str(status)]["content"]["application/json"][
        "schema"
    ]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)
    return value


def refused(answer):
    assert answer.status_code == 422, answer.text
    return {error.get("pointer") or error["parameter"] for error in answer.json["errors"]}


def test_other_rows_are_shown_as_objects_and_sent_as_keys(client, document):
    body = {"name": "New", "home": "OSL", "haven": "HAM", "stops": []}
    made = client.post("/api/ships/", json=body)
    assert made.status_code == 201, made.text
    fits(document, "/api/ships/", "post", 201, made.json)
    assert made.json["home"] == {"code": "OSL", "name": "Port OSL"}
    assert made.json["haven"] == "HAM"
    assert client.get(made.location).json == made.json
    moved = client.patch(made.location, json={"home": "HAM"}).json
    assert moved["home"]["code"] == "HAM"
    assert refused(client.patch(made.location, json={"home": {"code": "HAM"}})) == {"#/home"}


def test_rows_that_only_others_may_read_are_left_out(client):
    assert [ship["stops"] for ship in client.get("/api/ships/").json] == [[], [], []]


def test_a_list_holds_keys_or_where_that_is_asked_objects(app, client, document):
    app.extensions["flaskkit"].caller = lambda: Caller(object(), "session")
    assert client.get("/api/ships/3").json["stops"] == [{"id": 2, "fee": "1.50"}, {"id": 3, "fee": "1.50"}]
    shown = [client.get(f"/api/tours/{path}").json["stops"] for path in ("1?expand=stops", "3", "3?expand=stops")]
    assert shown == [[], [2, 3], [{"fee": "1.50"}, {"fee": "1.50"}]]
    for path in ("1?expand=stops", "3", "3?expand=stops"):
        fits(document, "/api/tours/{key}", "get", 200, client.get(f"/api/tours/{path}").json)


def test_a_row_is_expanded_where_that_is_asked(client, document):
    assert client.get("/api/ships/1").json["haven"] == "OSL"
    expanded = fits(document, "/api/ships/{key}", "get", 200, client.get("/api/ships/1?expand=haven").json)
    assert expanded["haven"] == {"code": "OSL", "name": "Port OSL"}
    page = fits(document, "/api/ships/", "get", 200, client.get("/api/ships/?expand=haven&sort=name").json)
    assert [ship["haven"] and ship["haven"]["code"] for ship in page] == [None, "OSL", "OSL"]


@pytest.mark.parametrize("path", ["/api/ships/", "/api/ships/1", "/api/boats/", "/api/boats/1"])
@pytest.mark.parametrize("query", ["expand=stops", "expand=secret", "expand=haven&expand=haven", "expand=home,"])
def test_only_declared_relationships_expand(client, path, query):
    assert refused(client.get(f"{path}?{query}")) == {"expand"}


@pytest.mark.parametrize("path", ["/api/computed/", "/api/computed/1"])
@pytest.mark.parametrize("query", ["fields=secret", "fields=home_code", "fields=", "fields=name,,words"])
def test_only_readable_fields_can_be_asked_for(client, path, query):
    assert refused(client.get(f"{path}?{query}")) == {"fields"}


@pytest.mark.parametrize(
    ("path", "parameter"), [("/api/ships/1?fields=name", "fields"), ("/api/ports/?expand=a", "expand")]
)
def test_what_is_not_declared_is_no_parameter(client, path, parameter):
    assert refused(client.get(path)) == {parameter}


def test_some_fields_are_shown_and_always_the_key(client, document):
    one = client.get("/api/computed/1?fields=words,fast").json
    assert fits(document, "/api/computed/{key}", "get", 200, one) == {"id": 1, "words": 2, "fast": False}
    page = client.get("/api/computed/?fields=fees").json
    assert fits(document, "/api/computed/", "get", 200, page) == [
        {"id": 1, "fees": None},
        {"id": 2, "fees": "1.50"},
        {"id": 3, "fees": "3.00"},
    ]


def test_computed_fields_are_shown_with_their_types(client, document):
    shown = fits(document, "/api/computed/{key}", "get", 200, client.get("/api/computed/3").json)
    assert shown["words"] == 3
    assert shown["mood"] == "wild"
    assert shown["letters"] == [" ", "d", "e", "o", "r", "s", "t", "w"]
    assert shown["fast"] is True
    assert shown["fees"] == "3.00"
    schema = document["components"]["schemas"]["Computed"]["properties"]
    assert schema["words"] == {"type": "integer", "format": "int64", "description": "How many words the name has."}
    assert schema["mood"]["enum"] == ["calm", "wild", None]
    assert schema["letters"] == {"type": "array", "items": {"type": "string", "pattern": r"^[^\x00]*$"}}


def test_computed_fields_cannot_be_sent(client):
    body = {"name": "New", "home": "HAM", "words": 1}
    assert refused(client.post("/api/computed/", json=body)) == {"#/words"}


def test_what_the_database_computes_filters_and_sorts(client):
    assert [ship["id"] for ship in client.get("/api/computed/?fast=true").json] == [3]
    assert [ship["id"] for ship in client.get("/api/computed/?fees=1.5").json] == [2]
    assert [ship["id"] for ship in client.get("/api/computed/?sort=-fees").json][:2] in ([3, 2], [1, 3])


def test_what_python_computes_is_made_from_objects_and_the_rest_is_not(client, count_statements):
    with count_statements() as seen:
        client.get("/api/computed/?fields=fast,fees")
    assert len(seen) == 1


def test_other_names_are_known_outside_only(client, document):
    made = client.post("/api/boats/", json={"title": "New", "speed": 7, "base": "HAM"})
    assert made.status_code == 201, made.text
    assert fits(document, "/api/boats/", "post", 201, made.json) == {
        "id": 4,
        "title": "New",
        "speed": 7,
        "base": "HAM",
        "refuge": None,
    }
    assert [boat["speed"] for boat in client.get("/api/boats/?sort=-speed").json] == [30, 20, 10, 7]
    assert [boat["title"] for boat in client.get("/api/boats/?speed=20").json] == ["Ada"]
    assert [boat["title"] for boat in client.get("/api/boats/?q=rose&fields=title").json] == ["Red Rose Two"]
    assert client.get("/api/boats/1?expand=refuge&fields=refuge").json == {"id": 1, "refuge": {"name": "Port OSL"}}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("knots=1", "knots"), ("sort=knots", "sort"), ("fields=name", "fields"), ("speed=x", "speed")],
)
def test_the_names_inside_are_no_parameters(client, query, parameter):
    assert refused(client.get(f"/api/boats/?{query}")) == {parameter}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"title": "New", "base": "HAM", "speed": "x"}, {"#/speed"}),
        ({"title": "New", "base": "XXX"}, {"#/base"}),
        ({"name": "New", "home": "HAM"}, {"#/name", "#/home", "#/title", "#/base"}),
    ],
)
def test_errors_name_what_was_sent(client, body, pointers):
    assert refused(client.post("/api/boats/", json=body)) == pointers


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_a_collision_names_what_was_sent(client, headers):
    taken = client.post("/api/boats/", json={"title": "Ada", "base": "HAM"}, headers=headers)
    assert taken.status_code == 409
    assert [error["pointer"] for error in taken.json["errors"]] == ["#/title"]


def test_the_document_of_an_older_version_is_valid(start):
    features = ["db", Api()]
    modules = [Module("shown", resources=[ports, ships, tours, computed, boats])]
    app = start(features=features, modules=modules, flask={"OPENAPI_VERSION": "3.0.3"})
    validate(app.test_client().get("/api/openapi.json").json)


def test_the_document_is_valid_and_says_when_an_object_may_be_missing(document):
    validate(document)
    schemas = document["components"]["schemas"]
    ship = schemas["ShownShip"]
    assert ship["properties"]["home"] == {"$ref": "#/components/schemas/ShownShipHomeNested"}
    assert ship["properties"]["stops"]["items"] == {"$ref": "#/components/schemas/ShownShipStopsNested"}
    assert ship["properties"]["haven"]["oneOf"] == [
        {"type": "string", "maxLength": 5, "pattern": r"^[^\x00]*$"},
        {"$ref": "#/components/schemas/ShownShipHavenNested"},
        {"type": "null"},
    ]
    assert "haven" in ship["required"]
    assert schemas["BoatsSparse"]["required"] == ["id"]
    assert set(schemas["Boats"]["required"]) == {"id", "title", "speed", "base", "refuge"}
    assert "secret" not in str(schemas)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fields": ["words"]}, "computed. Name it in read_only"),
        ({"read_only": ["untold"]}, "def untold(self) -> str"),
        ({"read_only": ["wrds"]}, "lacks"),
        ({"read_only": ["words"], "sorts": ["words"]}, "computed in Python"),
        ({"fields": ["home"], "nested": {"home": ["nme"]}}, "Did you mean 'name'?"),
        ({"fields": ["home"], "nested": {"home": "name"}}, "list what is shown"),
        ({"fields": ["name"], "nested": {"home": ["name"]}}, "in fields or read_only"),
        ({"fields": ["name"], "nested": {"name": ["name"]}}, "name a relationship"),
        ({"fields": ["home"], "nested": {"home": ["name"]}, "expand": {"home": ["name"]}}, "choose one"),
        ({"fields": ["name", "knots"], "renamed": {"name": "knots"}}, "two fields called 'knots'"),
        ({"fields": ["name"], "renamed": {"nme": "title"}}, "lacks"),
        ({"fields": ["name"], "renamed": {"name": "a-b"}}, "letters"),
    ],
)
def test_a_wrong_declaration_is_told_at_start(start, options, words):
    with pytest.raises(Exception, match="ships") as error:
        start(features=["db", "api"], modules=[Module("m", resources=[Resource(ShownShip, name="ships", **options)])])
    assert words in str(error.value)
