"""The page that shows the OpenAPI document: where it comes from, and who sees it."""

from __future__ import annotations

import os
import re
import shutil
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from flaskkit import Api
from flaskkit.auth import accounts, tokens
from tests.api.conftest import LIBRARY, known
from tests.api.test_with_auth import PASSWORD, csrf_in


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(client):
    shown = client.get("/api/docs")
    assert (shown.status_code, shown.content_type) == (200, "text/html; charset=utf-8")
    assert "<title>Library</title>" in shown.text
    assert not re.search(r"<style|style=|\son\w+=|<script>|https?:|//", shown.text.replace("<!doctype html>", ""))
    for path in re.findall(r'(?:src|href)="([^"]+)"', shown.text):
        with client.get(path) as found:
            assert found.status_code == 200


def test_only_the_needed_files_of_the_package_are_served(client):
    assert client.get("/api/docs/assets/index.css").status_code == 404
    assert client.get("/api/docs/assets/oauth2-redirect.html").status_code == 404


def test_looking_at_the_page_sets_no_cookie_for_strangers(client):
    assert "Set-Cookie" not in client.get("/api/docs").headers


def test_the_page_can_try_things_out_as_who_is_logged_in(app):
    browser = known(app, "ann")
    browser.environ_base["HTTP_X_BY"] = "session"
    token = re.search(r'data-token="([^"]+)"', browser.get("/api/docs").text)[1]
    assert browser.post("/api/books/", json={"title": "Emma"}, headers={"X-CSRFToken": token}).status_code == 201


@pytest.fixture
def chromium():
    found = shutil.which("chromium")
    if found is None and "CI" not in os.environ:
        pytest.skip("This test needs chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def private(start):
    app = start(features=["db", "forms", "auth", Api(docs="login")], modules=[LIBRARY])
    with app.app_context():
        accounts.create("ann@example.org", PASSWORD)
    return app


def test_a_page_for_users_leads_strangers_to_the_login_page_and_back(private):
    browser = private.test_client()
    led = browser.get("/api/docs")
    assert (led.status_code, led.location) == (303, "/auth/login?next=/api/docs")
    sent = {"email": "ann@example.org", "password": PASSWORD, "csrf_token": csrf_in(browser.get(led.location).text)}
    back = browser.post(led.location, data=sent)
    assert (back.status_code, back.location) == (303, "/api/docs")
    assert browser.get("/api/docs").status_code == browser.get("/api/openapi.json").status_code == 200


def test_a_document_for_users_is_no_strangers(private):
    refused = private.test_client().get("/api/openapi.json")
    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
    with private.app_context():
        token, _ = tokens.issue(accounts.by_email("ann@example.org"), "program", days=1)
    found = private.test_client().get("/api/openapi.json", headers={"Authorization": f"Bearer {token}"})
    assert found.json["openapi"] == "3.1.0"


def test_without_login_pages_strangers_get_401(start):
    client = start(features=["db", Api(docs="login")], modules=[LIBRARY]).test_client()
    assert client.get("/api/docs").status_code == client.get("/api/openapi.json").status_code == 401


def test_docs_that_are_off_are_absent(start):
    app = start(features=["db", Api(docs="off")], modules=[LIBRARY])
    assert not [rule.rule for rule in app.url_map.iter_rules() if "docs" in rule.rule or "openapi" in rule.rule]
    assert '"openapi": "3.1.0"' in app.test_cli_runner().invoke(args=["openapi", "print"]).output


def test_in_a_browser_the_page_works_under_a_strict_content_security_policy(app, chromium):
    app.after_request(lambda r: r.headers.__setitem__("Content-Security-Policy", "default-src 'self'") or r)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = chromium.new_page()
        complaints, asked = [], []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{server.server_port}/api/docs")
        page.locator("#operations-books-list_books .opblock-summary-control").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
    finally:
        server.shutdown()
    own = f"http://127.0.0.1:{server.server_port}/"
    assert all(url.startswith((own, "data:")) for url in asked)
    assert complaints == []
