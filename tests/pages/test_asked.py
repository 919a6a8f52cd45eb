"""What the address asks for, in a list that is written by hand."""

from __future__ import annotations

import pytest
from flask import Blueprint, render_template_string

from flaskkit import Module, db, public, requires
from flaskkit.db import shown
from flaskkit.pages import asked

from .test_conditions import Animal, Keeper, animals

menagerie = Blueprint("menagerie", __name__)
TEMPLATE = "{% for animal in page.items %}{{ animal.name }}|{% endfor %}{{ page.number }} of {{ page.pages }}"


@menagerie.get("/menagerie")
@requires(public)
def listed():
    return render_template_string(TEMPLATE, page=shown.page(animals, **asked(animals), size=2))


@pytest.fixture
def client(start):
    app = start(features=["db", "forms", "pages"], modules=[Module("zoo", blueprints=[menagerie], resources=[animals])])
    with app.app_context():
        ann = Keeper(name="Ann")
        rows = [("Bear", 300, ann), ("Cat", 4, None), ("Dog", 20, ann), ("Eel", None, None)]
        db.session.add_all([Animal(name=name, weight=weight, keeper=keeper) for name, weight, keeper in rows])
        db.session.commit()
    return app.test_client()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "Bear|Cat|1 of 2"),
        ("?page=2", "Dog|Eel|2 of 2"),
        ("?sort=-weight", "Bear|Dog|1 of 2"),
        ("?weight__le=20&sort=weight", "Cat|Dog|1 of 1"),
        ("?keeper.name__contains=ann&page=1", "Bear|Dog|1 of 1"),
        ("?page=9", "9 of 2"),
    ],
)
def test_a_list_by_hand_is_asked_as_others_are(client, query, text):
    answer = client.get(f"/menagerie{query}")
    assert (answer.status_code, answer.text) == (200, text)


@pytest.mark.parametrize("query", ["page=-1", "page=x", "page=0", "sort=name", "sort=--weight", "q=b", "strange=1"])
def test_what_makes_no_sense_is_left_out(client, query):
    assert client.get(f"/menagerie?{query}").text == "Bear|Cat|1 of 2"


def test_a_value_that_is_none_is_refused(client):
    answer = client.get("/menagerie?weight=heavy")
    assert answer.status_code == 422
    assert "Weight: Not a valid integer value." in answer.text
