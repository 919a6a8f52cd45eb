"""Choosing a language in a browser, with JavaScript and without."""

from __future__ import annotations

import shutil
from threading import Thread

import pytest
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import make_server

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def address(harbour):
    server = make_server("127.0.0.1", 0, harbour(flask={"WTF_CSRF_ENABLED": True}), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_visitor_chooses_a_language_and_types_local_times(address):
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for script, zone in ((True, "America/Lima"), (False, "UTC")):
            context = browser.new_context(locale="de-DE", timezone_id="America/Lima", java_script_enabled=script)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{address}/boats/new")
            expect(page.get_by_role("button", name="Speichern", exact=True)).to_be_visible()
            with page.expect_navigation():
                page.get_by_role("button", name="Español").click()
            expect(page).to_have_url(f"{address}/boats/new")
            expect(page.locator("html")).to_have_attribute("lang", "es")
            # The first page was in the zone of the site; by now the script has told the visitor's.
            expect(page.locator("#seen_at-help")).to_have_text(f"En {zone}.")
            page.get_by_label("Nombre").fill("Gaviota")
            page.get_by_label("Visto por última vez").fill("2026-07-01T15:30")
            with page.expect_navigation():
                page.get_by_role("button", name="Guardar").click()
            expect(page.get_by_role("status")).to_have_text("Se ha añadido «Gaviota».")
            expect(page.locator("time")).to_contain_text("1 jul 2026, 15:30")
            shown = {"America/Lima": "2026-07-01T20:30:00+00:00", "UTC": "2026-07-01T15:30:00+00:00"}
            expect(page.locator("time")).to_have_attribute("datetime", shown[zone])
            context.close()
        browser.close()
