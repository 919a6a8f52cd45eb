"""One object from one row: it is as if SQLAlchemy had loaded it."""

from __future__ import annotations

import pytest
from sqlalchemy import ForeignKey, bindparam, event, func, inspect
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, UUIDKey, db
from flaskkit.db.objects import OneObject, in_session


class ObjectShelf(UUIDKey, Model):
    __tablename__ = "object_shelf"
    name: Mapped[str]
    notes: Mapped[str] = mapped_column(default="long", deferred=True)
    books: Mapped[list[ObjectBook]] = relationship(back_populates="shelf")


class ObjectBook(IntegerKey, Model):
    __tablename__ = "object_book"
    shelf_id = mapped_column(ForeignKey("object_shelf.id"))
    kind: Mapped[str] = mapped_column(default="book")
    shelf: Mapped[ObjectShelf] = relationship(back_populates="books")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "book"}  # noqa: RUF012


class ObjectAtlas(ObjectBook):
    __mapper_args__ = {"polymorphic_identity": "atlas"}  # noqa: RUF012


def by_name() -> OneObject:
    return OneObject(
        ObjectShelf, [func.length(ObjectShelf.name)], lambda rows: rows.where(ObjectShelf.name == bindparam("name"))
    )


@pytest.fixture
def app(start):
    app = start(features=["db"])
    with app.app_context():
        shelf = ObjectShelf(name="maps", notes="dusty")
        db.session.add(ObjectAtlas(shelf=shelf))
        db.session.commit()
    with app.app_context():
        yield app


def test_it_is_in_the_session_unchanged_and_without_a_transaction(app):
    shelf, length = by_name().find(name="maps")
    assert (shelf.name, length) == ("maps", 4)
    assert inspect(shelf).persistent
    assert not db.session.dirty
    assert by_name().find(name="none") is None


def test_no_transaction_is_left(app):
    by_name().find(name="maps")
    assert not db.session().in_transaction()


def test_what_was_not_read_is_loaded_when_asked_for(app, count_statements):
    shelf, _ = by_name().find(name="maps")
    with count_statements() as sent:
        assert shelf.name == "maps"
    assert sent == []
    assert shelf.notes == "dusty"
    assert [type(book) for book in shelf.books] == [ObjectAtlas]


def test_changes_are_stored(app):
    shelf, _ = by_name().find(name="maps")
    shelf.name = "charts"
    db.session.commit()
    assert shelf.name == "charts"
    assert by_name().find(name="charts")[0] is shelf


def test_it_is_the_one_that_the_session_knows(app):
    known = db.session.scalars(db.select(ObjectShelf)).one()
    assert by_name().find(name="maps")[0] is known
    assert db.session().in_transaction(), "that of the session goes on"


def test_it_may_be_read_without_a_session(app, count_statements):
    shelf, length = by_name().read(name="maps")
    assert (shelf.name, length) == ("maps", 4)
    assert not db.session.registry.has()
    assert in_session(shelf) is shelf
    assert in_session(shelf) is shelf
    assert not db.session().in_transaction()
    with count_statements() as sent:
        assert db.session.get(ObjectShelf, shelf.id) is shelf
    assert sent == []
    assert shelf.notes == "dusty"
    assert by_name().find(name="maps")[0] is shelf


def test_another_one_may_have_come_into_the_session_meanwhile(app):
    shelf, _ = by_name().read(name="maps")
    known = db.session.scalars(db.select(ObjectShelf)).one()
    assert in_session(shelf) is known


def test_a_model_of_several_classes_is_loaded_by_sqlalchemy(app):
    key = db.session.scalar(db.select(ObjectBook.id))
    found = OneObject(ObjectBook, [], lambda rows: rows.where(ObjectBook.id == bindparam("key"))).find(key=key)
    assert type(found[0]) is ObjectAtlas


def test_who_listens_to_loading_is_told(app):
    told = []

    def note(shelf, _context):
        told.append(shelf.name)

    event.listen(ObjectShelf, "load", note)
    try:
        by_name().find(name="maps")
    finally:
        event.remove(ObjectShelf, "load", note)
    assert told == ["maps"]
