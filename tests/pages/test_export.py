"""Lists as CSV: the same rows as on the page, one after the other, harmless to spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest

from flaskkit import db
from flaskkit.pages.export import AT_ONCE

from .conftest import Author, Book, Topic


def lines(answer):
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_a_list_is_exported_with_every_field(app, stranger):
    with app.app_context():
        db.session.get(Book, 1).topics = [db.session.get(Topic, 1)]
        db.session.commit()
    answer = stranger.get("/books/export.csv")
    # Topics are for users only: of these a stranger sees the key.
    assert lines(answer) == [
        ["id", "title", "pages", "author", "topics"],
        ["1", "Engines", "90", "Ada", "1"],
        ["2", "Looms", "40", "", ""],
    ]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=books.csv"


def test_search_filters_order_and_columns_are_those_of_the_list(stranger):
    query = "sort=-pages&columns=title&pages__ge=1"
    assert f'href="/books/export.csv?{query.replace("&", "&amp;")}"' in stranger.get(f"/books/?{query}").text
    assert lines(stranger.get(f"/books/export.csv?{query}")) == [["title"], ["Engines"], ["Looms"]]
    assert lines(stranger.get("/books/export.csv?q=eng&columns=title")) == [["title"], ["Engines"]]


def test_only_rows_that_the_visitor_may_read_are_exported(stranger, reader):
    assert [line[1] for line in lines(reader.get("/notes/export.csv"))] == ["text", "mine"]
    assert stranger.get("/notes/export.csv").status_code == 401


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_text_is_a_formula(app, stranger, first):
    text = f"{first}1+1"
    with app.app_context():
        db.session.add(Book(title=text, pages=1, author=Author(name=text)))
        db.session.commit()
    found = lines(stranger.get("/books/export.csv?pages=1"))
    assert found[1][1:4] == [f"'{text}", "1", f"'{text}"]


def test_many_rows_are_read_some_at_a_time_and_all_arrive_once(app, stranger, count_statements):
    total = 2 * AT_ONCE + 7
    with app.app_context():
        db.session.add_all([Book(title=f"Volume {number:05}", pages=number % 3 or None) for number in range(total)])
        db.session.commit()
    with count_statements() as statements:
        found = lines(stranger.get("/books/export.csv?q=volume&sort=-pages&columns=title"))
    assert {title for (title,) in found[1:]} == {f"Volume {number:05}" for number in range(total)}
    assert len(found) == 1 + total
    reads = [text for text in statements if "FROM pages_book" in text]
    assert all("LIMIT" in text or "IN (" in text for text in reads)
