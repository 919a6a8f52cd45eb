"""Lists of rows: search, filters, order and paging."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import url_for
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import IntegerKey, Model, Module, Resource, Timestamps, db, public
from flaskkit.db.keys import url_key_of

from .conftest import Author, Book


def titles(answer):
    assert answer.status_code == 200
    return re.findall('class="row-link"[^>]*>([^<]+)<', answer.text)


class Arrival(IntegerKey, Timestamps, Model):
    __tablename__ = "pages_arrival"


def test_the_time_zone_stands_in_the_head_of_a_column_and_not_at_each_row(start):
    arrivals = Resource(Arrival, name="arrivals", fields=[], read_only=["created_at"], read=public)
    app = start(features=["db", "forms", "pages"], modules=[Module("arrivals", resources=[arrivals])])
    with app.app_context():
        db.session.add(Arrival())
        db.session.commit()
    client = app.test_client()
    page = client.get("/arrivals/").text
    assert "Created at (UTC)</th>" in page
    assert page.count("UTC") == 1
    assert " UTC</time>" in client.get("/arrivals/1").text


def test_a_row_with_a_blank_name_can_still_be_opened(app, stranger):
    with app.app_context():
        db.session.add(Book(title="   "))
        db.session.commit()
    assert "Book 3" in titles(stranger.get("/books/"))
    assert "<h1>Book 3</h1>" in stranger.get("/books/3").text


def test_a_list_shows_readable_fields_and_links_to_each_row(stranger):
    page = stranger.get("/books/")
    assert titles(page) == ["Engines", "Looms"]
    assert 'href="/books/1"' in page.text
    assert "1–2 of 2" in page.text
    assert "cost" not in page.text.lower()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("q=eng", ["Engines"]),
        ("q=%25", []),
        ("q=nothing", []),
        ("author_id=1", ["Engines"]),
        ("author_id=", ["Engines", "Looms"]),
        ("pages=40", ["Looms"]),
        ("pages=40&author_id=1", []),
        ("sort=pages", ["Looms", "Engines"]),
        ("sort=-pages", ["Engines", "Looms"]),
        ("sort=-title", ["Looms", "Engines"]),
    ],
)
def test_a_list_is_searched_filtered_and_sorted(stranger, query, shown):
    assert titles(stranger.get(f"/books/?{query}")) == shown


@pytest.mark.parametrize(
    "query",
    [
        "page=abc", "page=0", "page=-1", "page=99", "page=99999999999999999999", "page=%00", "page=1&page=2",
        "sort=cost", "sort=--title", "sort=", "sort=author", "cost=7", "q=%00", "q=%ED%A0%80",
        "pages=many", "pages=99999999999999999999999999", "author_id=99", "author_id=x", "nonsense=1",
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_left_out(stranger, query):
    assert stranger.get(f"/books/?{query}").status_code == 200


def test_a_wrong_filter_says_so_and_matches_nothing(stranger):
    page = stranger.get("/books/?pages=many")
    assert titles(page) == []
    assert "Not a valid integer value." in page.text
    assert 'value="many"' in page.text


def test_headers_sort_and_tell_how(stranger):
    page = stranger.get("/books/?q=o").text
    assert re.search('aria-sort="ascending"><a href="/books/\\?q=o&amp;sort=-title">Title', page)
    page = stranger.get("/books/?sort=-author_id&page=1").text
    assert re.search('aria-sort="descending"><a href="/books/\\?sort=author_id">Author', page)
    assert "aria-sort" not in re.search("<th[^>]*>Topics", page)[0]


def test_long_lists_have_pages(app, stranger):
    with app.app_context():
        db.session.add_all([Book(title=f"Volume {number:02}") for number in range(60)])
        db.session.commit()
    page = stranger.get("/books/?q=volume&page=2")
    assert titles(page) == [f"Volume {number}" for number in range(20, 40)]
    assert "21–40 of 60" in page.text
    assert 'rel="prev" href="/books/?q=volume&amp;page=1"' in page.text
    assert 'rel="next" href="/books/?q=volume&amp;page=3"' in page.text
    assert 'aria-label="Page 2" aria-current="page"' in page.text
    assert titles(stranger.get("/books/?q=volume&page=7")) == titles(stranger.get("/books/?q=volume&page=3"))


def test_a_page_takes_few_statements(app, stranger, count_statements):
    with app.app_context():
        db.session.add_all([Book(title=f"Volume {number}", author_id=1 + number % 2) for number in range(20)])
        db.session.commit()
    with count_statements() as statements:
        stranger.get("/books/")
    # Rows with their number and authors, topics; and the authors to choose from in the filter.
    assert len([text for text in statements if text.startswith("SELECT")]) == 3


def test_a_long_list_is_not_counted_to_its_end(app, stranger, count_statements, monkeypatch):
    monkeypatch.setattr("flaskkit.pages.listing.MOST_COUNTED", 30)
    with app.app_context():
        db.session.add_all([Book(title=f"Volume {number}") for number in range(70)])
        db.session.commit()
    with count_statements() as statements:
        first = stranger.get("/books/")
    counts = [text for text in statements if "count(*)" in text]
    assert len(counts) == 1
    # What is counted ends somewhere.
    assert re.search(r"count\(\*\).*FROM \(SELECT.* LIMIT ", counts[0], re.DOTALL)
    assert "1–20 of more than 30" in first.text
    last = stranger.get("/books/?page=4")
    assert "61–72 of more than 30" in last.text
    assert 'rel="next"' not in last.text
    assert 'href="/books/?page=3"' in last.text
    assert "21–40 of more than 30" in stranger.get("/books/?page=99").text
    assert "1–1 of 1" in stranger.get("/books/?q=loom").text


def test_an_empty_list_says_what_to_do(reader):
    assert "Nothing matches" in reader.get("/books/?q=zzz").text
    reader.get("/as/3/reader")
    page = reader.get("/notes/").text
    assert "Nothing here yet" in page
    assert page.count('href="/notes/new"') == 2


def test_only_rows_of_the_visitor_are_listed(reader):
    page = reader.get("/notes/")
    assert "mine" in page.text
    assert "yours" not in page.text
    assert "1–1 of 1" in page.text


def test_a_stranger_must_log_in_for_a_list_of_owned_rows(stranger):
    assert stranger.get("/notes/").status_code == 401


def test_a_row_without_a_name_of_its_own_is_called_by_its_key(reader):
    assert ">Book note 1<" in reader.get("/notes/").text


def test_buttons_are_there_for_those_who_may(editor, reader):
    assert "/books/new" in editor.get("/books/").text
    assert "/books/1/edit" in editor.get("/books/").text
    assert "/books/new" not in reader.get("/books/").text
    assert "/books/1/edit" not in reader.get("/books/").text


def test_a_filter_may_be_called_like_an_argument_of_python(start):
    names = Resource(Author, name="names", fields=["name"], filters=["name"], sorts=["name"], read=public)
    client = start(features=["db", "forms", "pages"], modules=[Module("names", resources=[names])]).test_client()
    assert client.get("/names/?name=Ann&sort=name").status_code == 200


def test_a_column_of_other_rows_is_sorted_by_their_names(start):
    shelf = Resource(Book, name="shelf", fields=["title", "author"], sorts=["author_id", "author.name"], read=public)
    client = start(
        features=["db", "forms", "pages"], modules=[Module("shelf", resources=[shelf])], secret_key="x" * 40
    ).test_client()
    with client.application.app_context():
        names = {"Engines": "Zuse", "Looms": "Ada"}
        db.session.add_all([Book(title=title, author=Author(name=name)) for title, name in names.items()])
        db.session.add(Book(title="Anonymous"))
        db.session.commit()
    page = client.get("/shelf/")
    assert titles(page) == ["Engines", "Looms", "Anonymous"]
    assert 'href="/shelf/?sort=author.name"' in page.text
    assert titles(client.get("/shelf/?sort=author.name")) == ["Looms", "Engines", "Anonymous"]
    assert titles(client.get("/shelf/?sort=-author.name")) == ["Engines", "Looms", "Anonymous"]
    assert 'href="/shelf/?sort=-author.name"' in client.get("/shelf/?sort=author.name").text


def test_other_rows_are_joined_to_the_page_and_not_to_the_table(stranger, count_statements):
    with count_statements() as sent:
        assert "Ada" in stranger.get("/books/?sort=-pages").text
    [page] = [one for one in sent if "LEFT OUTER JOIN" in one]
    assert page.rindex("LIMIT") < page.index("LEFT OUTER JOIN")


class Port(Model):
    __tablename__ = "pages_port"
    code: Mapped[str] = mapped_column(String(20), primary_key=True)


@pytest.mark.parametrize("code", ["DEHAM", "de-ham_1", "a b", "a/b", "50%", "Köln", "new", "a&b<c>", "?q=1#x"])
def test_links_lead_to_rows_whatever_their_keys_are(start, code):
    ports = Resource(Port, name="ports", fields=["code"], read=public, write=public)
    app = start(features=["db", "forms", "pages"], modules=[Module("harbour", resources=[ports])])
    with app.app_context():
        db.session.add(Port(code=code))
        db.session.commit()
    client = app.test_client()
    page = client.get("/ports/").text
    [href] = re.findall('class="row-link" href="([^"]*)"', page)
    [edit] = re.findall('<a href="([^"]*/edit)"', page)
    with app.test_request_context():
        key = url_key_of([code])
        assert (unescape(href), unescape(edit)) == (
            url_for("pages.ports.detail", key=key),
            url_for("pages.ports.edit", key=key),
        )
    for address in (href, edit):
        assert client.get(unescape(address)).status_code == 200
