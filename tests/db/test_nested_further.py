"""Rows inside rows inside rows: each as far as the caller may read it, by as few statements as one level takes."""

from __future__ import annotations

from random import Random

import pytest
from openapi_spec_validator import validate
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Policy, Resource, ResourceError, db, login, owner, public
from flaskkit.access import Caller
from flaskkit.db.compiled import reader_for


class DeepLand(Model):
    __tablename__ = "deep_land"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    owner_id: Mapped[int | None]
    secret: Mapped[str] = mapped_column(String(20), default="secret")


class DeepTown(IntegerKey, Model):
    __tablename__ = "deep_town"
    name: Mapped[str] = mapped_column(String(20))
    land_code: Mapped[str | None] = mapped_column(ForeignKey(DeepLand.code))
    land: Mapped[DeepLand | None] = relationship()
    streets: Mapped[list[DeepStreet]] = relationship(order_by="DeepStreet.id")


class DeepStreet(IntegerKey, Model):
    __tablename__ = "deep_street"
    name: Mapped[str] = mapped_column(String(20))
    town_id: Mapped[int] = mapped_column(ForeignKey(DeepTown.id))


class DeepMaker(IntegerKey, Model):
    __tablename__ = "deep_maker"
    name: Mapped[str] = mapped_column(String(20))
    owner_id: Mapped[int | None]
    town_id: Mapped[int | None] = mapped_column(ForeignKey(DeepTown.id))
    town: Mapped[DeepTown | None] = relationship()


class DeepBike(IntegerKey, Model):
    __tablename__ = "deep_bike"
    name: Mapped[str] = mapped_column(String(20))
    maker_id: Mapped[int | None] = mapped_column(ForeignKey(DeepMaker.id))
    seller_id: Mapped[int | None] = mapped_column(ForeignKey(DeepMaker.id))
    maker: Mapped[DeepMaker | None] = relationship(foreign_keys=maker_id)
    seller: Mapped[DeepMaker | None] = relationship(foreign_keys=seller_id)
    wheels: Mapped[list[DeepWheel]] = relationship(order_by="DeepWheel.id")


class DeepWheel(IntegerKey, Model):
    __tablename__ = "deep_wheel"
    size: Mapped[int]
    bike_id: Mapped[int] = mapped_column(ForeignKey(DeepBike.id))
    maker_id: Mapped[int | None] = mapped_column(ForeignKey(DeepMaker.id))
    maker: Mapped[DeepMaker | None] = relationship()


class Sold(Policy):
    """Sees makers of whom a bike is known, of an own one: a condition with the table that is listed."""

    def allows(self, user, item=None):
        if user is None or item is None:
            return user is not None
        made = select(DeepBike.id).where(DeepBike.maker_id == item.id)
        return item.owner_id == user.id and db.session.scalars(made).first() is not None

    def rows(self, user, model):
        if user is None:
            return False
        return (model.owner_id == user.id) & select(DeepBike.id).where(DeepBike.maker_id == model.id).exists()


DEEP = {
    "maker": ["name", "town"],
    "maker.town": ["name", "land"],
    "maker.town.land": ["code"],
    "seller": ["town", "id"],
    "seller.town": ["id"],
    "wheels": ["size", "maker"],
    "wheels.maker": ["town", "name"],
    "wheels.maker.town": ["name"],
}
bikes = Resource(
    DeepBike, name="bikes", fields=["name", "maker", "seller", "wheels"], nested=DEEP, sorts=["maker.town.name"],
    read=public, write=public,
)  # fmt: skip
# The same, as model objects: a to-many relationship behind another row.
wide = Resource(
    DeepBike,
    name="wide",
    fields=["name", "maker"],
    nested={"maker": ["town"], "maker.town": ["name", "streets"], "maker.town.streets": ["name"]},
    read=public,
)
asked = Resource(
    DeepBike,
    name="asked",
    fields=["name", "maker"],
    expand={"maker": ["name", "town"], "maker.town": ["name", "land"], "maker.town.land": ["code"]},
    read=public,
)
OPEN = [Resource(DeepMaker, name="makers", fields=["name"], read=public)]
CLOSED = [
    Resource(DeepMaker, name="makers", fields=["name"], read=Sold()),
    Resource(DeepTown, name="towns", fields=["name"], read=login),
    Resource(DeepLand, name="lands", fields=["code"], read=owner("owner_id")),
]


class User:
    id = 1


def start_with(start, others, bike_count=20):
    app = start(features=["db", Api()], modules=[Module("deep", resources=[bikes, wide, asked, *others])])
    random = Random(7)
    with app.app_context():
        lands = [DeepLand(code=code, owner_id=i) for i, code in enumerate(["AT", "BE", "CZ"])]
        towns = [DeepTown(name=f"Town {i}", land=[*lands, None][i % 4]) for i in range(5)]
        for town in towns:
            town.streets = [DeepStreet(name=f"{town.name} {n}") for n in range(random.randrange(3))]
        makers = [DeepMaker(name=f"Maker {i}", owner_id=i % 3, town=[*towns, None][i % 6]) for i in range(8)]
        db.session.add_all([*lands, *towns, *makers])
        db.session.flush()
        for i in range(bike_count):
            bike = DeepBike(name=f"Bike {i}", maker=random.choice([None, *makers]), seller=random.choice(makers))
            bike.wheels = [DeepWheel(size=n, maker=random.choice([None, *makers])) for n in range(random.randrange(4))]
            db.session.add(bike)
            db.session.flush()
        db.session.commit()
    return app


def expected(user, open_, path_of):
    """Return what *path_of* makes of each bike, given a function that hides what the user may not see."""

    def seen(row):
        if row is None or open_:
            return row
        policies = {DeepMaker: Sold(), DeepTown: login, DeepLand: owner("owner_id")}
        return row if policies[type(row)].allows(user, row) else None

    return [path_of(bike, seen) for bike in db.session.scalars(select(DeepBike).order_by(DeepBike.id))]


def told(row, **fields):
    return None if row is None else {name: value(row) for name, value in fields.items()}


def town_of(row, seen):
    return told(
        seen(row.town),
        name=lambda town: town.name,
        land=lambda town: told(seen(town.land), code=lambda land: land.code),
    )


def whole(bike, seen):
    return {
        "id": bike.id,
        "name": bike.name,
        "maker": told(seen(bike.maker), name=lambda one: one.name, town=lambda one: town_of(one, seen)),
        "seller": told(
            seen(bike.seller), id=lambda one: one.id, town=lambda one: told(seen(one.town), id=lambda town: town.id)
        ),
        "wheels": [
            {
                "size": wheel.size,
                "maker": told(
                    seen(wheel.maker),
                    name=lambda one: one.name,
                    town=lambda one: told(seen(one.town), name=lambda town: town.name),
                ),
            }
            for wheel in bike.wheels
        ],
    }


def streets(bike, seen):
    def town(maker):
        return told(
            seen(maker.town),
            name=lambda one: one.name,
            streets=lambda one: [{"name": street.name} for street in one.streets],
        )

    return {"id": bike.id, "name": bike.name, "maker": told(seen(bike.maker), town=town)}


@pytest.mark.parametrize("name", ["bikes", "wide"])
@pytest.mark.parametrize("user", [None, User])
@pytest.mark.parametrize("others", [OPEN, CLOSED], ids=["open", "closed"])
def test_each_level_shows_what_the_caller_may_read(start, others, user, name):
    app = start_with(start, others)
    assert (reader_for(bikes) is None, reader_for(wide) is None) == (False, True)
    app.extensions["flaskkit"].caller = lambda: Caller(user, "token" if user else "")
    client = app.test_client()
    with app.test_request_context():
        rows = expected(user, others is OPEN, {"bikes": whole, "wide": streets}[name])
    assert client.get(f"/api/{name}?page_size=100").json == rows
    for row in rows[:5]:
        assert client.get(f"/api/{name}/{row['id']}").json == row
    if name == "bikes":
        assert client.patch("/api/bikes/1", json={"name": "New"}).json == {**rows[0], "name": "New"}


def test_statements_do_not_grow_with_the_page(start, count_statements):
    app = start_with(start, OPEN)
    client = app.test_client()
    for path, most in {"/api/bikes": 2, "/api/wide": 5, "/api/bikes?sort=-maker.town.name": 2}.items():
        counts = []
        for size in (2, 20):
            with count_statements() as seen:
                client.get(path, query_string={"page_size": size} if "?" not in path else None)
            counts.append(len([text for text in seen if text.startswith("SELECT")]))
        assert max(counts) <= most, (path, counts)


def test_a_request_asks_for_all_levels(start):
    client = start_with(start, OPEN).test_client()
    rows = [one for one in client.get("/api/asked?expand=maker&page_size=100").json if one["maker"]]
    whole = {one["id"]: one["maker"] for one in client.get("/api/bikes?page_size=100").json}
    assert rows
    assert all(row["maker"] == whole[row["id"]] for row in rows)
    assert all(type(row["maker"]) in (int, type(None)) for row in client.get("/api/asked").json)
    assert client.get("/api/asked?expand=maker.town").status_code == 422


def test_the_document_tells_each_level(start):
    document = start_with(start, CLOSED, 0).test_client().get("/api/openapi.json").json
    validate(document)
    schemas = document["components"]["schemas"]
    assert set(schemas["DeepBikeMakerNested"]["properties"]) == {"name", "town"}
    town = schemas["DeepBikeMakerNested"]["properties"]["town"]
    assert town["oneOf"] == [{"$ref": "#/components/schemas/DeepBikeMakerTownNested"}, {"type": "null"}]
    assert set(schemas["DeepBikeMakerTownLandNested"]["properties"]) == {"code"}
    assert "secret" not in str(document)


@pytest.mark.parametrize(
    ("nested", "mistake"),
    [
        (
            {"maker": ["town"]},
            "'maker': 'town' is a relationship of DeepMaker; say what it shows: 'maker.town': ['id'].",
        ),
        ({"maker": ["name"], "maker.town": ["id"]}, "'maker.town': name 'town' in nested 'maker' as well."),
        ({"maker": ["town"], "maker.town": ["nam"]}, "'maker': DeepTown lacks 'nam'. Did you mean 'name'?"),
        ({"maker.town": ["id"]}, "'maker.town': name 'town' in nested 'maker' as well."),
        (
            {
                "wheels": ["maker"],
                "wheels.maker": ["town"],
                "wheels.maker.town": ["land"],
                "wheels.maker.town.land": ["code"],
            },
            "'wheels.maker.town.land': rows are shown 3 levels deep at most.",
        ),
    ],
)
def test_what_leads_nowhere_is_told_at_start(nested, mistake):
    wrong = Resource(DeepBike, name="wrong", fields=["maker", "wheels"], nested=nested, read=public)
    with pytest.raises(ResourceError) as refused:
        wrong.check()
    assert str(refused.value) == f"Resource 'wrong', nested {mistake}"
