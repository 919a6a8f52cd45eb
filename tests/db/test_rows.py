"""The rows of a resource: policies in SQL, one transaction each, errors that name the field."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table, select
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.exceptions import Forbidden, NotFound

from flaskkit import (
    Conflicting,
    IntegerKey,
    LoginRequired,
    Model,
    Module,
    Policy,
    Rejected,
    Resource,
    db,
    login,
    owner,
    public,
    role,
)
from flaskkit.access import Caller
from flaskkit.db import rows


class RowsTown(Model):
    __tablename__ = "rows_town"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    secret: Mapped[bool] = mapped_column(default=False)
    letters: Mapped[list[RowsLetter]] = relationship(back_populates="town")

    def __str__(self) -> str:
        return self.name


rows_letter_tag = Table(
    "rows_letter_tag",
    Model.metadata,
    Column("letter_id", ForeignKey("rows_letter.id"), primary_key=True),
    Column("tag_id", ForeignKey("rows_tag.id"), primary_key=True),
)


class RowsTag(IntegerKey, Model):
    __tablename__ = "rows_tag"
    word: Mapped[str]


class RowsBox(IntegerKey, Model):
    __tablename__ = "rows_box"
    owner_id: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("rows_box.id"))
    parent: Mapped[RowsBox | None] = relationship(remote_side="RowsBox.id")
    things: Mapped[list[RowsThing]] = relationship()


class RowsThing(IntegerKey, Model):
    __tablename__ = "rows_thing"
    owner_id: Mapped[int]
    box_id: Mapped[int | None] = mapped_column(ForeignKey("rows_box.id"))


class RowsLetter(IntegerKey, Model):
    __tablename__ = "rows_letter"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),)
    author_id: Mapped[int]
    text: Mapped[str]
    stars: Mapped[int] = mapped_column(default=3)
    town_code: Mapped[str] = mapped_column(ForeignKey("rows_town.code"))
    town: Mapped[RowsTown] = relationship(back_populates="letters")
    tags: Mapped[list[RowsTag]] = relationship(secondary=rows_letter_tag)


class NotSecret(Policy):
    """A policy of the app's own: everybody sees what is not secret."""

    anonymous = True

    def allows(self, user, item=None):
        return item is None or not item.secret

    def rows(self, user, model):
        return model.secret.is_(False)


towns = Resource(
    RowsTown, name="towns", fields=["code", "name"], sorts=["name"], search=["name"], read=NotSecret(), write=login
)
boxes = Resource(RowsBox, name="boxes", fields=["parent", "things"], read=public, write=owner("owner_id"))
things = Resource(RowsThing, name="things", read=public, write=owner("owner_id"))
mine = owner("author_id") | role("admin")
letters = Resource(
    RowsLetter,
    name="letters",
    fields=["text", "stars", "town", "tags"],
    filters=["stars"],
    sorts=["stars"],
    search=["text"],
    order=["-stars"],
    read=mine,
    create=owner("author_id"),
    update=owner("author_id"),
    delete=mine,
)


@dataclass
class Person:
    id: int
    roles: tuple[str, ...] = ()

    def has_role(self, name):
        return name in self.roles


ANNA, BERT, ADMIN = Person(1), Person(2), Person(3, ("admin",))


@pytest.fixture
def as_user(start):
    app = start(features=["db"], modules=[Module("post", resources=[towns, letters, boxes, things])])
    with app.app_context():
        db.session.add_all([RowsTown(code="ULM", name="Ulm"), RowsTown(code="X", name="Area", secret=True)])
        db.session.add_all([RowsTag(word="old"), RowsTag(word="new")])
        db.session.commit()

    def as_user(user):
        app.extensions["flaskkit"].caller = lambda: Caller(user, "session" if user else "")
        return app.test_request_context()

    return as_user


def letter(**values):
    return {"text": "Dear all", "town": "ULM", **values}


def test_a_row_is_made_read_changed_and_deleted(as_user):
    with as_user(ANNA):
        made = rows.create(letters, letter(tags=[1, 2]))
        assert (made.author_id, made.stars, made.town.name) == (1, 3, "Ulm")
        assert [tag.word for tag in made.tags] == ["old", "new"]
        assert rows.update(letters, str(made.id), {"stars": 5, "tags": [2]}).stars == 5
        found = rows.get(letters, made.id)
        assert [rows.value_of(found, field) for field in letters.readable] == [made.id, "Dear all", 5, "ULM", [2]]
        rows.delete(letters, made.id)
        with pytest.raises(NotFound):
            rows.get(letters, made.id)


def test_rows_of_others_are_not_found(as_user):
    with as_user(ANNA):
        key = rows.create(letters, letter()).id
    with as_user(BERT):
        assert rows.page(letters).total == 0
        for call in (rows.get, rows.delete):
            with pytest.raises(NotFound):
                call(letters, key)
        with pytest.raises(NotFound):
            rows.update(letters, key, {"stars": 1})
    with as_user(ADMIN):
        assert rows.page(letters).total == 1
        with pytest.raises(Forbidden):
            rows.update(letters, key, {"stars": 1})
        rows.delete(letters, key)


def test_strangers_are_asked_to_log_in(as_user):
    with as_user(None):
        for call in (
            lambda: rows.page(letters),
            lambda: rows.get(letters, 1),
            lambda: rows.create(letters, letter()),
            lambda: rows.create(towns, {"code": "BER", "name": "Berlin"}),
            lambda: rows.delete(towns, "ULM"),
        ):
            with pytest.raises(LoginRequired):
                call()


def test_lists_are_filtered_sorted_searched_and_paged(as_user):
    with as_user(ANNA):
        for stars in (1, 2, 2, 3, 5):
            rows.create(letters, letter(stars=stars, text=f"{stars} of 100%_"))
        page = rows.page(letters, number=2, size=2)
        assert ([item.stars for item in page.items], page.total, page.pages) == ([2, 2], 5, 3)
        assert [item.stars for item in rows.page(letters, sorts=["stars"]).items] == [1, 2, 2, 3, 5]
        assert rows.page(letters, filters={"stars": 2}).total == 2
        assert rows.page(letters, q="3 OF").total == 1
        assert rows.page(letters, q="100%_").total == 5
        assert rows.page(letters, q="0_%").total == 0
        assert rows.page(letters, number=10**18).items == []


def test_nobody_can_refer_to_a_row_that_they_do_not_see(as_user):
    with as_user(ANNA):
        with pytest.raises(Rejected) as caught:
            rows.create(letters, letter(town="X", tags=[1, 77]))
        assert caught.value.errors == {"town": ["There is no RowsTown 'X'."], "tags": ["There is no RowsTag 77."]}
        field = letters.known["town"]
        assert rows.choices(field) == [("ULM", "Ulm")]
        assert rows.choices(field, limit=0) is None


@pytest.mark.parametrize(
    ("resource", "values", "kind", "errors"),
    [
        (towns, {"code": "BER", "name": "Ulm"}, Conflicting, {"name": ["This is taken already."]}),
        (towns, {"code": "ULM", "name": "Neu-Ulm"}, Conflicting, {"code": ["This is taken already."]}),
        (towns, {"code": "BER"}, Rejected, {"name": ["A value is missing."]}),
        (letters, {"text": "x", "town": "ULM", "stars": 9}, Rejected, {"": ["This value is not allowed."]}),
    ],
    ids=["unique", "key", "missing", "check"],
)
def test_what_the_database_refuses_names_the_field(as_user, resource, values, kind, errors):
    with as_user(ANNA):
        with pytest.raises(kind) as caught:
            rows.create(resource, values)
        assert caught.value.errors == errors
        assert rows.create(towns, {"code": "OK", "name": "Okay"}).code == "OK"


def test_a_row_that_others_refer_to_cannot_be_deleted(as_user):
    with as_user(ANNA):
        rows.create(letters, letter())
        with pytest.raises(Conflicting, match="Other rows still refer to this one"):
            rows.delete(towns, "ULM")
        assert rows.get(towns, "ULM").name == "Ulm"


def test_an_operation_is_whole_or_not_at_all(as_user):
    with as_user(ANNA):
        key = rows.create(letters, letter()).id
        with pytest.raises(Rejected):
            rows.update(letters, key, {"text": "Changed", "tags": [1], "stars": 9})
        found = rows.get(letters, key)
        assert (found.text, found.tags) == ("Dear all", [])


@pytest.mark.parametrize("key", ["", "x", "1.0", "0x1", "9" * 30, "1\x00", "\ud800", "-1", "１", "1 ", None, True])
def test_a_key_that_cannot_be_is_not_found(as_user, key):
    with as_user(ANNA), pytest.raises(NotFound):
        rows.get(letters, key)


@pytest.mark.parametrize("key", ["U\x00M", "\ud800", "x" * 500, "ULM\n", ""])
def test_a_text_key_that_cannot_be_is_not_found(as_user, key):
    with as_user(ANNA), pytest.raises(NotFound):
        rows.get(towns, key)


def test_numbers_beyond_the_database_are_refused(as_user):
    with as_user(ANNA):
        with pytest.raises(Rejected):
            rows.create(letters, letter(stars=10**30))
        assert rows.page(letters).total == 0


def test_a_page_takes_the_same_number_of_statements_whatever_its_size(as_user, count_statements):
    with as_user(ANNA):
        for number in range(12):
            rows.create(letters, letter(tags=[1, 2] if number % 2 else []))
        db.session.remove()
        with count_statements() as few:
            [[rows.value_of(item, field) for field in letters.readable] for item in rows.page(letters, size=2).items]
        db.session.remove()
        with count_statements() as many:
            [[rows.value_of(item, field) for field in letters.readable] for item in rows.page(letters, size=12).items]
        assert len(few) == len(many) == 2, "rows with their number and towns, tags"


def test_a_change_keeps_what_is_not_sent(as_user):
    with as_user(ANNA):
        key = rows.create(letters, letter(tags=[1])).id
        rows.update(letters, key, {"stars": 4})
        assert db.session.scalars(select(RowsLetter)).one().tags[0].word == "old"


def test_rows_of_others_cannot_be_taken_through_a_relationship(as_user):
    with as_user(ANNA):
        hers = rows.create(things, {}).id
    with as_user(BERT):
        box = rows.create(boxes, {}).id
        with pytest.raises(Forbidden):
            rows.update(boxes, box, {"things": [hers]})
        with pytest.raises(Forbidden):
            rows.create(boxes, {"things": [hers]})
        own = rows.create(things, {}).id
        assert [thing.id for thing in rows.update(boxes, box, {"things": [own]}).things] == [own]


def test_a_row_that_would_refer_to_itself_is_refused(as_user):
    with as_user(ANNA):
        box = rows.create(boxes, {}).id
        with pytest.raises(Rejected) as caught:
            rows.update(boxes, box, {"parent": box})
        assert caught.value.errors == {"": ["A row cannot refer to itself."]}
        assert rows.page(boxes).total == 1
