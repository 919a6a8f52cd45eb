"""One row: seeing, adding, changing and deleting it."""

from __future__ import annotations

import re

import pytest

from flaskkit import db

from .conftest import Author, Book, BookNote, Topic


def stored(app, model, key):
    with app.app_context():
        return db.session.get(model, key)


def test_a_row_is_shown_with_links_to_what_it_refers_to(stranger):
    page = stranger.get("/books/1")
    assert "<title>Engines · Testapp</title>" in page.text
    assert '<a href="/authors/1">Ada</a>' in page.text
    assert "/books/1/edit" not in page.text
    assert "/books/1/delete" not in page.text


@pytest.mark.parametrize("key", ["99", "x", "0x1", "%00", "99999999999999999999999", "1%20"])
def test_a_row_that_is_not_there_is_404(stranger, key):
    assert stranger.get(f"/books/{key}").status_code == 404


def test_of_a_related_row_that_must_not_be_read_only_the_key_is_shown(app, stranger):
    with app.app_context():
        db.session.get(Book, 1).topics = [db.session.get(Topic, 1)]
        db.session.commit()
    page = stranger.get("/books/1").text
    assert "Steam" not in page
    assert "/topics/" not in page


def test_a_new_row_is_stored_and_shown(app, editor):
    answer = editor.post("/books/new", title="Bridges", pages="12", author="2", topics=["1", "2"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/books/3")
    page = editor.get("/books/3").text
    assert "“Bridges” was added." in page
    assert "Bob" in page
    assert "was added" not in editor.get("/books/3").text
    assert stored(app, Book, 3).cost is None


def test_what_was_typed_stays_when_it_is_refused(editor):
    refused = editor.post("/books/new", title="", pages="many", author="2")
    assert refused.status_code == 422
    assert "<title>Error: New book" in refused.text
    assert 'value="many"' in refused.text
    assert 'selected value="2"' in refused.text
    assert 'id="pages-error">Not a valid integer value.' in refused.text
    assert 'aria-describedby="title-help title-error" aria-invalid="true" autofocus' in refused.text


def test_a_collision_is_409_beside_the_field(app, editor):
    for path in ("/books/new", "/books/2/edit"):
        refused = editor.post(path, title="Engines", pages="3")
        assert refused.status_code == 409
        assert 'id="title-error">This is taken already.' in refused.text
        assert 'value="3"' in refused.text
    assert stored(app, Book, 2).title == "Looms"


def test_only_what_was_changed_is_stored(app, editor):
    form = editor.get("/books/1/edit").text
    with app.app_context():
        db.session.get(Book, 1).pages = 91
        db.session.commit()
    assert 'value="90"' in form
    answer = editor.client.post(
        "/books/1/edit", data={**token_of(form), "title": "Motors", "pages": "91", "author": "1"}
    )
    assert answer.status_code == 303
    assert (stored(app, Book, 1).title, stored(app, Book, 1).cost) == ("Motors", 7)


def token_of(page):
    return {"csrf_token": re.search('name="csrf_token"[^>]* value="([^"]+)"', page)[1]}


def test_fields_that_are_not_declared_are_not_taken(app, editor):
    editor.post("/books/1/edit", title="Engines", pages="90", author="1", cost="1", id="77")
    assert stored(app, Book, 1).cost == 7
    assert stored(app, Book, 77) is None


def test_a_new_row_belongs_to_its_writer(app, reader):
    assert reader.post("/notes/new", text="new", writer_id="2").status_code == 303
    assert stored(app, BookNote, 3).writer_id == 1


def test_the_address_fills_in_a_new_form(editor):
    page = editor.get("/books/new?title=From+here&author=2&nonsense=1").text
    assert 'value="From here"' in page
    assert 'selected value="2"' in page
    assert "field-error" not in page


def test_a_row_is_deleted_after_asking(app, editor):
    assert "Delete “Looms”?" in editor.get("/books/2/delete").text
    answer = editor.post("/books/2/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/books/")
    assert "“Looms” was deleted." in editor.get("/books/").text
    assert stored(app, Book, 2) is None


def test_a_row_that_others_refer_to_stays(app, editor):
    refused = editor.post("/authors/1/delete")
    assert refused.status_code == 409
    assert "Other rows still refer to this one." in refused.text
    assert stored(app, Author, 1) is not None


@pytest.mark.parametrize("path", ["/books/new", "/books/1/edit", "/books/1/delete"])
def test_without_the_right_nothing_changes(app, stranger, reader, path):
    assert stranger.get(path).status_code == 401
    assert reader.get(path).status_code == 403
    token = token_of(reader.get("/notes/new").text)
    assert reader.client.post(path, data={**token, "title": "x"}).status_code == 403
    assert stored(app, Book, 1).title == "Engines"


@pytest.mark.parametrize("path", ["/notes/2", "/notes/2/edit", "/notes/2/delete"])
def test_a_row_of_somebody_else_is_404(reader, path):
    assert reader.get(path).status_code == 404


def test_a_change_without_a_token_is_refused(app, editor):
    assert editor.client.post("/books/1/delete").status_code == 400
    assert stored(app, Book, 1) is not None


def test_one_input_can_be_asked_about_without_saving(app, editor):
    token = token_of(editor.get("/books/new").text)
    for path in ("/books/new", "/books/1/edit"):
        for name, errors in {"pages": ["Must be at least 1."], "title": [], "nonsense": []}.items():
            asked = editor.client.post(
                path, data={**token, "title": "Bridges", "pages": "0"}, headers={"X-Flaskkit-Check": name}
            )
            assert asked.json == {"errors": errors}
    assert stored(app, Book, 1).title == "Engines"
    assert stored(app, Book, 3) is None
