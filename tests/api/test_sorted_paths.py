"""Lists in the order of columns of other rows, as far as the caller may read these."""

from __future__ import annotations

import enum
import json
import re
from itertools import product

import pytest
from sqlalchemy import JSON, ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Policy, Resource, ResourceError, db, public
from flaskkit.db.compiled import reader_for
from tests.api.conftest import Names, known


class SortSize(enum.Enum):
    small = 1
    large = 2


class SortPort(Model):
    __tablename__ = "sort_port"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    size: Mapped[SortSize | None]
    depth: Mapped[int]


class SortBoat(IntegerKey, Model):
    __tablename__ = "sort_boat"
    name: Mapped[str | None] = mapped_column(String(20))
    owner_id: Mapped[int | None]
    facts: Mapped[dict | None] = mapped_column(JSON)
    home_code: Mapped[str | None] = mapped_column(ForeignKey(SortPort.code))
    home: Mapped[SortPort | None] = relationship()
    trips: Mapped[list[SortTrip]] = relationship(back_populates="boat")
    log: Mapped[SortLog | None] = relationship(back_populates="boat")


class SortLog(IntegerKey, Model):
    __tablename__ = "sort_log"
    boat_id: Mapped[int] = mapped_column(ForeignKey(SortBoat.id))
    boat: Mapped[SortBoat] = relationship(back_populates="log")


class SortTrip(IntegerKey, Model):
    __tablename__ = "sort_trip"
    days: Mapped[int | None]
    boat_id: Mapped[int | None] = mapped_column(ForeignKey(SortBoat.id))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("sort_trip.id"))
    boat: Mapped[SortBoat | None] = relationship(back_populates="trips")
    before: Mapped[SortTrip | None] = relationship(remote_side="SortTrip.id")

    @property
    def words(self) -> str:
        return f"{self.days} days"


class Sailed(Policy):
    """Sees own boats that sailed: a condition about the table whose lists are sorted."""

    def allows(self, user, item=None):
        return user is not None and (item is None or item.owner_id == user.id)

    def rows(self, user, model):
        if user is None:
            return False
        sailed = select(SortTrip.boat_id).where(SortTrip.boat_id == model.id)
        return (model.owner_id == user.id) & sailed.exists()


SORTS = ["boat.name", "boat.home.depth", "boat.home.size", "before.days", "days", "before.boat.name"]
trips = Resource(
    SortTrip,
    name="trips",
    fields=["days", "boat"],
    filters=["boat.name"],
    nested={"boat": ["name"]},
    sorts=SORTS,
    order=["-boat.name"],
    renamed={"boat": "ship"},
    read=public,
)
# Read as model objects, which know what Python computes.
objects = Resource(SortTrip, name="objects", fields=["days", "boat"], read_only=["words"], sorts=SORTS, read=public)
boats = Resource(SortBoat, name="boats", fields=["name"], read=Sailed())
RENAMED = {name: re.sub("^boat", "ship", name) for name in SORTS}


def start_with(start, *resources):
    app = start(features=["db", Names(), Api()], modules=[Module("trips", resources=resources)])
    with app.app_context():
        ports = [SortPort(code="BRE", size=SortSize.small, depth=7), SortPort(code="AMS", size=None, depth=7)]
        ports.append(SortPort(code="ROT", size=SortSize.large, depth=20))
        names = ["Ann", "Zoë", None, "Bea", "Ann"]
        fleet = [SortBoat(name=name, owner_id=1 + i % 2, home=[*ports, None][i % 4]) for i, name in enumerate(names)]
        db.session.add_all([*ports, *fleet])
        before = None
        for i in range(14):
            trip = SortTrip(days=[3, None, 1][i % 3], boat=[*fleet, None][i % 6], before=before if i % 4 else None)
            db.session.add(trip)
            db.session.flush()
            before = trip
        db.session.commit()
    return app


@pytest.fixture
def app(start):
    return start_with(start, trips, objects, boats)


@pytest.fixture
def open_app(start):
    return start_with(start, trips, objects)


def keys(client, query, name="trips"):
    answer = client.get(f"/api/{name}?page_size=100&{query}")
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["X-Pagination"])["total"] == len(answer.json)
    return [trip["id"] for trip in answer.json]


def walk(client, query, name="trips", size=3):
    found, path = [], f"/api/{name}?page_size={size}&after=&{query}"
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += [trip["id"] for trip in answer.json]
        path = {name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])}.get("next")
    return found


def value_at(trip, path, seen):
    for name in path.split("."):
        trip = None if trip is None else getattr(trip, name)
        if isinstance(trip, SortBoat) and not seen(trip):
            return None
    return trip.value if isinstance(trip, SortSize) else trip


def in_python(app, sort, seen=lambda boat: True):
    """Return the keys in that order, as Python sorts them."""
    path = sort.removeprefix("-")
    with app.app_context():
        rows = [(value_at(trip, path, seen), trip.id) for trip in db.session.scalars(select(SortTrip))]
    filled = sorted((row for row in rows if row[0] is not None), key=lambda row: row[1])
    filled.sort(key=lambda row: row[0], reverse=sort != path)
    return [key for _, key in filled] + sorted(key for value, key in rows if value is None)


@pytest.mark.parametrize("name", ["trips", "objects"])
@pytest.mark.parametrize("sort", [f"{sign}{name}" for name, sign in product(SORTS, ("", "-"))])
def test_rows_stand_in_the_order_of_other_rows(open_app, sort, name):
    public_sort = sort.replace("boat", "ship", 1) if name == "trips" and sort.lstrip("-").startswith("boat") else sort
    client = open_app.test_client()
    assert keys(client, f"sort={public_sort}", name) == in_python(open_app, sort)
    assert walk(client, f"sort={public_sort}", name) == in_python(open_app, sort)


@pytest.mark.parametrize("signs", [*product(("", "-"), repeat=3)], ids="".join)
def test_reading_on_works_for_several_paths(open_app, signs):
    sort = ",".join(
        sign + name for sign, name in zip(signs, ["ship.home.size", "before.days", "ship.name"], strict=True)
    )
    client = open_app.test_client()
    found = walk(client, f"sort={sort}", size=1)
    assert found == keys(client, f"sort={sort}")
    assert sorted(found) == list(range(1, 15))


@pytest.mark.parametrize("name", ["trips", "objects"])
@pytest.mark.parametrize("path", ["boat.name", "boat.home.depth", "before.boat.name"])
def test_hidden_rows_have_no_place_in_the_order(app, path, name):
    public_path = path.replace("boat", "ship", 1) if name == "trips" and path.startswith("boat") else path
    for who, user in {"ann": 1, "bob": 2}.items():
        for sign in ("", "-"):
            expected = in_python(app, sign + path, lambda boat, user=user: boat.owner_id == user)
            assert keys(known(app, who), f"sort={sign}{public_path}", name) == expected
            assert walk(known(app, who), f"sort={sign}{public_path}", name) == expected
    # A stranger sees no boat at all.
    stranger = app.test_client()
    assert keys(stranger, f"sort=-{public_path}", name) == walk(stranger, f"sort={public_path}", name)
    assert walk(stranger, f"sort={public_path}", name) == list(range(1, 15))


def test_a_cursor_of_somebody_else_tells_nothing(app):
    ann, bob = known(app, "ann"), known(app, "bob")
    cursor = json.loads(ann.get("/api/trips?after=&page_size=1&sort=ship.name").headers["X-Pagination"])["after"]
    expected = keys(bob, "sort=ship.name")
    rest = [trip["id"] for trip in bob.get(f"/api/trips?after={cursor}&page_size=100&sort=ship.name").json]
    assert rest == expected[len(expected) - len(rest) :]


def test_tuples_are_read_in_one_statement(open_app, count_statements):
    assert reader_for(trips) is not None
    assert reader_for(objects) is None
    client = open_app.test_client()
    client.get("/api/trips")
    with count_statements() as seen:
        answer = client.get("/api/trips?sort=ship.home.depth,-ship.name&ship.name__ne=Ann&page_size=5")
    assert len(answer.json) == 5
    assert len([text for text in seen if text.startswith("SELECT")]) == 1


def test_a_resource_may_have_such_an_order_by_itself(open_app):
    client = open_app.test_client()
    assert keys(client, "") == in_python(open_app, "-boat.name") == walk(client, "")


def test_only_declared_paths_sort(app):
    for name in ("boat.name", "ship.owner_id", "ship", "ship.home.code", "ship.name.x"):
        refused = app.test_client().get(f"/api/trips?sort={name}")
        assert refused.status_code == 422
        assert [error["parameter"] for error in refused.json["errors"]] == ["sort"]


def test_the_document_names_the_paths(app):
    [sort] = [
        one
        for one in app.test_client().get("/api/openapi.json").json["paths"]["/api/trips"]["get"]["parameters"]
        if one["name"] == "sort"
    ]
    assert sort["schema"]["items"]["enum"][:2] == ["ship.name", "-ship.name"]


@pytest.mark.parametrize(
    ("model", "name", "mistake"),
    [
        (SortTrip, "boat.nam", "sorts by 'boat.nam', in which 'nam' leads nowhere."),
        (SortTrip, "boot.name", "sorts by 'boot.name', in which 'boot' leads nowhere."),
        (SortTrip, "days.name", "sorts by 'days.name', in which 'days' leads nowhere."),
        (
            SortTrip,
            "boat.home",
            "sorts by 'boat.home', a relationship; name a column behind it, like 'boat.home.name'.",
        ),
        (SortTrip, "boat.facts", "sorts by 'boat.facts', whose values have no order."),
        (
            SortBoat,
            "trips.days",
            "sorts by 'trips.days', in which 'trips' may lead to several rows, which have no one order.",
        ),
        (SortBoat, "log.id", "sorts by 'log.id', in which 'log' may lead to several rows, which have no one order."),
    ],
)
@pytest.mark.parametrize("where", ["sorts", "order"])
def test_a_path_that_gives_no_order_is_told_at_start(start, model, name, mistake, where):
    wrong = Resource(model, name="wrong", **{where: [name]}, read=public)
    with pytest.raises(ResourceError) as refused:
        start(features=["db"], modules=[Module("wrong", resources=[wrong])])
    assert str(refused.value) == f"Resource 'wrong' {mistake}"
