"""Keys in URLs: several columns, and texts that mean something else in a path."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import ARRAY, ForeignKey, Integer, Numeric, String
from sqlalchemy.ext.associationproxy import association_proxy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from flaskkit import Api, Model, Module, Resource, db, public
from flaskkit.api.schemas import schemas_for
from flaskkit.errors import ResourceError


class KeyOrder(Model):
    __tablename__ = "key_order"
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    lines: Mapped[list[KeyLine]] = relationship(order_by="KeyLine.number", back_populates="order")


class KeyLine(Model):
    __tablename__ = "key_line"
    order_code: Mapped[str] = mapped_column(ForeignKey(KeyOrder.code), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(String(40))
    order: Mapped[KeyOrder] = relationship(back_populates="lines")


class KeySize(enum.Enum):
    small = 1
    large = 2


class KeyDay(Model):
    __tablename__ = "key_day"
    day: Mapped[date] = mapped_column(primary_key=True)
    size: Mapped[KeySize] = mapped_column(primary_key=True)
    text: Mapped[str | None]


days = Resource(KeyDay, name="days", fields=["day", "size", "text"], read=public, write=public)
orders = Resource(
    KeyOrder,
    name="orders",
    fields=["code"],
    read_only=["lines"],
    nested={"lines": ["number", "text"]},
    read=public,
    write=public,
)
lines = Resource(KeyLine, name="lines", fields=["order", "number", "text"], sorts=["text"], read=public, write=public)
CODES = ["plain", "a/b", "a,b", "a%2Fb", "50%", "..", ".", "new", "ä ö", "?x=1#y", ",", "//"]


@pytest.fixture
def app(start):
    features = ["db", "forms", Api(), "pages"]
    return start(features=features, modules=[Module("keys", resources=[orders, lines, days])])


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.mark.parametrize("code", CODES)
def test_any_text_is_a_key_that_is_found_again(client, code):
    made = client.post("/api/orders/", json={"code": code})
    assert made.status_code == 201, made.text
    assert client.get(made.location).json == {"code": code, "lines": []}
    page = client.get(made.location.removeprefix("/api"))
    assert page.status_code == 200
    assert client.delete(made.location).status_code == 204


@pytest.mark.parametrize("code", CODES)
def test_a_key_of_several_columns_is_its_parts_with_commas_between(client, code):
    client.post("/api/orders/", json={"code": code})
    made = client.post("/api/lines/", json={"order": code, "number": 2, "text": "Tea"})
    assert made.status_code == 201, made.text
    assert made.json == {"order_code": code, "order": code, "number": 2, "text": "Tea"}
    assert client.get(made.location).json == made.json
    assert client.patch(made.location, json={"text": "Salt"}).json["text"] == "Salt"
    assert client.get(made.location.removeprefix("/api")).status_code == 200
    assert client.delete(made.location).status_code == 204
    assert client.get(made.location).status_code == 404


def test_the_parts_of_a_key_stay(client):
    client.post("/api/orders/", json={"code": "a"})
    made = client.post("/api/lines/", json={"order": "a", "number": 1, "text": "Tea"})
    assert made.location == "/api/lines/a,1"
    refused = client.patch(made.location, json={"number": 2, "order": "a"})
    assert {error["pointer"] for error in refused.json["errors"]} == {"#/number", "#/order"}


def test_days_and_enums_are_parts_of_keys(client):
    made = client.post("/api/days/", json={"day": "2030-12-31", "size": "large"})
    assert made.location == "/api/days/2030-12-31,large"
    assert client.get(made.location).json == made.json
    for key in ("2030-12-32,large", "20301231,large", "2030-12-31,2", "2030-12-31,huge"):
        assert client.get(f"/api/days/{key}").status_code == 404


@pytest.mark.parametrize("key", ["a", "a,x", "a,1,2", "a,", ",", "a,99", "a%252C1"])
def test_what_is_no_such_key_is_not_found(client, key):
    client.post("/api/orders/", json={"code": "a"})
    client.post("/api/lines/", json={"order": "a", "number": 1, "text": "Tea"})
    assert client.get(f"/api/lines/{key}").status_code == 404
    assert client.get(f"/lines/{key}").status_code == 404


def test_lists_are_stable_by_all_parts_of_the_key(client):
    for code in "ba":
        client.post("/api/orders/", json={"code": code})
        for number in (2, 1):
            client.post("/api/lines/", json={"order": code, "number": number, "text": "Tea"})
    listed = [(line["order"], line["number"]) for line in client.get("/api/lines/?sort=text").json]
    assert listed == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert client.get("/api/orders/a").json["lines"] == [{"number": 1, "text": "Tea"}, {"number": 2, "text": "Tea"}]
    assert client.get("/lines/").status_code == client.get("/orders/a").status_code == 200


class Base(DeclarativeBase):
    """Of tables that not every database can make."""


class KeyOdd(Base):
    __tablename__ = "key_odd"
    id: Mapped[int] = mapped_column(primary_key=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    price: Mapped[Decimal] = mapped_column(Numeric)
    texts = association_proxy("notes", "text")
    notes: Mapped[list[KeyOddNote]] = relationship()


class KeyOddNote(Base):
    __tablename__ = "key_odd_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    odd_id: Mapped[int] = mapped_column(ForeignKey(KeyOdd.id))
    text: Mapped[str]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fields": ["numbers"]}, "whose type list has no form in JSON"),
        ({"fields": ["price"]}, "Write Numeric(12, 2)"),
        ({"read_only": ["texts"]}, "Show it by a property with a return annotation"),
    ],
)
def test_a_type_without_an_exact_form_is_told_at_start(options, words):
    resource = Resource(KeyOdd, **options)
    with pytest.raises(ResourceError) as refused:
        resource.check()
        schemas_for(resource, "Odd")
    assert words in str(refused.value)


def test_keys_of_several_columns_are_no_values(start):
    with pytest.raises(ResourceError, match="show it by read_only and nested"):
        start(features=["db"], modules=[Module("keys", resources=[Resource(KeyOrder, fields=["lines"])])])


def test_the_key_of_a_row_is_taken_as_it_is_in_python(app):
    from flaskkit.db import rows

    with app.test_request_context():
        db.session.add(KeyOrder(code="a"))
        db.session.add(KeyLine(order_code="a", number=1, text="Tea"))
        db.session.commit()
        assert rows.get(lines, ("a", 1)) is rows.get(lines, "a,1")
