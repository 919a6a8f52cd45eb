"""Rows chosen in a list are deleted together, after asking."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from flaskkit import db

from .conftest import Book, BookNote


@pytest.fixture
def books(app):
    def books():
        with app.app_context():
            return list(db.session.scalars(select(Book.title).order_by(Book.title)))

    return books


def delete(browser, *keys, **typed):
    query = "&".join(f"key={key}" for key in keys)
    page = browser.get(f"/books/delete?{query}").text
    token = re.search('name="csrf_token"[^>]* value="([^"]+)"', page)
    return browser.client.post(
        "/books/delete", data={"csrf_token": token[1], "key": [str(key) for key in keys], **typed}
    )


def test_rows_can_be_chosen_by_those_who_may_delete_them(editor, reader):
    assert 'name="key" value="1" form="chosen" aria-label="Choose Engines"' in editor.get("/books/").text
    assert "Delete chosen" in editor.get("/books/").text
    assert 'name="key"' not in reader.get("/books/").text
    assert "Delete chosen" not in reader.get("/books/").text


def test_it_asks_first(editor, books):
    page = editor.get("/books/delete?key=2&key=1&key=1&from=q%3Do").text
    assert "Delete 2 rows?" in page
    assert re.findall('<li><a href="/books/[12]">([^<]+)', page) == ["Engines", "Looms"]
    assert 'href="/books/?q=o"' in page
    assert "Delete “Looms”?" in editor.get("/books/delete?key=2").text
    assert "Nothing was chosen" in editor.get("/books/delete").text
    assert "Nothing was chosen" in editor.get("/books/delete?key=77&key=x&key=%00").text
    assert books() == ["Engines", "Looms"]


def test_chosen_rows_are_deleted_and_the_list_is_as_it_was(app, editor, books):
    with app.app_context():
        db.session.add(Book(title="Third"))
        db.session.commit()
    answer = delete(editor, 2, 3, **{"from": "sort=-title&q=o"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/books/?sort=-title&q=o")
    assert "2 rows were deleted." in editor.get("/books/").text
    assert books() == ["Engines"]


def test_all_or_none(editor, books):
    # A note refers to the first book.
    refused = delete(editor, 2, 1)
    assert refused.status_code == 409
    assert "Engines: Other rows still refer to this one." in refused.text
    assert books() == ["Engines", "Looms"]


def test_nobody_is_led_to_another_site(editor):
    answer = delete(editor, 2, **{"from": "//example.org/?a=b"})
    assert answer.headers["Location"].startswith("/books/?")


def test_each_row_is_deleted_under_its_policy(app, reader, stranger):
    page = reader.get("/notes/delete?key=1&key=2").text
    assert "Delete “Book note 1”?" in page
    token = re.search('name="csrf_token"[^>]* value="([^"]+)"', page)[1]
    reader.client.post("/notes/delete", data={"csrf_token": token, "key": ["1", "2"]})
    with app.app_context():
        assert list(db.session.scalars(select(BookNote.text))) == ["yours"]
    assert stranger.get("/notes/delete?key=1").status_code == 401
    assert reader.get("/books/delete?key=1").status_code == 403
    assert reader.client.post("/books/delete", data={"csrf_token": token, "key": ["1"]}).status_code == 403


def test_a_forged_request_deletes_nothing(editor, books):
    assert editor.client.post("/books/delete", data={"key": ["2"]}).status_code == 400
    assert books() == ["Engines", "Looms"]
