"""Sessions end while people type: nothing that was typed is lost, and nothing is saved that they did not look at."""

from __future__ import annotations

import re

import pytest

from flaskkit import db

from .conftest import Book

TYPED = {"title": "Bridges", "pages": "12", "author": "2"}


@pytest.fixture
def titles(app):
    def titles():
        with app.app_context():
            return [book.title for book in db.session.query(Book).order_by(Book.id)]

    return titles


def fields(page):
    return dict(re.findall('<input [^>]*name="([^"]+)"[^>]* value="([^"]*)"', page))


def test_a_form_with_an_old_token_is_shown_again(editor, titles):
    for token in ({}, {"csrf_token": "old"}):
        refused = editor.client.post("/books/new", data={**TYPED, **token})
        assert refused.status_code == 400
        assert "Nothing was saved yet" in refused.text
        assert 'value="Bridges"' in refused.text
        assert 'selected value="2"' in refused.text
    assert titles() == ["Engines", "Looms"]
    token = {"csrf_token": fields(refused.text)["csrf_token"]}
    assert editor.client.post("/books/new", data={**TYPED, **token}).status_code == 303
    assert titles() == ["Engines", "Looms", "Bridges"]


def test_what_was_typed_survives_the_end_of_a_session(editor, titles):
    old = fields(editor.get("/books/new").text)["csrf_token"]
    editor.client.delete_cookie("session")
    page = editor.client.post("/books/new", data={**TYPED, "csrf_token": old})
    assert page.status_code == 401
    assert page.headers["Cache-Control"] == "no-store"
    assert fields(page.text) == TYPED
    editor.get("/as/1/editor")
    form = editor.client.post("/books/new", data=fields(page.text))
    assert form.status_code == 400
    assert 'value="Bridges"' in form.text
    assert titles() == ["Engines", "Looms"]
    token = {"csrf_token": fields(form.text)["csrf_token"]}
    assert editor.client.post("/books/new", data={**TYPED, **token}).status_code == 303


def test_whoever_comes_back_without_the_right_is_refused(editor, titles):
    editor.client.delete_cookie("session")
    editor.get("/as/2/reader")
    assert editor.client.post("/books/new", data=TYPED).status_code == 403
    assert titles() == ["Engines", "Looms"]


def test_a_forged_request_changes_nothing(editor, titles):
    assert editor.client.post("/books/1/edit", data=TYPED).status_code == 400
    assert editor.client.post("/books/1/delete").status_code == 400
    assert editor.client.post("/books/delete", data={"key": "2"}).status_code == 400
    assert titles() == ["Engines", "Looms"]


def test_a_form_from_another_site_is_refused_even_with_a_good_token(editor, titles):
    https = {"base_url": "https://localhost"}
    editor.client.get("/as/1/editor", **https)
    token = fields(editor.client.get("/books/new", **https).text)["csrf_token"]
    for headers in ({}, {"Referer": "https://example.org/"}):
        sent = editor.client.post("/books/new", data={**TYPED, "csrf_token": token}, headers=headers, **https)
        assert sent.status_code == 400
        assert titles() == ["Engines", "Looms"]
    good = {"Referer": "https://localhost/books/new"}
    assert (
        editor.client.post("/books/new", data={**TYPED, "csrf_token": token}, headers=good, **https).status_code == 303
    )
