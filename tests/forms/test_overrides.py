"""Forms of resources, changed in part: which fields, in which order, with which widgets."""

from __future__ import annotations

import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from wtforms.widgets import TextArea

from flaskkit import IntegerKey, Model, Module, Resource, ResourceError, form_for, public
from flaskkit.forms import form_on


class Guest(IntegerKey, Model):
    __tablename__ = "forms_guest"
    name: Mapped[str] = mapped_column(String(40), info={"autocomplete": "name", "pattern": "[A-Z].*"})
    email: Mapped[str | None] = mapped_column(String(80), info={"input": "email", "autocomplete": "email"})
    site: Mapped[str | None] = mapped_column(info={"input": "url"})
    phone: Mapped[str | None] = mapped_column(info={"input": "tel"})
    colour: Mapped[str] = mapped_column(String(7), default="#aabbcc", info={"input": "color"})
    pin: Mapped[str | None] = mapped_column(info={"input": "password"})


guests = Resource(
    Guest, name="guests", fields=["name", "email", "site", "phone", "colour", "pin"], write=public, read=public
)


@pytest.fixture
def run(start):
    def run(**contributions):
        return start(
            features=["db", "forms"],
            modules=[Module("hotel", resources=[guests], contributions={"forms": contributions})],
            tables=False,
        )

    return run


def test_texts_have_the_input_that_the_column_says(run):
    with run().test_request_context():
        form = form_for(guests)(data={"pin": "1234"})
        assert 'type="email"' in form.email()
        assert 'autocomplete="email"' in form.email()
        assert 'type="url"' in form.site()
        assert 'type="tel"' in form.phone()
        assert 'type="color" value="#aabbcc"' in form.colour()
        assert 'pattern="[A-Z].*"' in form.name()
        assert "1234" not in form.pin()


def test_a_form_has_the_fields_and_widgets_that_were_asked_for(run):
    with run().test_request_context():
        form = form_for(guests, fields=["email", "name"], widgets={"name": TextArea()})()
        assert [field.name for field in form if field.name != "csrf_token"] == ["email", "name"]
        assert form.name().startswith("<textarea")
        assert [*form_for(guests)()._fields][:2] == ["name", "email"]


def test_a_module_decides_about_the_forms_of_its_resources(run):
    with run(guests={"fields": ["name"], "widgets": {"name": TextArea()}}).test_request_context():
        form = form_on(guests)
        assert [field.name for field in form if field.name != "csrf_token"] == ["name"]
        assert form.name().startswith("<textarea")


@pytest.mark.parametrize(
    ("contributed", "message"),
    [
        ({"guest": {}}, "Module 'hotel' has a form for 'guest', which is no resource. Did you mean 'guests'?"),
        (
            {"guests": {"field": []}},
            "Module 'hotel' has ['field'] in its form for 'guests'; write 'fields' or 'widgets'.",
        ),
        ({"guests": {"fields": ["nam"]}}, "The form of resource 'guests' names 'nam', which nobody may send. Did you"),
        ({"guests": {"widgets": {"id": 1}}}, "The form of resource 'guests' names 'id', which nobody may send."),
    ],
)
def test_mistakes_are_told_at_start(run, contributed, message):
    with pytest.raises(ResourceError, match="^" + message.replace("[", r"\[").replace("?", r"\?")):
        run(**contributed)


def test_an_input_that_is_none_is_told(start):
    class Odd(IntegerKey, Model):
        __tablename__ = "forms_odd"
        name: Mapped[str] = mapped_column(info={"input": "mail"})

    odd = Resource(Odd, name="odd", fields=["name"], read=public)
    app = start(features=["db", "forms"], modules=[Module("odd", resources=[odd])], tables=False)
    with app.app_context(), pytest.raises(ResourceError, match="Odd.name has the input 'mail'; there are email, url"):
        form_for(odd)
