"""A person with a browser uploads a picture, looks at it and takes it away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.serving import make_server

from flaskkit import Module, Resource, public
from tests.files.conftest import FilesBook, png

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def app(start) -> Flask:
    books = Resource(FilesBook, name="books", fields=["title", "cover"], read=public, write=public)
    return start(features=["db", "forms", "pages", "files"], modules=[Module("library", resources=[books])])


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(10_000)
        yield page
        browser.close()


def test_a_picture_is_uploaded_shown_and_removed(site, page, stored):
    page.goto(f"{site}/books/new")
    page.get_by_label("Title").fill("Emma")
    page.get_by_label("Cover").set_input_files({"name": "a.txt", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#cover-error")).to_have_text("This is text/plain, not image/png or image/jpeg.")

    page.get_by_label("Cover").set_input_files({"name": "Emma.png", "mimeType": "text/plain", "buffer": png(30, 20)})
    page.get_by_role("button", name="Save").click()
    picture = page.get_by_role("img", name="Emma.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.complete, image.naturalWidth]") == [True, 30]
    assert stored() == {png(30, 20)}

    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_role("link", name="Emma.png")).to_be_visible()
    page.get_by_label("Remove Cover").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Emma")).to_be_visible()
    expect(picture).to_have_count(0)
    assert stored() == set()
