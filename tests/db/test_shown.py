"""Rows as a resource shows them: the values of model objects, what is declared and nothing else, never changed."""

from __future__ import annotations

import copy
import enum
import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import JSON, Column, ForeignKey, Numeric, Table, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship
from werkzeug.exceptions import Forbidden, NotFound

from flaskkit import IntegerKey, LoginRequired, Model, Module, Resource, Timestamps, db, login, nobody, owner, public
from flaskkit.access import Caller
from flaskkit.db import rows, shown
from flaskkit.errors import ResourceError


class SeenKind(enum.Enum):
    walk = 1
    ride = 2


seen_trip_tag = Table(
    "seen_trip_tag",
    Model.metadata,
    Column("trip_id", ForeignKey("seen_trip.id"), primary_key=True),
    Column("tag_id", ForeignKey("seen_tag.id"), primary_key=True),
)


class SeenTown(IntegerKey, Model):
    __tablename__ = "seen_town"
    name: Mapped[str]
    mayor: Mapped[str]


class SeenGuide(IntegerKey, Model):
    __tablename__ = "seen_guide"
    name: Mapped[str]
    phone: Mapped[str]
    owner_id: Mapped[int | None]
    town_id: Mapped[int | None] = mapped_column(ForeignKey(SeenTown.id))
    town: Mapped[SeenTown | None] = relationship()


class SeenTag(IntegerKey, Model):
    __tablename__ = "seen_tag"
    name: Mapped[str]


class SeenDay(IntegerKey, Model):
    __tablename__ = "seen_day"
    trip_id: Mapped[int] = mapped_column(ForeignKey("seen_trip.id"))
    number: Mapped[int]


class SeenTrip(Timestamps, Model):
    __tablename__ = "seen_trip"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[SeenKind]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    facts: Mapped[dict | None] = mapped_column(JSON)
    guide_id: Mapped[int | None] = mapped_column(ForeignKey(SeenGuide.id))
    guide: Mapped[SeenGuide | None] = relationship()
    days: Mapped[list[SeenDay]] = relationship(order_by=SeenDay.number)
    tags: Mapped[list[SeenTag]] = relationship(secondary=seen_trip_tag, order_by=SeenTag.id)
    length: Mapped[int | None] = column_property(
        select(db.func.sum(SeenDay.number)).where(SeenDay.trip_id == id).correlate_except(SeenDay).scalar_subquery()
    )

    @property
    def title(self) -> str:
        return f"{self.name} ({self.kind.name})"


PLAIN = {"fields": ["name", "kind", "price", "facts"], "read_only": ["created_at", "length"], "sorts": ["name"]}
BEHIND = {"guide": ["name", "town"], "guide.town": ["name"], "days": ["number"]}
plain = Resource(SeenTrip, name="plain", **PLAIN, filters=["price"], search=["name"], read=public)
keys = Resource(SeenTrip, name="keys", fields=["name", "guide", "days", "tags"], read=public)
trips = Resource(
    SeenTrip,
    name="trips",
    fields=["name", "guide_id", "tags"],
    read_only=["guide", "days", "length"],
    nested=BEHIND,
    renamed={"name": "class", "tags": "labels"},
    read=public,
)
# What a property holds only model objects can tell.
titled = Resource(
    SeenTrip,
    name="titled",
    fields=["name", "guide_id", "tags"],
    read_only=["guide", "days", "length", "title"],
    nested=BEHIND,
    renamed={"name": "class", "tags": "labels"},
    read=public,
)
guides = Resource(SeenGuide, name="guides", fields=["name"], read=owner("owner_id"))
members = Resource(SeenTrip, name="members", fields=["name"], read=login)
closed = Resource(SeenTrip, name="closed", fields=["name"], read=nobody)
NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


class User:
    id = 1


@pytest.fixture
def app(start):
    return filled(start(features=["db"], modules=[Module("seen", resources=[plain, keys, trips, titled, members])]))


@pytest.fixture
def guarded(start):
    return filled(start(features=["db"], modules=[Module("seen", resources=[guides, trips, titled])]))


def filled(app):
    with app.app_context():
        towns = [SeenTown(name="Ulm", mayor="Ann"), SeenTown(name="Bonn", mayor="Bea")]
        people = [SeenGuide(name=name, phone="555", owner_id=i, town=towns[i % 2]) for i, name in enumerate("XYZ")]
        people[2].town = None
        tags = [SeenTag(name=name) for name in ("new", "old")]
        for i in range(7):
            trip = SeenTrip(name=f"Trip {i}", kind=SeenKind(1 + i % 2), price=Decimal(i) / 4, created_at=NOW)
            trip.guide = [*people, None][i % 4]
            trip.facts = [None, {"a": [1]}][i % 2]
            trip.days = [SeenDay(number=n) for n in range(i % 3)]
            trip.tags = tags[: i % 3]
            db.session.add(trip)
            db.session.flush()
        db.session.commit()
    return app


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sorts": ["-name"], "number": 2, "size": 3},
        {"filters": {"price__ge": Decimal("0.5")}, "count": False},
        {"q": "trip 3"},
        {"size": 2, "count_to": 3},
        {"after": (), "size": 2},
        {"number": 99},
    ],
    ids=str,
)
def test_a_page_shows_the_values_of_model_objects(app, asked):
    with app.test_request_context():
        found, expected = shown.page(plain, **asked), rows.page(plain, **asked)
        names = [field.name for field in plain.readable]
        values = [{name: getattr(row, name) for name in names} for row in found.items]
        assert values == [{name: getattr(item, name) for name in names} for item in expected.items]
        told = ("number", "size", "total", "more", "beyond", "pages", "position")
        assert [getattr(found, name) for name in told] == [getattr(expected, name) for name in told]


@pytest.mark.parametrize("read", [shown, rows], ids=["shown", "rows"])
@pytest.mark.parametrize("number", [0, -1, -(10**18)])
def test_a_page_below_the_first_is_the_first(app, read, number):
    with app.test_request_context():
        first, below = read.page(plain, size=1), read.page(plain, size=1, number=number)
        assert (below.number, [trip.id for trip in below.items]) == (1, [trip.id for trip in first.items])
        assert first.items


def test_values_are_those_of_python(app):
    with app.test_request_context():
        row = shown.get(plain, "2")
    assert (row.kind, row.price, row.created_at, row.facts) == (SeenKind.ride, Decimal("0.25"), NOW, {"a": [1]})


@pytest.mark.parametrize("resource", [trips, titled], ids=["as tuples", "by model objects"])
def test_other_rows_are_rows_and_keys(app, resource):
    with app.test_request_context():
        row = shown.get(resource, 6)
    assert (getattr(row, "class"), row.guide_id, row.labels, row.length) == ("Trip 5", 2, (1, 2), 1)
    assert (row.guide.name, row.guide.town.name) == ("Y", "Bonn")
    assert [day.number for day in row.days] == [0, 1]


def test_relationships_that_are_not_nested_are_keys(app):
    with app.test_request_context():
        row = shown.get(keys, 6)
    assert (row.guide, row.days, row.tags) == (2, (5, 6), (1, 2))


@pytest.mark.parametrize("user", [User, None])
def test_both_ways_of_reading_show_and_hide_the_same(guarded, user):
    guarded.extensions["flaskkit"].caller = lambda: Caller(user, "session" if user else "")
    with guarded.test_request_context():
        fast, slow = shown.page(trips).items, shown.page(titled).items
    names = [field.public_name for field in trips.readable]
    assert [[repr(getattr(row, name)) for name in names] for row in fast] == [
        [repr(getattr(row, name)) for name in names] for row in slow
    ]
    # Trips 1 and 5 are led by the visitor's own guide.
    own = "Y" if user else None
    assert [row.guide and row.guide.name for row in fast] == [None, own, None, None, None, own, None]


def test_what_is_not_shown_is_not_there(app):
    with app.test_request_context():
        row = shown.get(trips, 1)
    with pytest.raises(AttributeError) as wrong:
        row.price  # noqa: B018
    assert str(wrong.value) == (
        "Resource 'trips' does not show 'price'; it shows class, days, guide, guide_id, id, labels, length."
    )
    with pytest.raises(AttributeError) as wrong:
        row.guide.phone  # noqa: B018
    assert str(wrong.value) == "Resource 'trips' in 'guide' does not show 'phone'; it shows name, town."
    with pytest.raises(AttributeError) as wrong:
        row.guide.town.mayor  # noqa: B018
    assert str(wrong.value) == "Resource 'trips' in 'guide' in 'town' does not show 'mayor'; it shows name."


def test_rows_are_not_changed(app):
    with app.test_request_context():
        row = shown.get(plain, 1)
    with pytest.raises(AttributeError, match="immutable"):
        row.name = "Another"
    with pytest.raises(AttributeError, match="immutable"):
        del row.name


def test_rows_are_compared_copied_and_pickled_by_what_they_show(app):
    with app.test_request_context():
        row, again, other = shown.get(trips, 6), shown.get(trips, 6), shown.get(trips, 5)
    assert row == again
    assert hash(row) == hash(again)
    assert row != other
    assert pickle.loads(pickle.dumps(row)) == copy.deepcopy(row) == copy.copy(row) == row
    assert repr(row.guide) == "Row(name='Y', town=Row(name='Bonn'))"


def test_templates_read_them_as_objects(app):
    text = "{% for t in page.items %}{{ t.guide.town.name if t.guide.town }}{{ t.price is defined }} {% endfor %}"
    with app.test_request_context():
        page = shown.page(trips, size=2)
        assert app.jinja_env.from_string(text).render(page=page) == "UlmFalse BonnFalse "


@pytest.mark.parametrize("key", ["99", "x", "9" * 30])
@pytest.mark.parametrize("resource", [trips, titled], ids=["as tuples", "by model objects"])
def test_there_is_no_such_row(app, resource, key):
    with app.test_request_context(), pytest.raises(NotFound):
        shown.get(resource, key)


def test_the_policy_is_asked(app):
    with app.test_request_context():
        for read in (lambda: shown.page(members), lambda: shown.get(members, 1)):
            with pytest.raises(LoginRequired):
                read()
        app.extensions["flaskkit"].caller = lambda: Caller(User, "session")
        assert shown.page(members).total == 7
        with pytest.raises(Forbidden):
            shown.page(closed)


def test_a_resource_of_no_module_is_checked_when_it_is_first_read(app):
    wrong = Resource(SeenTrip, name="wrong", fields=["nam"], read=public)
    with app.test_request_context(), pytest.raises(ResourceError, match="SeenTrip lacks. Did you mean 'name'"):
        shown.page(wrong)


@pytest.mark.parametrize(
    ("resource", "most"), [(plain, 1), (trips, 3), (titled, 4)], ids=["columns", "nested", "model objects"]
)
def test_a_page_costs_a_statement_and_one_for_each_list(app, count_statements, resource, most):
    with app.test_request_context(), count_statements() as seen:
        assert len(shown.page(resource).items) == 7
    assert len(seen) <= most


def test_reading_alone_makes_no_session(app):
    with app.test_request_context():
        shown.page(plain)
        shown.get(plain, 1)
        assert not db.session.registry.has()


def test_a_read_joins_a_transaction_that_has_begun(app):
    with app.test_request_context():
        db.session.add(SeenTrip(name="Trip 7", kind=SeenKind.walk, price=Decimal(1)))
        assert shown.page(plain).total == 8
        db.session.rollback()
        assert shown.page(plain).total == 7
