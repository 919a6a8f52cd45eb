"""An administrator with a browser imports a file, changes a list and looks into a history: with scripts and without."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from flaskkit import db

from .conftest import Order

CHROMIUM = shutil.which("chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
CSV = "id,title,price,customer\n{id},{title},12.50,Smith\n,New {title},3,\n"


@pytest.fixture
def site(shop) -> Iterator[str]:
    @shop.after_request
    def strict(response):
        response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return response

    server = make_server("127.0.0.1", 0, shop, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_rows_are_imported_changed_and_restored(shop, site):
    expect.set_options(timeout=60_000)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for script, title in ((True, "Sofa"), (False, "Bench")):
            refused: list[str] = []
            page = browser.new_context(java_script_enabled=script, viewport={"width": 360, "height": 740}).new_page()
            page.set_default_timeout(60_000)
            page.on("console", lambda one, refused=refused: refused.append(one.text) if "Policy" in one.text else None)
            page.goto(f"{site}/as/1")
            journey(page, site, title, "1" if script else "2")
            assert refused == []
            page.context.close()
        browser.close()
    with shop.app_context():
        titles = set(db.session.scalars(select(Order.title)))
    assert titles == {"Chair", "New Sofa", "Table", "New Bench"}


def journey(page, site, title, key):
    page.goto(f"{site}/admin/orders/")
    page.get_by_role("link", name="Import").click()
    content = CSV.format(id=key, title=title).encode()
    page.get_by_label("CSV file").set_input_files({"name": "rows.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Show what it would change").click()
    expect(page.get_by_role("status")).to_contain_text("1 new, 1 changed, 0 as they are")
    expect(page.locator("ins", has_text=title).first).to_be_visible()
    fits(page)
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("Imported: 1 new, 1 changed.")).to_be_visible()

    page.get_by_label(f"Price: New {title}").fill("4.75")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("1 row was saved.")).to_be_visible()
    expect(page.get_by_label(f"Price: New {title}")).to_have_value("4.75")
    fits(page)

    page.goto(f"{site}/admin/orders/{key}")
    page.get_by_role("link", name="History").click()
    fits(page)
    page.get_by_role("button", name="Restore what was before").first.click()
    expect(page.get_by_text("is as it was before.")).to_be_visible()

    page.goto(f"{site}/admin/")
    expect(page.get_by_role("img", name="Orders: ")).to_be_visible()
    expect(page.get_by_role("heading", name="Recent changes")).to_be_visible()
    fits(page)


def fits(page):
    """Nothing is wider than the phone."""
    assert page.locator("html").evaluate("one => one.scrollWidth <= one.clientWidth")
