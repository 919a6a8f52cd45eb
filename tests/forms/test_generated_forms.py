"""form_for: from a resource to a FlaskForm."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask_wtf import FlaskForm
from sqlalchemy import JSON, Column, ForeignKey, Interval, LargeBinary, Numeric, String, Table, Text, TypeDecorator
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, ResourceError, db, form_for, owner, public
from flaskkit.forms import changes, form_on, show_errors, values


class FormsColour(enum.Enum):
    red = 1
    dark_green = 2


forms_links = Table(
    "forms_links",
    Model.metadata,
    Column("thing_id", ForeignKey("forms_thing.id"), primary_key=True),
    Column("label_id", ForeignKey("forms_label.id"), primary_key=True),
)


class FormsShelf(Model):
    __tablename__ = "forms_shelf"
    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    keeper: Mapped[int] = mapped_column(default=1)

    def __str__(self) -> str:
        return f"Shelf {self.code}"


class FormsLabel(IntegerKey, Model):
    __tablename__ = "forms_label"
    text: Mapped[str]

    def __str__(self) -> str:
        return self.text


class FormsThing(IntegerKey, Model):
    __tablename__ = "forms_thing"
    name: Mapped[str] = mapped_column(
        String(20), info={"label": "Full name", "pattern": "[A-Z].*"}, comment="As printed"
    )
    story: Mapped[str | None] = mapped_column(Text)
    remark: Mapped[str] = mapped_column(String(50), default="")
    count: Mapped[int] = mapped_column(default=1, info={"minimum": 0, "maximum": 9})
    weight: Mapped[float | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    sold: Mapped[bool]
    liked: Mapped[bool | None]
    made_on: Mapped[date | None] = mapped_column(info={"minimum": date(2000, 1, 1)})
    seen_at: Mapped[datetime | None]
    opens: Mapped[time | None]
    lasts: Mapped[timedelta | None] = mapped_column(Interval)
    colour: Mapped[FormsColour | None]
    serial: Mapped[UUID | None]
    extra: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    scan: Mapped[bytes | None] = mapped_column(LargeBinary)
    data: Mapped[str | None]
    shelf_code: Mapped[str | None] = mapped_column(ForeignKey("forms_shelf.code"))
    shelf: Mapped[FormsShelf | None] = relationship()
    labels: Mapped[list[FormsLabel]] = relationship(secondary=forms_links)


class ComplexNumber(TypeDecorator[complex]):
    impl = String(50)
    cache_ok = True
    python_type = complex


class FormsWave(IntegerKey, Model):
    __tablename__ = "forms_wave"
    phase: Mapped[str] = mapped_column(ComplexNumber)


FIELDS = [name for name in FormsThing.__annotations__ if name not in ("id", "shelf_code")]
things = Resource(FormsThing, fields=FIELDS, read=public, write=public)
shelves = Resource(FormsShelf, fields=["code"], read=public, write=public)
module = Module("forms", resources=[things, shelves])


@pytest.fixture
def app(start):
    made = start(features=["db", "forms"], modules=[module], flask={"WTF_CSRF_ENABLED": False})
    with made.app_context():
        db.session.add_all([FormsShelf(code="A"), FormsShelf(code="B")])
        db.session.add_all([FormsLabel(text="old"), FormsLabel(text="rare")])
        db.session.commit()
    return made


@pytest.fixture
def sent(app):
    """Return a function that gives the form as it is when *typed* was sent."""

    def sent(item=None, **typed):
        with app.test_request_context("/", method="POST", data=typed):
            form = form_on(things, item)
            form.validate()
            return form

    return sent


def test_form_is_an_ordinary_flask_form(app):
    with app.test_request_context():
        assert form_for(things).__bases__ == (FlaskForm,)
        assert form_for(things) is form_for(things)


def test_forms_of_two_apps_are_independent(app, start):
    other = start(features=["db", "forms"], modules=[module])
    with app.app_context():
        first = form_for(things)
    with other.app_context():
        assert form_for(things) is not first


TYPED = {
    "name": "Tea pot",
    "story": "One\r\ntwo",
    "remark": "old",
    "count": "3",
    "weight": "1.5",
    "price": "12.50",
    "sold": "y",
    "liked": "no",
    "made_on": "2020-02-29",
    "seen_at": "2020-02-29T10:30",
    "opens": "09:15",
    "lasts": "90",
    "colour": "dark_green",
    "serial": "12345678-1234-5678-1234-567812345678",
    "extra": '{"a": [1]}',
    "scan": "AAH/",
    "data": "x",
    "shelf": "A",
    "labels": ["2", "1"],
}


def test_typed_text_becomes_values_of_the_declared_types(sent):
    form = sent(**{name.replace("data", "data_"): text for name, text in TYPED.items()})
    assert form.errors == {}
    assert values(form) == {
        "name": "Tea pot",
        "story": "One\ntwo",
        "remark": "old",
        "count": 3,
        "weight": 1.5,
        "price": Decimal("12.50"),
        "sold": True,
        "liked": False,
        "made_on": date(2020, 2, 29),
        "seen_at": datetime(2020, 2, 29, 10, 30, tzinfo=UTC),
        "opens": time(9, 15),
        "lasts": timedelta(seconds=90),
        "colour": FormsColour.dark_green,
        "serial": UUID("12345678-1234-5678-1234-567812345678"),
        "extra": {"a": [1]},
        "scan": b"\x00\x01\xff",
        "data": "x",
        "shelf": "A",
        "labels": [2, 1],
    }


def test_empty_inputs_are_null_or_empty_text_or_left_to_the_default(sent):
    form = sent(**dict.fromkeys([*FIELDS, "data_"], "") | {"name": "Tea", "count": "1"})
    assert form.errors == {}
    kept = {"name": "Tea", "remark": "", "count": 1, "sold": False, "labels": []}
    assert values(form) == dict.fromkeys(FIELDS) | kept


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "tea"}, "Does not have the expected form."),
        ({"name": "T" * 21}, "Field cannot be longer than 20 characters."),
        ({"count": ""}, "This field is required."),
        ({"count": "many"}, "Not a valid integer value."),
        ({"count": "10"}, "Must be at most 9."),
        ({"count": "-1"}, "Must be at least 0."),
        ({"count": "\u0663"}, "Not a valid integer value."),
        ({"count": "0_1"}, "Not a valid integer value."),
        ({"weight": "\u0663.5"}, "Not a valid float value."),
        ({"weight": "nan"}, "Not a valid float value."),
        ({"weight": "1e999"}, "Not a number that can be stored."),
        ({"price": "sNaN"}, "Not a valid decimal value."),
        ({"price": "1e1"}, "Not a valid decimal value."),
        ({"price": "\u0663"}, "Not a valid decimal value."),
        ({"price": "1.234"}, "At most 2 digits after the point."),
        ({"price": "12345"}, "At most 4 digits before the point."),
        ({"made_on": "1999-12-31"}, "Must be at least 2000-01-01."),
        ({"made_on": "yesterday"}, "Not a valid date value."),
        ({"seen_at": "2020"}, "Not a valid datetime value."),
        ({"lasts": "1e400"}, "Not a number of seconds."),
        ({"colour": "blue"}, "Not a valid choice."),
        ({"liked": "perhaps"}, "Not a valid choice."),
        ({"serial": "12"}, "Not a valid UUID."),
        ({"extra": "{"}, "Not valid JSON."),
        ({"extra": "NaN"}, "Not valid JSON."),
        ({"scan": "a!"}, "Not valid base64."),
        ({"story": "\x00"}, "Holds a character that cannot be stored."),
        ({"count": "99999999999999999999"}, "Not a number that can be stored."),
        ({"shelf": "Z"}, "There is no FormsShelf 'Z'."),
        ({"labels": ["1", "9"]}, "There is no FormsLabel 9."),
        ({"labels": "x"}, "There is no such row."),
    ],
    ids=str,
)
def test_wrong_input_is_refused_beside_its_field(sent, typed, message):
    form = sent(**{"name": "Tea", "count": "1"} | typed)
    assert form.errors == {next(iter(typed)): [message]}


def test_a_name_that_the_form_needs_itself_gets_an_underscore(sent):
    form = sent(name="Tea", count="1", data_="mine")
    assert form.data_.data == "mine"
    assert values(form)["data"] == "mine"


def test_inputs_carry_the_rules(app):
    with app.test_request_context():
        form = form_for(things)()
        assert 'maxlength="20"' in form.name()
        assert "required" in form.name()
        assert 'max="9" min="0"' in form.count()
        assert 'step="0.01"' in form.price()
        assert 'min="2000-01-01"' in form.made_on()
        assert "required" not in form.sold()
        assert form.story().startswith("<textarea")
        assert (form.name.label.text, form.name.description) == ("Full name", "As printed")
        assert form.count.data == 1


def test_rows_to_choose_from_are_offered_by_their_text(app):
    with app.test_request_context():
        form = form_for(things)()
        assert '<option value="A">Shelf A</option>' in form.shelf()
        assert [option.label.text for option in form.labels] == ["old", "rare"]


def test_keys_are_typed_where_there_is_too_much_to_choose_from(app, sent):
    with app.app_context():
        db.session.add_all([FormsShelf(code=f"S{number}") for number in range(201)])
        db.session.add_all([FormsLabel(text=f"L{number}") for number in range(201)])
        db.session.commit()
    with app.test_request_context():
        form = form_for(things)()
        assert form.shelf().startswith("<input")
        assert form.labels().startswith("<input")
    form = sent(name="Tea", count="1", shelf="S7", labels="1, 2")
    assert form.errors == {}
    assert values(form)["shelf"] == "S7"
    assert values(form)["labels"] == [1, 2]
    assert sent(name="Tea", count="1", shelf="no").errors == {"shelf": ["There is no FormsShelf 'no'."]}


def test_a_form_about_a_row_shows_it(app):
    with app.test_request_context():
        db.session.add(thing := FormsThing(name="Tea", sold=True, shelf=db.session.get(FormsShelf, "A")))
        thing.labels = [db.session.get(FormsLabel, 2)]
        thing.seen_at = datetime(2020, 1, 1, 8, 30, 15, 123456, UTC)
        db.session.commit()
        form = form_on(things, thing)
        assert '<option selected value="A">' in form.shelf()
        assert [option.label.text for option in form.labels if option.checked] == ["rare"]
        assert 'value="2020-01-01T08:30:15"' in form.seen_at()
        assert "checked" in form.sold()


def test_what_came_back_as_it_was_shown_is_no_change(app):
    thing = FormsThing(name="Tea", count=2, sold=False, remark="", story="a\r\nb")
    thing.seen_at = datetime(2020, 1, 1, 8, 30, 15, 123456, UTC)
    thing.extra, thing.lasts, thing.opens = {"b": 1}, timedelta(microseconds=1500001), time(1, 2, 3, 4)
    with app.test_request_context():
        form = form_on(things, thing)
        shown = {name: form[name]._value() for name in ("story", "count", "seen_at", "opens", "lasts", "extra")}
    with app.test_request_context(method="POST", data=shown | {"name": "Coffee"}):
        assert changes(form_on(things, thing)) == {"name": "Coffee"}


def test_emptying_a_field_that_has_no_null_is_refused(app):
    thing = FormsThing(name="Tea", count=2, sold=False, remark="x")
    with app.test_request_context(method="POST", data={"name": "Tea", "count": "", "remark": ""}):
        form = form_on(things, thing)
        assert not form.validate()
        assert form.count.errors == ["This field is required."]
        assert "remark" not in form.errors


def test_a_value_that_must_not_be_seen_survives_saving(start):
    hidden = Resource(FormsShelf, fields=["code"], read=owner("keeper"))
    app = start(features=["db", "forms"], modules=[Module("m", resources=[things, hidden])])
    with app.app_context():
        db.session.add(FormsThing(id=1, name="Tea", count=1, sold=False, shelf=FormsShelf(code="SECRET")))
        db.session.commit()
    with app.test_request_context(method="POST", data={"name": "Tea", "count": "1", "shelf": "SECRET"}):
        form = form_on(things, db.session.get(FormsThing, 1))
        form.validate()
        assert "shelf" not in form.errors
        assert changes(form) == {}
        assert "Shelf SECRET" not in form.shelf()


def test_text_in_the_address_fills_in_a_new_form(app):
    with app.test_request_context("/?name=Tea&count=x&sold=true&shelf=B&labels=1&data=d&made_on=2020-01-02"):
        from flask import request

        form = form_on(things, typed=request.args)
        assert form.name.data == "Tea"
        assert 'value="x"' in form.count()
        assert form.sold.data is True
        assert 'selected value="B"' in form.shelf()
        assert form.labels.data == [1]
        assert form.data_.data == "d"
        assert 'value="2020-01-02"' in form.made_on()
        assert form.errors == {}


def test_errors_of_the_server_stand_beside_their_fields(sent):
    form = sent(name="Tea", count="1")
    show_errors(form, {"data": ["Taken."], "": ["All wrong."], "secret": ["Not here."]})
    assert form.errors == {"data_": ["Taken."], "": ["All wrong.", "secret: Not here."]}


def test_a_field_that_cannot_be_typed_is_named(start):
    waves = Resource(FormsWave, fields=["phase"], read=public)
    app = start(features=["db", "forms"], modules=[Module("m", resources=[waves])])
    with app.app_context(), pytest.raises(ResourceError) as caught:
        form_for(waves)
    assert str(caught.value) == (
        "Resource 'forms_wave' names 'phase', which holds complex: no form can take that. "
        "Name it in read_only, or leave it out."
    )
