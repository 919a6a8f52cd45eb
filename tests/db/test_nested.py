"""Rows inside rows: what model objects would show, less what the caller may not read, by few statements."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import JSON, Column, ForeignKey, String, Table, event, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship, with_loader_criteria

from flaskkit import Api, IntegerKey, Model, Module, Policy, Resource, db, login, owner, public
from flaskkit.access import Caller
from flaskkit.api.dump import writer_for
from flaskkit.api.schemas import schemas_for
from flaskkit.db import rows
from flaskkit.db.compiled import reader_for

nest_hike_tag = Table(
    "nest_hike_tag",
    Model.metadata,
    Column("hike_id", ForeignKey("nest_hike.id"), primary_key=True),
    Column("tag_id", ForeignKey("nest_tag.id"), primary_key=True),
)


class NestGuide(IntegerKey, Model):
    __tablename__ = "nest_guide"
    name: Mapped[str]
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("nest_guide.id"))
    owner_id: Mapped[int | None]
    facts: Mapped[dict | None] = mapped_column(JSON)

    @hybrid_property
    def loud(self) -> str:
        return self.name.upper()

    @loud.inplace.expression
    @classmethod
    def _loud(cls):
        return db.func.upper(cls.name)

    boss: Mapped[NestGuide | None] = relationship(remote_side="NestGuide.id")


class NestTag(IntegerKey, Model):
    __tablename__ = "nest_tag"
    name: Mapped[str] = mapped_column(String(20))
    owner_id: Mapped[int | None]


class NestDay(IntegerKey, Model):
    __tablename__ = "nest_day"
    hike_id: Mapped[int] = mapped_column(ForeignKey("nest_hike.id"))
    number: Mapped[int]
    facts: Mapped[dict | None] = mapped_column(JSON)


class NestHike(Model):
    __tablename__ = "nest_hike"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None]
    guide_id: Mapped[int] = mapped_column(ForeignKey(NestGuide.id))
    helper_id: Mapped[int | None] = mapped_column(ForeignKey(NestGuide.id))
    days: Mapped[list[NestDay]] = relationship(order_by=NestDay.number.desc())
    tags: Mapped[list[NestTag]] = relationship(secondary=nest_hike_tag, order_by=NestTag.id)
    guide: Mapped[NestGuide] = relationship(foreign_keys=guide_id)
    helper: Mapped[NestGuide | None] = relationship(foreign_keys=helper_id)
    length: Mapped[int | None] = column_property(
        select(db.func.sum(NestDay.number)).where(NestDay.hike_id == id).correlate_except(NestDay).scalar_subquery()
    )


class Guides(Policy):
    """Sees the guides who lead a hike of one's own: a condition with a subquery on the table that is joined."""

    def allows(self, user, item=None):
        if item is None or user is None:
            return user is not None
        return item.id in db.session.scalars(select(NestHike.guide_id).where(NestHike.owner_id == user.id)).all()

    def rows(self, user, model):
        if user is None:
            return False
        return model.id.in_(select(NestHike.guide_id).where(NestHike.owner_id == user.id))


class Led(Policy):
    """Sees the hikes whose guide is one's own: a condition on the table that is joined to the hikes."""

    anonymous = True

    def allows(self, user, item=None):
        return item is None or (user is not None and item.guide.owner_id == user.id)

    def rows(self, user, model):
        return user is not None and model.guide_id.in_(select(NestGuide.id).where(NestGuide.owner_id == user.id))


NESTED = {
    "nested": {
        "guide": ["name", "id", "loud"],
        "helper": ["facts", "name"],
        "days": ["number", "facts"],
        "tags": ["name"],
    }
}
FIELDS = {"fields": ["name", "guide", "helper", "days", "tags"], "read_only": ["length"], "sorts": ["name", "guide_id"]}
hikes = Resource(NestHike, name="hikes", **FIELDS, **NESTED, read=public, write=public)
led = Resource(NestHike, name="led", **FIELDS, **NESTED, read=Led())
bosses = Resource(NestGuide, name="bosses", fields=["name"], read_only=["boss"], nested={"boss": ["name"]}, read=public)
OPEN = [
    Resource(NestGuide, name="guides", fields=["name"], read=public),
    Resource(NestTag, name="tags", fields=["name"], read=public),
]
CLOSED = [
    Resource(NestGuide, name="guides", fields=["name"], read=Guides()),
    Resource(NestTag, name="tags", fields=["name"], read=owner("owner_id")),
    Resource(NestDay, name="days", fields=["number"], read=login),
]


class User:
    id = 1


@pytest.fixture
def open_app(start):
    return filled(start(features=["db", Api()], modules=[Module("nest", resources=[*OPEN, hikes, led, bosses])]))


@pytest.fixture
def closed_app(start):
    return filled(start(features=["db", Api()], modules=[Module("nest", resources=[*CLOSED, hikes, led])]))


def filled(app):
    random = Random(7)
    with app.app_context():
        for model in (NestGuide, NestTag):
            for i in range(4):
                db.session.add(model(name=f"{model.__name__} {i}", owner_id=i % 2))
        db.session.flush()
        for guide in db.session.scalars(select(NestGuide)):
            guide.boss_id = random.choice([None, 1, 2])
            guide.facts = random.choice([None, {"b": [1], "a": None}])
        tags = db.session.scalars(select(NestTag)).all()
        for i in range(25):
            hike = NestHike(name=f"Hike {i % 9}", owner_id=i % 3, guide_id=random.choice([1, 2, 3, 4]))
            hike.helper_id = random.choice([None, 1, 2, 3, 4])
            hike.days = [NestDay(number=n, facts=random.choice([None, {"n": n}])) for n in range(random.randrange(4))]
            hike.tags = random.sample(tags, random.randrange(4))
            db.session.add(hike)
            db.session.flush()
        db.session.commit()
    return app


def both_ways(app, resource, user=User, **asked):
    """Return the JSON of a page read as tuples, and of the same read as objects and dumped by the schema."""
    app.extensions["flaskkit"].caller = lambda: Caller(user, "session" if user else "")
    reader = reader_for(resource)
    with app.test_request_context():
        items = rows.page(resource, **asked).items
        dumped = schemas_for(resource, "Any").shown().dump(items, many=True)
        page = reader.page(**asked)
        written = app.json.loads(writer_for(reader.fields).many(page.items))
        for item in items:
            assert rows.value_of(item, resource.key) in [row["id"] for row in written]
            assert app.json.loads(writer_for(reader.fields).one(reader.get(str(item.id)))) in written
    return written, app.json.loads(app.json.dumps(dumped))


ASKED = [{}, {"sorts": ["-name"]}, {"sorts": ["name", "-guide_id"], "number": 3, "size": 4}, {"number": 99}]


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("resource", [hikes, led], ids=lambda resource: resource.name)
def test_tuples_show_what_objects_show(open_app, resource, asked):
    written, dumped = both_ways(open_app, resource, **asked)
    assert written == dumped


@pytest.mark.parametrize("user", [User, None])
@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("resource", [hikes, led], ids=lambda resource: resource.name)
def test_tuples_hide_what_objects_hide(closed_app, resource, asked, user):
    written, dumped = both_ways(closed_app, resource, user, **asked)
    assert written == dumped


def test_a_row_refers_to_one_of_its_own_table(open_app):
    written, dumped = both_ways(open_app, bosses)
    assert written == dumped
    assert {row["boss"] and row["boss"]["name"] for row in written} >= {None, "NestGuide 0"}


def test_what_is_hidden_is_null_or_left_out(closed_app):
    closed_app.extensions["flaskkit"].caller = Caller
    for hike in closed_app.test_client().get("/api/hikes/?page_size=100").json:
        assert (hike["guide"], hike["helper"], hike["tags"], hike["days"]) == (None, None, [], [])


@pytest.mark.parametrize(("path", "most"), [("/api/hikes/?page_size=100&sort=name", 3), ("/api/bosses/1", 1)])
def test_it_costs_a_statement_and_one_for_each_list(open_app, count_statements, path, most):
    with count_statements() as seen:
        assert open_app.test_client().get(path).status_code == 200
    assert len(seen) == most


def test_loader_criteria_hold_for_the_others(open_app):
    def only_first(state):
        state.statement = state.statement.options(with_loader_criteria(NestGuide, NestGuide.id == 1))

    event.listen(db.session, "do_orm_execute", only_first)
    try:
        shown = open_app.test_client().get("/api/hikes/?page_size=100").json
    finally:
        event.remove(db.session, "do_orm_execute", only_first)
    assert {hike["guide"] and hike["guide"]["id"] for hike in shown} == {None, 1}


def test_what_is_stored_is_answered_as_it_is_read_later(open_app, count_statements):
    client = open_app.test_client()
    made = client.post("/api/hikes/", json={"name": "New", "guide": 2, "helper": None, "days": [], "tags": [1, 3]})
    assert made.status_code == 201, made.text
    assert made.json == client.get(made.location).json
    assert made.json["guide"] == {"id": 2, "name": "NestGuide 1", "loud": "NESTGUIDE 1"}
    assert [tag["name"] for tag in made.json["tags"]] == ["NestTag 0", "NestTag 2"]
    changed = client.patch(made.location, json={"guide": 3})
    assert changed.json == client.get(made.location).json
    assert changed.json["guide"]["id"] == 3
