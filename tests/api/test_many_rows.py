"""Relationships to many rows: keys of hidden ones are not told, and changing many rows reads them together."""

from __future__ import annotations

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, Db, IntegerKey, Model, Module, Policy, Resource, db, public


class Open(Policy):
    """Rows that are not drafts."""

    anonymous = True

    def allows(self, user, item=None):
        return item is None or not item.draft

    def rows(self, user, model):
        return ~model.draft


class ManyShelf(IntegerKey, Model):
    __tablename__ = "many_shelf"
    name: Mapped[str] = mapped_column(String(20))
    texts: Mapped[list[ManyText]] = relationship(back_populates="shelf", order_by="ManyText.id")

    @property
    def length(self) -> int:
        return len(self.name)


class ManyText(IntegerKey, Model):
    __tablename__ = "many_text"
    draft: Mapped[bool] = mapped_column(default=False)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey(ManyShelf.id))
    shelf: Mapped[ManyShelf | None] = relationship(back_populates="texts")


class ManyPerson(IntegerKey, Model):
    __tablename__ = "many_person"
    badge: Mapped[ManyBadge | None] = relationship(back_populates="person", cascade="all, delete-orphan")


class ManyBadge(IntegerKey, Model):
    __tablename__ = "many_badge"
    person_id: Mapped[int | None] = mapped_column(ForeignKey(ManyPerson.id))
    person: Mapped[ManyPerson | None] = relationship(back_populates="badge")


people = Resource(ManyPerson, name="people", fields=["badge"], read=public, write=public)
badges = Resource(ManyBadge, name="badges", fields=["person"], read=public)
shelves = Resource(ManyShelf, name="shelves", fields=["name", "texts"], read=public, write=public, bulk=9)
# What is computed in Python is read by way of model objects.
computed = Resource(ManyShelf, name="computed", read_only=["texts", "length"], read=public)
texts = Resource(ManyText, name="texts", fields=["draft", "shelf"], read=Open(), write=public, bulk=9)


MANY = Module("many", resources=[shelves, computed, texts, people, badges])


@pytest.fixture
def client(start):
    app = start(features=[Db(lazy="raise"), Api()], modules=[MANY])
    with app.app_context():
        db.session.add_all(
            [
                ManyShelf(name="A", texts=[ManyText(), ManyText(draft=True)]),
                ManyShelf(name="B", texts=[ManyText()]),
                ManyShelf(name="C"),
                ManyPerson(badge=ManyBadge()),
                ManyPerson(),
            ]
        )
        db.session.commit()
    return app.test_client()


@pytest.mark.parametrize("name", ["shelves", "computed"])
def test_keys_of_hidden_rows_are_not_shown(client, name):
    assert [shelf["texts"] for shelf in client.get(f"/api/{name}").json] == [[1], [3], []]
    assert client.get(f"/api/{name}/1").json["texts"] == [1]


def test_many_rows_get_other_rows_where_lazy_loads_are_errors(client):
    moved = client.patch("/api/texts/bulk", json=[{"id": 1, "shelf": 3}, {"id": 3, "shelf": 3}])
    assert [text["shelf"] for text in moved.json] == [3, 3], moved.text
    changed = client.patch("/api/shelves/bulk", json=[{"id": 3, "texts": [1]}, {"id": 2, "texts": [3]}])
    assert [shelf["texts"] for shelf in changed.json] == [[1], [3]], changed.text


@pytest.mark.parametrize(("path", "body"), [("people/2", {"badge": 1}), ("people/1", {"badge": None})])
def test_a_row_that_nobody_may_change_is_not_taken_by_another_one(client, path, body):
    assert client.patch(f"/api/{path}", json=body).status_code == 401
    assert client.post("/api/people", json={"badge": 1}).status_code == 401
    assert client.get("/api/badges/1").json["person"] == 1
