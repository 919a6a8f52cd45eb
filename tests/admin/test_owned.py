"""Rows that belong to a row stand in its form in the admin, too, whoever may change them elsewhere."""

from __future__ import annotations

from io import BytesIO

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, Role, User, db, owner, public

from .conftest import Visitor, the_module
from .test_changes import restore


class Tour(IntegerKey, Model):
    __tablename__ = "admin_tour"
    name: Mapped[str] = mapped_column(String(40))
    stops: Mapped[list[Stop]] = relationship(cascade="all, delete-orphan", order_by="Stop.id")


class Stop(IntegerKey, Model):
    __tablename__ = "admin_stop"
    tour_id: Mapped[int] = mapped_column(ForeignKey(Tour.id))
    town: Mapped[str] = mapped_column(String(40))
    guide_id: Mapped[int]


@pytest.fixture
def chief(start):
    mine = owner("guide_id")
    tours = Resource(
        Tour, name="tours", fields=["name", "stops"], owned={"stops": ["town"]}, read=public, write=public
    )  # fmt: skip
    stops = Resource(Stop, name="stops", fields=["town"], read=mine, create=mine, write=mine)
    features = ["db", "forms", "auth", "pages", "admin", "history"]
    app = start(features=features, modules=[the_module(), Module("tours", resources=[tours, stops])])
    with app.app_context():
        db.session.add_all([User(email="boss@example.org", roles=[Role(name="admin")]), User(email="ada@example.org")])
        db.session.add(Tour(name="North", stops=[Stop(town="Oslo", guide_id=2)]))
        db.session.commit()
    return Visitor(app, 1)


def stops(chief):
    with chief.client.application.app_context():
        return [(stop.town, stop.guide_id) for stop in db.session.query(Stop).order_by(Stop.id)]


def test_the_role_opens_them_and_a_new_one_is_of_whoever_adds_it(chief):
    assert 'value="Oslo"' in chief.get("/admin/tours/1/edit").text
    typed = {"name": "South", "stops": "y", "stops-0-_key": "1", "stops-0-town": "Rome", "stops-1-town": "Bari"}
    assert chief.post("/admin/tours/1/edit", **typed).status_code == 303
    assert stops(chief) == [("Rome", 2), ("Bari", 1)]
    page = chief.get("/admin/tours/1").text
    assert "<span>Rome</span>" in page
    # Elsewhere they are of their guides.
    assert "Rome" not in chief.get("/tours/1/edit").text
    assert "Bari" in chief.get("/tours/1/edit").text


def test_a_file_leaves_them_alone_and_so_does_going_back(chief):
    file = (BytesIO(b"id,name,stops\r\n1,East,x\r\n"), "tours.csv")
    preview = chief.post("/admin/tours/import", file=file)
    assert "East" in preview.text
    assert chief.post("/admin/tours/1/edit", name="West").status_code == 303
    page = restore(chief, "/admin/tours/1/history")
    assert page.status_code == 303
    assert "North" in chief.get("/admin/tours/1").text
    assert stops(chief) == [("Oslo", 2)]
