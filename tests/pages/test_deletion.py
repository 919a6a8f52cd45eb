"""Before a row is deleted the page says what goes with it, what stays behind and what stands in the way."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Policy, Resource, db, nobody, public


class Ship(IntegerKey, Model):
    __tablename__ = "pages_ship"
    name: Mapped[str]
    decks: Mapped[list[Deck]] = relationship(cascade="all, delete-orphan")
    visits: Mapped[list[Visit]] = relationship()
    mother_id: Mapped[int | None] = mapped_column(ForeignKey("pages_ship.id", ondelete="CASCADE"))

    def __str__(self) -> str:
        return self.name


class Deck(IntegerKey, Model):
    __tablename__ = "pages_deck"
    ship_id: Mapped[int] = mapped_column(ForeignKey("pages_ship.id"))


class Cabin(IntegerKey, Model):
    __tablename__ = "pages_cabin"
    deck_id: Mapped[int] = mapped_column(ForeignKey("pages_deck.id", ondelete="CASCADE"))
    hidden: Mapped[bool] = mapped_column(default=False)


class Visit(IntegerKey, Model):
    __tablename__ = "pages_visit"
    ship_id: Mapped[int | None] = mapped_column(ForeignKey("pages_ship.id"))


class Captain(IntegerKey, Model):
    __tablename__ = "pages_captain"
    ship_id: Mapped[int] = mapped_column(ForeignKey("pages_ship.id"))


class Shown(Policy):
    """Cabins that are not hidden."""

    anonymous = True

    def allows(self, user, item=None):
        return item is None or not item.hidden

    def rows(self, user, model):
        return model.hidden.is_(False)


@pytest.fixture
def app(start):
    resources = [
        Resource(Ship, name="ships", fields=["name"], read=public, write=public),
        Resource(Deck, name="decks", fields=[], read=public),
        Resource(Cabin, name="cabins", fields=[], read=Shown()),
        Resource(Visit, name="visits", fields=[], read=public),
        Resource(Captain, name="captains", fields=[], read=nobody),
    ]
    app = start(
        features=["db", "forms", "pages"],
        modules=[Module("fleet", resources=resources)],
        flask={"WTF_CSRF_ENABLED": False},
    )
    with app.app_context():
        db.session.add_all([Ship(id=1, name="Argo"), Ship(id=2, name="Beagle"), Ship(id=3, name="Dinghy", mother_id=1)])
        db.session.flush()
        db.session.add_all([Deck(id=1, ship_id=1), Deck(id=2, ship_id=1), Visit(ship_id=1)])
        db.session.flush()
        db.session.add_all([Cabin(deck_id=1), Cabin(deck_id=2), Cabin(deck_id=2, hidden=True)])
        db.session.commit()
    return app


def effects(page):
    return dict(re.findall("<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def test_what_goes_with_it_is_counted_level_by_level(app):
    client = app.test_client()
    assert effects(client.get("/ships/1/delete").text) == {
        "Deleted as well": "cabins (2), decks (2), other rows (1) and ships (1)",
        "Stay, but refer to nothing any more": "visits (1)",
    }
    assert effects(client.get("/ships/2/delete").text) == {}
    assert client.post("/ships/1/delete").status_code == 303
    with app.app_context():
        assert [db.session.query(model).count() for model in (Ship, Deck, Cabin, Visit)] == [1, 0, 0, 1]


def test_what_the_database_deletes_by_itself_takes_no_relationship_along(app):
    with app.app_context():
        db.session.add(Deck(id=3, ship_id=3))
        db.session.commit()
    client = app.test_client()
    assert effects(client.get("/ships/3/delete").text) == {"Deleted as well": "decks (1)"}
    assert effects(client.get("/ships/1/delete").text)["Stand in the way"].startswith("decks (1).")
    assert client.post("/ships/1/delete").status_code == 409


def test_what_stands_in_the_way_is_told_without_saying_what_is_hidden(app):
    with app.app_context():
        db.session.add(Captain(ship_id=2))
        db.session.commit()
    client = app.test_client()
    way = {"Stand in the way": "other rows (1). Delete or change them first."}
    assert effects(client.get("/ships/2/delete").text) == way
    refused = client.post("/ships/2/delete")
    assert refused.status_code == 409
    assert effects(refused.text) == way
    assert effects(client.get("/ships/delete?key=2&key=3").text) == way
    both = effects(client.get("/ships/delete?key=1&key=3").text)
    assert both["Deleted as well"] == "cabins (2), decks (2) and other rows (1)"
