"""New rows by one statement: the same answers and rows as by model objects, and those wherever one may do more."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Numeric, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from flaskkit import Api, IntegerKey, Model, Module, Resource, Timestamps, UUIDKey, db, owner, public
from flaskkit.access import Caller, Policy
from flaskkit.db.compiled import reader_for
from flaskkit.db.inserting import inserter_for
from flaskkit.db.transactions import together


class PutSize(enum.Enum):
    small = 1
    large = 2


class PutTown(IntegerKey, Model):
    __tablename__ = "put_town"
    name: Mapped[str] = mapped_column(String(20))
    hidden: Mapped[bool] = mapped_column(default=False)


class PutParcel(IntegerKey, Timestamps, Model):
    __tablename__ = "put_parcel"
    __table_args__ = (CheckConstraint("weight <> 13", name="no_13"),)
    owner_id: Mapped[int | None]
    code: Mapped[str] = mapped_column(String(10), unique=True)
    text: Mapped[str | None] = mapped_column(Text)
    weight: Mapped[int] = mapped_column(default=1)
    floor: Mapped[int | None] = mapped_column(server_default="3")
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal("1.5"))
    size: Mapped[PutSize] = mapped_column(default=PutSize.small)
    fragile: Mapped[bool | None] = mapped_column(default=True)
    day: Mapped[date | None]
    due: Mapped[datetime | None]
    label: Mapped[str] = mapped_column(
        String(40), default=lambda context: f"for {context.get_current_parameters()['code']}"
    )
    town_id: Mapped[int | None] = mapped_column(ForeignKey("put_town.id"))
    town: Mapped[PutTown | None] = relationship()


class PutKey(UUIDKey, Model):
    __tablename__ = "put_key"
    name: Mapped[str]


class PutChecked(IntegerKey, Model):
    __tablename__ = "put_checked"
    name: Mapped[str]

    @validates("name")
    def tidy(self, key, value):
        return value.strip()


class PutMade(IntegerKey, Model):
    __tablename__ = "put_made"
    name: Mapped[str]

    def __init__(self, **values):
        super().__init__(**values)
        self.name = self.name.strip()


class PutFacts(IntegerKey, Model):
    __tablename__ = "put_facts"
    name: Mapped[str]
    facts: Mapped[dict | None] = mapped_column(JSON)


class PutCounted(IntegerKey, Model):
    __tablename__ = "put_counted"
    name: Mapped[str]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Anyone(Policy):
    """A policy of the app's own."""

    anonymous = True

    def allows(self, user, item=None):
        return item is None or type(item) is PutKey

    def rows(self, user, model):
        return True


SENT = ["code", "text", "weight", "floor", "cost", "size", "fragile", "day", "due", "town_id"]
SHOWN = {"fields": SENT, "read_only": ["created_at", "label", "town"], "write": public}
# Nothing is looked at there, but it needs model objects.
LOOKED_AT = {"after_create": lambda item, values, user: None}

parcels = Resource(PutParcel, name="parcels", **SHOWN, nested={"town": ["id", "name"]}, read=public)
flat = Resource(PutParcel, name="flat", **SHOWN, read=public)
owned = Resource(PutParcel, name="owned", fields=["code", "town_id"], read=owner("owner_id"), write=owner("owner_id"))
exact = Resource(PutParcel, name="exact", fields=["code", "weight", "due"], read=public, write=public)
KINDS = [parcels, flat, owned, exact]
SLOW = [replace(one, name=f"slow_{one.name}", hooks=LOOKED_AT) for one in KINDS]
others = [
    Resource(model, fields=["name"], read=public, write=public)
    for model in (PutKey, PutChecked, PutMade, PutFacts, PutCounted)
]
choosy = Resource(PutKey, name="choosy", fields=["name"], read=public, write=Anyone())


class User:
    id = 7


@pytest.fixture
def app(start):
    app = start(features=["db", Api()], modules=[Module("put", resources=[*KINDS, *SLOW, *others, choosy])])
    app.extensions["flaskkit"].caller = lambda: Caller(User, "token")
    with app.app_context():
        db.session.add_all([PutTown(name="Ulm"), PutTown(name="Köln")])
        db.session.commit()
    return app


BODIES = st.fixed_dictionaries(
    {"code": st.sampled_from(["a", "b", "taken"])},
    optional={
        "text": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
        "weight": st.sampled_from([1, 0, -5, 13, 2**31 - 1]),
        "floor": st.none() | st.integers(-5, 5),
        "cost": st.decimals(0, 999, places=1).map(str),
        "size": st.sampled_from([*PutSize.__members__]),
        "fragile": st.none() | st.booleans(),
        "day": st.none() | st.dates().map(str),
        "due": st.none() | st.datetimes(datetime(1000, 1, 1)).map(lambda moment: f"{moment.isoformat()}Z"),  # noqa: DTZ001
        "town_id": st.none() | st.sampled_from([1, 2, 9]),
    },
)


@pytest.mark.parametrize(("fast", "slow"), list(zip(KINDS, SLOW, strict=True)), ids=lambda resource: resource.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_any_body_has_the_same_answer_and_row_both_ways(app, fast, slow, body):
    body = {name: value for name, value in body.items() if name in fast.fields}
    found = [_stored(app, resource, body) for resource in (fast, slow)]
    assert found[0] == found[1]


def _stored(app, resource, body):
    """Return the answer to a POST of *body*, and what is in the table then, without what is new each time."""
    with app.app_context():
        db.session.execute(db.delete(PutParcel))
        db.session.add(PutParcel(code="taken", owner_id=1))
        db.session.commit()
    answer = app.test_client().post(f"/api/{resource.name}/", json=body)
    again = app.test_client().get(answer.location).json if answer.status_code == 201 else None
    assert again in (None, answer.json)
    with app.app_context():
        new = db.session.execute(db.select(PutParcel.__table__).where(PutParcel.code != "taken")).mappings().all()
    fresh = ("id", "created_at", "updated_at")
    assert all(row["created_at"] > datetime(2020, 1, 1, tzinfo=UTC) for row in new)
    shown = {name: value for name, value in answer.json.items() if name not in (*fresh, "instance")}
    return answer.status_code, shown, [{name: row[name] for name in row if name not in fresh} for row in new]


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: resource.name)
def test_a_row_is_stored_by_the_first_statement(app, count_statements, resource):
    body = {"code": "new", "town_id": 2} if "town_id" in resource.fields else {"code": "new"}
    with count_statements() as seen:
        made = app.test_client().post(f"/api/{resource.name}/", json=body)
    assert made.status_code == 201
    assert seen[0].startswith("INSERT")
    # SQLite may round a decimal, which then is read again.
    assert len(seen) <= 2
    assert len(seen) == 1 or "cost" in resource.fields


def test_a_claimed_column_is_stored(app):
    made = app.test_client().post("/api/owned/", json={"code": "mine"})
    with app.app_context():
        assert db.session.get(PutParcel, made.json["id"]).owner_id == User.id


def test_of_a_row_that_its_maker_cannot_see_nothing_is_answered(start):
    blind = Resource(PutParcel, name="blind", fields=["code", "owner_id"], read=owner("owner_id"), write=public)
    app = start(features=["db", Api()], modules=[Module("put", resources=[blind])])
    app.extensions["flaskkit"].caller = lambda: Caller(User, "token")
    made = app.test_client().post("/api/blind/", json={"code": "theirs", "owner_id": 8})
    assert (made.status_code, made.data) == (201, b"")
    assert app.test_client().post("/api/blind/", json={"code": "mine", "owner_id": 7}).json["code"] == "mine"


def test_a_key_that_python_makes_is_in_the_location(app):
    made = app.test_client().post("/api/put_key/", json={"name": "x"})
    assert made.location == f"/api/put_key/{made.json['id']}"
    assert UUID(made.json["id"]).version == 7


@pytest.mark.parametrize("name", ["put_checked", "put_made"])
def test_validators_and_constructors_see_every_new_row(app, name):
    assert app.test_client().post(f"/api/{name}/", json={"name": " x "}).json["name"] == "x"


def test_a_new_row_has_a_version(app):
    made = app.test_client().post("/api/put_counted/", json={"name": "x"})
    with app.app_context():
        assert db.session.get(PutCounted, made.json["id"]).version == 1


def test_json_that_is_not_given_is_missing_as_always(app):
    made = app.test_client().post("/api/put_facts/", json={"name": "x"})
    with app.app_context():
        before = PutFacts(name="y")
        db.session.add(before)
        db.session.commit()
        rows = db.session.execute(db.text("SELECT id, CAST(facts AS CHAR(4)) FROM put_facts")).all()
        facts = dict(rows)
    assert facts[made.json["id"]] == facts[max(facts)]


def test_a_policy_of_the_apps_own_judges_model_objects(app):
    assert app.test_client().post("/api/choosy/", json={"name": "x"}).status_code == 201


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (PutParcel, "before_insert"),
        (PutParcel, "after_insert"),
        (PutParcel, "refresh_flush"),
        (db.session, "before_flush"),
        (db.session, "pending_to_persistent"),
        (db.session, "before_commit"),
        (db.session, "after_begin"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_who_begins_to_listen_hears_of_new_rows(app, target, name):
    client = app.test_client()
    assert client.post("/api/parcels/", json={"code": "before"}).status_code == 201
    heard = []

    def listen(*told):
        heard.append(told)

    event.listen(target, name, listen)
    try:
        assert client.post("/api/parcels/", json={"code": "after"}).status_code == 201
    finally:
        event.remove(target, name, listen)
    assert heard


def test_an_open_transaction_is_joined(app):
    with app.test_request_context():
        reader = reader_for(parcels)
        with together():
            assert inserter_for(parcels, reader).insert({"code": "x"}) is None
        assert inserter_for(parcels, reader).insert({"code": "x"}).key
