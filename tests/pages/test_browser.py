"""A person with a browser: mistakes are told on leaving an input, and two people change one row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from werkzeug.serving import make_server

from flaskkit import Module, Resource, db, public

from .conftest import Author, Book

CHROMIUM = shutil.which("chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
# Each answer of 400 and above; and Bootstrap's arrow, where somebody looks before the second style sheet is there.
FINE = ("the server responded", "Loading the image 'data:image/svg+xml")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def site(start) -> Iterator[str]:
    books = Resource(
        Book, name="books", fields=["title", "pages", "author"], filters=["pages"], search=["title"], order=["title"],
        read=public, write=public,
    )  # fmt: skip
    authors = Resource(Author, name="authors", fields=["name"], search=["name"], read=public)
    app = start(features=["db", "forms", "pages"], modules=[Module("library", resources=[books, authors])])

    @app.after_request
    def strict(response):
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    with app.app_context():
        db.session.add_all([Author(name=f"Author {number:03}") for number in range(201)])
        db.session.add_all([Book(title="Emma", pages=400), Book(title="Persuasion", pages=250)])
        db.session.commit()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    said: list[str] = []

    def visit(**options):
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda one: said.append(one.text) if not any(fine in one.text for fine in FINE) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield visit
    # Neither a mistake in the script nor a violation of the policy.
    assert said == []


def test_the_answer_of_the_server_stands_beside_an_input_that_was_left(site, visit):
    page = visit()
    page.goto(f"{site}/books/new")
    page.get_by_label("Pages").fill("0")
    page.get_by_label("Title").fill("Emma")
    expect(page.locator("#pages-error")).to_have_text("Must be at least 1.")
    expect(page.get_by_label("Pages")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Pages").fill("12")
    page.get_by_label("Title").fill("Evelina")
    expect(page.locator("#pages-error")).to_have_text("")
    expect(page.get_by_label("Pages")).not_to_have_attribute("aria-invalid", "true")

    page.get_by_label("Search: Author").fill("200")
    expect(page.get_by_text("1 found for “200”.")).to_be_visible()
    page.get_by_label("Author", exact=True).select_option("Author 200")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Evelina")).to_be_visible()
    expect(page.get_by_role("link", name="Author 200")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
def test_a_conflict_is_seen_and_settled_and_chosen_rows_go(site, visit, script):
    one, two = visit(java_script_enabled=script), visit(java_script_enabled=script)
    for page in (one, two):
        page.goto(f"{site}/books/1/edit")
    two.get_by_label("Title").fill("Emma, 2nd edition")
    two.get_by_role("button", name="Save").click()
    expect(two.get_by_role("heading", name="Emma, 2nd edition")).to_be_visible()
    one.get_by_label("Title").fill("Emma, a novel")
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_role("row", name="Title Emma, a novel Emma, 2nd edition")).to_be_visible()
    one.get_by_role("button", name="Save my version").click()
    expect(one.get_by_role("heading", name="Emma, a novel")).to_be_visible()

    one.goto(f"{site}/books/")
    one.get_by_text("Filters").click()
    one.get_by_label("Pages: how to compare").select_option("is at most")
    one.get_by_role("spinbutton", name="Pages").fill("300")
    one.get_by_role("button", name="Show").first.click()
    expect(one).to_have_url(f"{site}/books/?pages__le=300")
    one.get_by_label("Choose Persuasion").check()
    one.get_by_role("button", name="Delete chosen …").click()
    one.get_by_role("button", name="Delete").click()
    expect(one.get_by_text("“Persuasion” was deleted.")).to_be_visible()
    one.get_by_role("link", name="Show all").click()
    expect(one.get_by_role("link", name="Emma, a novel", exact=True)).to_be_visible()
