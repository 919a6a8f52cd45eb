"""What must be unique is told on leaving the input, of rows that the visitor may read."""

from __future__ import annotations

import pytest
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, db, owner, public

from .conftest import Author, Badge, Browser

TAKEN = ["This is taken already."]


class Seat(IntegerKey, Model):
    __tablename__ = "pages_seat"
    __table_args__ = (UniqueConstraint("hall_id", "number"), Index("ix_pages_seat_code", "code", unique=True))
    hall_id: Mapped[int | None] = mapped_column(ForeignKey(Author.id))
    number: Mapped[int]
    code: Mapped[str | None] = mapped_column(String(10))
    badge: Mapped[str] = mapped_column(String(10), unique=True)
    guest_id: Mapped[int]
    hall: Mapped[Author | None] = relationship()


@pytest.fixture
def ask(start):
    mine = owner("guest_id")
    seats = Resource(
        Seat, name="seats", fields=["hall", "number", "code", "badge"], read=mine, create=mine, update=mine
    )
    halls = Resource(Author, name="halls", fields=["name"], read=public)
    app = start(features=["db", "forms", Badge(), "pages"], modules=[Module("hall", resources=[seats, halls])],
        flask={"WTF_CSRF_ENABLED": False})  # fmt: skip
    with app.app_context():
        db.session.add_all([Author(name="Large"), Author(name="Small")])
        db.session.flush()
        db.session.add(Seat(hall_id=1, number=1, code="A1", badge="red", guest_id=1))
        db.session.add(Seat(hall_id=1, number=2, code=None, badge="blue", guest_id=1))
        db.session.add(Seat(hall_id=2, number=7, code="B7", badge="pink", guest_id=2))
        db.session.commit()
    visitor = Browser(app)
    visitor.get("/as/1/guest")

    def ask(path, name, **typed):
        whole = {"hall": "1", "number": "9", "code": "", "badge": "new", **typed}
        return visitor.client.post(path, data=whole, headers={"X-Flaskkit-Check": name}).json["errors"]

    return ask


def test_a_taken_value_is_told_before_anything_is_stored(ask):
    assert ask("/seats/new", "badge", badge="red") == TAKEN
    assert ask("/seats/new", "badge", badge="green") == []
    assert ask("/seats/new", "code", code="A1") == TAKEN
    assert ask("/seats/new", "code", code="") == []
    assert ask("/seats/2/edit", "badge", badge="red") == TAKEN
    assert ask("/seats/2/edit", "badge", badge="blue") == []


def test_of_values_that_are_unique_together_both_are_told(ask):
    for name in ("hall", "number"):
        assert ask("/seats/new", name, number="1") == TAKEN
        assert ask("/seats/new", name, number="1", hall="2") == []
        assert ask("/seats/new", name, number="1", hall="") == []


def test_a_row_that_the_visitor_may_not_read_is_not_told_of(ask):
    assert ask("/seats/new", "badge", badge="pink") == []
    assert ask("/seats/new", "number", hall="2", number="7") == []


def test_a_value_against_the_rules_is_told_first(ask):
    assert ask("/seats/new", "hall", number="9" * 30) == []
    assert ask("/seats/new", "badge", badge="much too long") == ["Field cannot be longer than 10 characters."]
