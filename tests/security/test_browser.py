"""Everything that flaskkit shows works in a browser under the default policy, without a violation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from flask import Flask, render_template_string
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.files.conftest import png
from tests.security.conftest import EVERYTHING, PASSWORD

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def address(site: Flask) -> Iterator[str]:
    site.add_url_rule("/inline", "inline", lambda: render_template_string(INLINE))
    with serving(site) as address:
        yield address


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about so far."""
    return []


@pytest.fixture
def page(complaints: list[str]) -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *QUIET])
        page = browser.new_page()
        page.set_default_timeout(60_000)

        def complain(text: str) -> None:
            # That a form was refused is what it is about; Chromium notes each such answer.
            if not text.startswith("Failed to load resource: the server responded with a status of 4"):
                complaints.append(text)

        page.expose_function("complain", complain)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => complain(`${e.violatedDirective} ${e.blockedURI}`))"
        )
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda said: complain(said.text) if said.type in ("error", "warning") else None)
        yield page
        browser.close()


def press(page: Page, button: str) -> None:
    """Press *button* and wait for the whole next page: looked at earlier, it is laid out without its styles."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


INLINE = """<!doctype html><title>Inline</title><style nonce="{{ csp_nonce() }}">body { color: rgb(1, 2, 3) }</style>
<p id="said"></p><script nonce="{{ csp_nonce() }}">document.getElementById("said").textContent = "ran"</script>"""


def test_a_person_walks_through_everything(address, page, complaints):
    page.goto(f"{address}/auth/login?next=/plants/")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    expect(page).to_have_url(f"{address}/plants/")

    page.goto(f"{address}/plants/new")
    page.get_by_label("Name").fill("Fern")
    page.get_by_label("Picture").set_input_files({"name": "a.txt", "mimeType": "image/png", "buffer": b"no picture"})
    press(page, "Save")
    expect(page.locator("#picture-error")).to_be_visible()
    page.get_by_label("Picture").set_input_files({"name": "f.png", "mimeType": "image/png", "buffer": png(30, 20)})
    press(page, "Save")
    picture = page.get_by_role("img", name="f.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 30

    for path in ("/plants/?q=x", "/plants/1", "/plants/1/edit", "/admin/", "/admin/users/", "/admin/plants/"):
        page.goto(address + path)
        expect(page.locator("main")).to_be_visible()
    assert not complaints

    page.goto(f"{address}/api/docs")
    page.locator(".opblock-get .opblock-summary-control").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
    assert not complaints

    page.goto(f"{address}/plants/")
    press(page, "Log out")
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.goto(f"{address}/auth/sign-up")
    expect(page.get_by_label("Password")).to_be_visible()
    assert not complaints


def test_a_script_with_the_nonce_runs(address, page, complaints):
    page.goto(f"{address}/inline")
    expect(page.locator("#said")).to_have_text("ran")
    assert page.locator("body").evaluate("body => getComputedStyle(body).color") == "rgb(1, 2, 3)"
    assert not complaints


def test_a_script_without_it_does_not_and_is_noticed_here(site, address, page, complaints):
    site.add_url_rule("/stray", "stray", lambda: "<!doctype html><p id=said></p><script>said.id = 'ran'</script>")
    page.goto(f"{address}/stray")
    expect(page.locator("#said")).to_be_attached()
    assert "script-src-elem inline" in complaints


ASK = """async ([address, method]) => {
    const headers = {"Content-Type": "application/json", "If-Match": "*"};
    try {
        const answer = await fetch(address, {method, headers, body: method === "GET" ? null : "{}"});
        return [answer.status, answer.headers.get("ETag") !== null];
    } catch (error) {
        return error.name;
    }
}"""


def test_a_script_of_another_site_uses_the_api_and_nothing_else_where_it_may(made, page):
    elsewhere = Flask("elsewhere")
    elsewhere.add_url_rule("/", "home", lambda: "<!doctype html>")
    with (
        serving(elsewhere) as friend,
        serving(elsewhere) as stranger,
        serving(made(EVERYTHING, cors_origins=(friend,))) as site,
    ):
        page.goto(friend)
        assert page.evaluate(ASK, [f"{site}/api/plants", "GET"]) == [200, True]
        assert page.evaluate(ASK, [f"{site}/api/plants/1", "PATCH"]) == [401, False]
        assert page.evaluate(ASK, [f"{site}/plants/", "GET"]) == "TypeError"
        page.goto(stranger)
        assert page.evaluate(ASK, [f"{site}/api/plants", "GET"]) == "TypeError"
