"""Rows as tuples: the same rows and values as model objects, by fewer statements."""

from __future__ import annotations

import pytest
from sqlalchemy import JSON, ForeignKey, String, event
from sqlalchemy.orm import Mapped, mapped_column, reconstructor, relationship, with_loader_criteria
from sqlalchemy.types import TypeDecorator
from werkzeug.exceptions import NotFound

from flaskkit import Api, IntegerKey, Model, Module, Policy, Rejected, Resource, Timestamps, db, login, owner, public
from flaskkit.access import Caller
from flaskkit.db import rows
from flaskkit.db.compiled import reader_for
from flaskkit.db.reading import current_session


class FastCity(IntegerKey, Model):
    __tablename__ = "fast_city"
    name: Mapped[str]


class FastDay(IntegerKey, Model):
    __tablename__ = "fast_day"
    trip_id: Mapped[int] = mapped_column(ForeignKey("fast_trip.id"))
    number: Mapped[int]


class FastTrip(IntegerKey, Timestamps, Model):
    __tablename__ = "fast_trip"
    owner_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(50), unique=True)
    city_id: Mapped[int | None] = mapped_column(ForeignKey("fast_city.id"))
    city: Mapped[FastCity | None] = relationship()
    days: Mapped[list[FastDay]] = relationship(order_by=FastDay.number.desc())


class Shouted(TypeDecorator):
    """A type of the app's own: what it returns is not known before."""

    impl = String(50)
    cache_ok = True

    def process_result_value(self, value, dialect):
        return value and {"shouted": value.upper()}


class FastSign(IntegerKey, Model):
    __tablename__ = "fast_sign"
    text: Mapped[str] = mapped_column(Shouted)


class FastAwake(IntegerKey, Model):
    __tablename__ = "fast_awake"
    text: Mapped[str]

    @reconstructor
    def wake(self):
        self.text = "awake"


class FastNode(IntegerKey, Model):
    __tablename__ = "fast_node"
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("fast_node.id"))
    facts: Mapped[dict | None] = mapped_column(JSON)
    children: Mapped[list[FastNode]] = relationship()


class Short(Policy):
    """A policy of the app's own."""

    anonymous = True
    personal = False

    def allows(self, user, item=None):
        return item is None or len(item.name) < 4

    def rows(self, user, model):
        return db.func.length(model.name) < 4


CITY_ROWS = Resource(FastCity, name="cities", fields=["name"], read=public, write=public)
FIELDS = {"fields": ["name", "city_id"], "read_only": ["city", "created_at"], "sorts": ["name"], "search": ["name"]}
trips = Resource(FastTrip, name="trips", **FIELDS, filters=["city_id"], read=public, write=public)
plans = Resource(FastTrip, name="plans", fields=["name", "city", "days"], read=owner("owner_id"), write=login)
short = Resource(FastTrip, name="short", **FIELDS, read=Short())
signs = Resource(FastSign, name="signs", fields=["text"], read=public, write=public)


@pytest.fixture
def app(start):
    app = start(features=["db", Api()], modules=[Module("fast", resources=[CITY_ROWS, trips, plans, short, signs])])
    with app.app_context():
        for name in ("Ulm", "Bonn"):
            db.session.add(FastCity(name=name))
            db.session.flush()
        for i, name in enumerate(["Ab", "Bcd", "Cdefg", "Ää", "E%"], 1):
            trip = FastTrip(name=name, city_id=[None, 1, 2][i % 3], owner_id=i % 2)
            trip.days = [FastDay(number=number) for number in range(i)]
            db.session.add(trip)
            db.session.flush()
        db.session.commit()
    return app


class User:
    id = 1


@pytest.mark.parametrize("resource", [trips, plans, short], ids=lambda resource: resource.name)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sorts": ["-name"]},
        {"sorts": ["name"], "number": 2, "size": 2},
        {"number": 9},
        {"number": 2**31 - 1, "size": 100},
        {"filters": {"city_id": 1}},
        {"filters": {"city_id": 2**40}},
        {"filters": {"city_id": 2}, "number": 3},
    ],
    ids=str,
)
def test_a_page_holds_what_model_objects_hold(app, resource, asked):
    app.extensions["flaskkit"].caller = lambda: Caller(User, "session")
    reader = reader_for(resource)
    with app.test_request_context():
        expected = rows.page(resource, **asked)
        found = reader.page(**asked)
        shown = [tuple(rows.value_of(item, field) for field in reader.fields) for item in expected.items]
        assert (found.items, found.number, found.size, found.total) == (
            shown,
            expected.number,
            expected.size,
            expected.total,
        )
        for item, values in zip(expected.items, found.items, strict=True):
            assert reader.get(str(item.id)) == values


@pytest.mark.parametrize("q", ["b", "ä", "%", "_", "nothing"])
def test_search_finds_the_same(app, q):
    with app.test_request_context():
        found = reader_for(trips).page(q=q)
        names = [field.name for field in reader_for(trips).fields]
        assert [row[names.index("name")] for row in found.items] == [item.name for item in rows.page(trips, q=q).items]


def test_what_a_policy_hides_is_not_found(app):
    with app.test_request_context():
        assert reader_for(short).get("1")
        with pytest.raises(NotFound):
            reader_for(short).get("3")
        with pytest.raises(NotFound):
            reader_for(short).get("x")


@pytest.mark.parametrize(
    "resource",
    [
        signs,
        Resource(FastAwake, fields=["text"], read=public),
        Resource(FastNode, fields=["children"], read=public),
    ],
    ids=["a type of the app's own", "listens to loading", "leads to itself"],
)
def test_what_only_objects_can_tell_is_left_to_them(app, resource):
    assert reader_for(resource) is None


def test_a_type_of_the_apps_own_is_answered_all_the_same(app):
    made = app.test_client().post("/api/signs/", json={"text": "go"})
    assert made.json == {"id": 1, "text": {"shouted": "GO"}}


def test_loader_criteria_of_the_app_hold(app):
    def only_first(state):
        state.statement = state.statement.options(with_loader_criteria(FastTrip, FastTrip.id == 1))

    event.listen(db.session, "do_orm_execute", only_first)
    try:
        answer = app.test_client().get("/api/trips/")
    finally:
        event.remove(db.session, "do_orm_execute", only_first)
    assert [trip["id"] for trip in answer.json] == [1]
    assert '"total": 1' in answer.headers["X-Pagination"]


@pytest.mark.parametrize(
    ("method", "path", "body", "most"),
    [
        ("GET", "/api/trips/1", None, 1),
        ("GET", "/api/trips/?sort=-name", None, 1),
        ("GET", "/api/trips/?page=7", None, 2),
        ("POST", "/api/cities/", {"name": "Rom"}, 1),
        ("POST", "/api/trips/", {"name": "Neu", "city_id": 2}, 1),
        ("PATCH", "/api/trips/1", {"name": "Alt"}, 2),
    ],
)
def test_operations_cost_few_statements(app, count_statements, method, path, body, most):
    with count_statements() as seen:
        answer = app.test_client().open(path, method=method, json=body)
    assert answer.status_code in (200, 201)
    assert len(seen) == most


def test_what_is_stored_is_answered_as_it_is_read_later(app):
    client = app.test_client()
    made = client.post("/api/trips/", json={"name": "Neu", "city_id": 2})
    assert made.json == client.get(made.location).json
    assert made.json["city"] == 2
    changed = client.patch(made.location, json={"city_id": 1})
    assert changed.json == client.get(made.location).json
    assert changed.json["city"] == 1


@pytest.mark.parametrize("body", [{"name": "Neu", "city_id": 9}, {"name": "Ab", "city_id": 9}])
def test_a_key_of_no_row_is_told_as_before_any_other_mistake(app, body):
    with app.test_request_context():
        with pytest.raises(Rejected) as refused:
            rows.create(trips, body)
        assert type(refused.value) is Rejected
        assert refused.value.errors == {"city_id": ["There is no FastCity 9."]}
        assert db.session.scalar(db.select(db.func.count()).select_from(FastTrip)) == 5


def test_a_read_joins_a_transaction_that_has_begun(app):
    with app.test_request_context():
        db.session.add(FastCity(name="Köln"))
        reader = reader_for(CITY_ROWS)
        assert reader.page().total == 3
        db.session.rollback()
        assert reader.page().total == 2


def test_a_read_alone_leaves_no_transaction_to_end(app):
    with app.test_request_context():
        reader_for(trips).get("1")
        assert not db.session().in_transaction()
        db.session.add(FastCity(name="Köln"))
        db.session.flush()
        db.session.rollback()
        assert reader_for(CITY_ROWS).page().total == 2


def test_a_read_alone_makes_no_session(app):
    with app.test_request_context():
        reader_for(trips).get("1")
        reader_for(trips).page()
        assert not db.session.registry.has()


def test_instead_of_a_new_session_one_is_asked_that_is_made_in_the_same_way(app):
    with app.test_request_context():
        db.session.configure(info={"tenant": 7})
        try:
            assert current_session().info == {"tenant": 7}
        finally:
            del db.session.session_factory.kw["info"]
        assert current_session().info == {}
        assert current_session() is not db.session()
        assert current_session() is db.session()


def test_what_an_app_does_when_a_transaction_begins_holds_for_reads(app):
    begun = []

    def note(session, transaction, connection):
        begun.append(connection.get_isolation_level())

    event.listen(db.session, "after_begin", note)
    try:
        app.test_client().get("/api/trips/1")
    finally:
        event.remove(db.session, "after_begin", note)
    assert len(begun) == 1
    assert begun != ["AUTOCOMMIT"]
