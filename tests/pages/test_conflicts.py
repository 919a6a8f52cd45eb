"""Two people change one row: nobody's change is lost without being seen."""

from __future__ import annotations

import re

import pytest

from flaskkit import db

from .conftest import Book, Topic


def hidden(page):
    return dict(re.findall('<input [^>]*name="(csrf_token|_opened)"[^>]* value="([^"]+)"', page))


@pytest.fixture
def change(app):
    def change(**values):
        with app.app_context():
            for name, value in values.items():
                setattr(db.session.get(Book, 1), name, value)
            db.session.commit()

    return change


@pytest.fixture
def book(app):
    def book():
        with app.app_context():
            one = db.session.get(Book, 1)
            return one.title, one.pages, one.author_id, [topic.name for topic in one.topics]

    return book


SAME = {"title": "Engines", "pages": "90", "author": "1"}


def test_both_versions_are_shown_and_what_was_typed_stays(editor, change, book):
    form = editor.get("/books/1/edit").text
    change(title="Machines", author_id=2)
    sent = {**SAME, "title": "Motors", "pages": "91"}
    refused = editor.client.post("/books/1/edit", data={**hidden(form), **sent})
    assert refused.status_code == 409
    assert "Somebody else changed this since you opened it." in refused.text
    cells = [
        re.findall("<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr .*?</tr>", refused.text, re.DOTALL)
    ]
    assert [[re.sub("<[^>]+>", "", cell) for cell in row] for row in cells] == [
        ["Field", "Your version", "Stored meanwhile"],
        ["Title", "Motors", "Machines"],
        ["Author", "not changed by you", "Bob"],
    ]
    assert 'value="Motors"' in refused.text
    assert 'value="91"' in refused.text
    assert book() == ("Machines", 90, 2, [])
    # The author is Bob in the form now: what was not touched is not taken back.
    assert 'selected value="2"' in refused.text

    saved = editor.client.post("/books/1/edit", data={**hidden(refused.text), **sent, "author": "2"})
    assert saved.status_code == 303
    assert book() == ("Motors", 91, 2, [])


def test_a_number_that_was_left_alone_is_the_stored_one(editor, change):
    form = editor.get("/books/1/edit").text
    change(pages=91)
    refused = editor.client.post("/books/1/edit", data={**hidden(form), **SAME, "title": "Motors"}).text
    assert 'name="pages" type="number" value="91"' in refused


def test_a_third_change_is_seen_as_well(editor, change):
    form = editor.get("/books/1/edit").text
    change(pages=91)
    refused = editor.client.post("/books/1/edit", data={**hidden(form), **SAME, "title": "Motors"})
    change(pages=92)
    sent = {**hidden(refused.text), **SAME, "title": "Motors", "pages": "91"}
    assert editor.client.post("/books/1/edit", data=sent).status_code == 409


def test_a_change_of_what_the_form_does_not_show_is_none(editor, change, book):
    form = editor.get("/books/1/edit").text
    change(cost=99)
    assert editor.client.post("/books/1/edit", data={**hidden(form), **SAME, "title": "Motors"}).status_code == 303
    assert book()[0] == "Motors"


def test_relationships_to_many_rows_are_compared(app, editor, book):
    form = editor.get("/books/1/edit").text
    with app.app_context():
        db.session.get(Book, 1).topics = [db.session.get(Topic, 1)]
        db.session.commit()
    refused = editor.client.post("/books/1/edit", data={**hidden(form), **SAME})
    assert refused.status_code == 409
    assert book()[3] == ["Steam"]


def test_a_mistake_in_between_hides_no_conflict(editor, change):
    form = editor.get("/books/1/edit").text
    change(title="Machines")
    wrong = editor.client.post("/books/1/edit", data={**hidden(form), **SAME, "pages": "many"})
    assert wrong.status_code == 422
    assert editor.client.post("/books/1/edit", data={**hidden(wrong.text), **SAME}).status_code == 409


@pytest.mark.parametrize("mark", ["", "x", "title:", ": :", "nonsense:1 title"])
def test_no_mark_is_an_error(editor, mark):
    sent = {**hidden(editor.get("/books/1/edit").text), "_opened": mark, **SAME}
    assert editor.client.post("/books/1/edit", data=sent).status_code in (303, 409)


def test_nothing_changed_is_no_conflict(editor, book):
    form = editor.get("/books/1/edit").text
    assert editor.client.post("/books/1/edit", data={**hidden(form), **SAME}).status_code == 303
    assert book() == ("Engines", 90, 1, [])
