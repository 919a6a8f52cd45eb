"""Somebody with a browser does in one visit all that people do, with JavaScript and without, by the default policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.serving import make_server

from flaskkit import File, FileType, IntegerKey, Model, Module, Resource, db, login, public, role
from flaskkit.auth import accounts, passwords
from tests.files.conftest import png

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EVERYTHING = ["db", "forms", "auth", "api", "pages", "admin", "files", "history", "security", "i18n"]
ADMIN, PASSWORD = "ada@example.com", "correct horse battery"
CSV = b"id,name\n1,Bracken\n,Ivy\n"


class BrowserPlant(IntegerKey, Model):
    __tablename__ = "browser_plant"
    name: Mapped[str]
    picture: Mapped[File | None] = mapped_column(FileType(types=["image/png"]))

    def __str__(self) -> str:
        return self.name


plants = Resource(
    BrowserPlant, name="plants", fields=["name", "picture"], search=["name"], order=["id"],
    read=public, create=login, write=role("admin"),
)  # fmt: skip


@pytest.fixture
def site(start, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(CHEAPEST))
    app = start(features=EVERYTHING, modules=[Module("garden", resources=[plants])], secret_key="s" * 40)
    with app.app_context():
        accounts.create(ADMIN, PASSWORD, ["admin"])
        db.session.add_all([BrowserPlant(name=name) for name in ("Fern", "Holly", "Thistle", "Thyme")])
        db.session.commit()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def press(page: Page, button: str) -> None:
    """Press *button* and wait for the whole next page: looked at earlier, it is laid out without its styles."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).first.click()


def credentials(page: Page, email: str, button: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
def test_a_person_does_everything(site, chromium, script):
    expect.set_options(timeout=60_000)
    with chromium.new_context(java_script_enabled=script, locale="en-GB") as context:
        context.set_default_timeout(60_000)
        complaints: list[str] = []

        def complain(said) -> None:
            # That a form was refused is what it is about; Chromium notes each such answer.
            if said.type in ("error", "warning") and "the server responded with a status of 4" not in said.text:
                complaints.append(said.text)

        context.on("console", complain)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        signs_up_and_uploads(page, site)
        press(page, "Log out")
        page.goto(f"{site}/auth/login?next=/plants/")
        credentials(page, ADMIN, "Log in")
        expect(page).to_have_url(f"{site}/plants/")
        settles_a_conflict(page, site)
        searches_and_deletes(page, site)
        imports(page, site)
        changes_the_language(page, site)
        assert complaints == []


def signs_up_and_uploads(page: Page, site: str) -> None:
    page.goto(f"{site}/auth/sign-up?next=/plants/new")
    credentials(page, "bob@example.com", "Sign up")
    expect(page).to_have_url(f"{site}/plants/new")
    page.get_by_label("Name").fill("Moss")
    page.get_by_label("Picture").set_input_files({"name": "a.txt", "mimeType": "image/png", "buffer": b"no picture"})
    press(page, "Save")
    expect(page.locator("#picture-error")).to_have_text("This is text/plain, not image/png.")
    page.get_by_label("Picture").set_input_files({"name": "moss.png", "mimeType": "image/png", "buffer": png(30, 20)})
    press(page, "Save")
    expect(page.get_by_role("heading", name="Moss")).to_be_visible()
    picture = page.get_by_role("img", name="moss.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 30


def settles_a_conflict(page: Page, site: str) -> None:
    other = page.context.new_page()
    for one in (page, other):
        one.goto(f"{site}/plants/1/edit")
    for one, name in ((other, "Fern, young"), (page, "Fern, old")):
        one.get_by_label("Name").fill(name)
        press(one, "Save")
    other.close()
    expect(page.get_by_role("row", name="Name Fern, old Fern, young")).to_be_visible()
    press(page, "Save my version")
    expect(page.get_by_role("heading", name="Fern, old")).to_be_visible()


def searches_and_deletes(page: Page, site: str) -> None:
    page.goto(f"{site}/plants/")
    page.get_by_role("searchbox", name="Search").fill("th")
    press(page, "Search")
    expect(page.get_by_role("link", name="Holly", exact=True)).to_have_count(0)
    for name in ("Thistle", "Thyme"):
        page.get_by_label(f"Choose {name}").check()
    press(page, "Delete chosen …")
    expect(page.get_by_role("heading", name="Delete 2 rows?")).to_be_visible()
    press(page, "Delete")
    expect(page.get_by_role("status")).to_have_text("2 rows were deleted.")
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def imports(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/plants/import")
    page.get_by_label("CSV file").set_input_files({"name": "plants.csv", "mimeType": "text/csv", "buffer": CSV})
    press(page, "Show what it would change")
    expect(page.get_by_role("status")).to_have_text("1 new, 1 changed, 0 as they are")
    press(page, "Import 2 rows")
    expect(page.get_by_text("Imported: 1 new, 1 changed.")).to_be_visible()
    page.goto(f"{site}/admin/plants/1/history")
    expect(page.get_by_text("Fern, young")).to_have_count(2)
    page.goto(f"{site}/admin/")
    expect(page.get_by_role("heading", name="Recent changes")).to_be_visible()


def changes_the_language(page: Page, site: str) -> None:
    page.goto(f"{site}/plants/")
    expect(page.get_by_role("link", name="Bracken", exact=True)).to_be_visible()
    press(page, "Deutsch")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Suchen")).to_be_visible()
    press(page, "Abmelden")
    expect(page.locator("header").get_by_role("link", name="Anmelden")).to_be_visible()
