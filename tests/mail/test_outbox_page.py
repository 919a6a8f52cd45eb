"""A developer looks at what was sent; nobody else can."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import make_server

from flaskkit import Mail, send_mail
from tests.mail.conftest import shop

CHROMIUM = shutil.which("chromium")


def look(app: Flask, path: str = "/_mail/"):
    return app.test_client().get(path)


def links(app: Flask) -> list[str]:
    return re.findall(r'href="(/_mail/[0-9a-f]{16})"', look(app).text)


@pytest.fixture(params=["console", "file", "memory"])
def app(made, tmp_path, request) -> Flask:
    return made(env="development", backend=request.param, folder=str(tmp_path / "sent"))


def test_messages_are_listed_newest_first_and_shown(app):
    assert "No mail yet" in look(app).text
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="<b>Ada</b>")
        send_mail("bob@example.com", "plain", about="tea")
    newest, oldest = links(app)
    page = look(app).text
    assert page.index("[testapp] tea") < page.index("Welcome, &lt;b&gt;Ada&lt;/b&gt;")
    assert "<b>Ada" not in page
    shown = look(app, oldest).text
    assert "<b>Ada" not in shown
    assert 'href="http://127.0.0.1:5000/people/' in shown
    assert f'src="{oldest}/html"' in shown
    assert "<iframe" not in look(app, newest).text
    assert look(app, f"{newest}/html").status_code == 404
    assert look(app, f"/_mail/{'0' * 16}").status_code == 404


def test_html_is_shown_without_its_scripts(made):
    app = made(env="development")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    answer = look(app, f"{links(app)[0]}/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert re.search(r"sandbox allow-popups allow-popups-to-escape-sandbox$", policy)
    assert "<b>Ada</b>" in answer.text


@pytest.mark.parametrize(
    ("env", "settings"),
    [
        ("production", {"backend": "console", "sender": "a@shop.example", "public_url": "https://shop.example"}),
        ("testing", {}),
        ("development", {"backend": "smtp", "host": "smtp.shop.example"}),
    ],
)
def test_elsewhere_there_is_no_such_page(start, env, settings):
    app = start(env=env, secret_key="0123456789abcdef0123456789abcdef-x9", features=["db", Mail(**settings)])
    assert look(app).status_code == 404
    assert [rule.rule for rule in app.url_map.iter_rules() if "mail" in rule.rule] == []


@pytest.fixture
def site(start) -> Iterator[str]:
    app = start(env="development", features=["db", "forms", "pages", "mail"], modules=[shop()])
    with app.app_context():
        send_mail("bob@example.com", "plain", about="tea")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.add_url_rule("/send", view_func=lambda: send_mail("ada@example.com", "welcome", name="Ada") or "sent")
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_both_and_follows_the_links_in_them(site):
    arguments = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments.split())
        page = browser.new_page()
        page.set_default_timeout(10_000)
        complaints: list[str] = []
        page.goto(f"{site}/send")
        page.on("console", lambda told: "favicon" in told.location["url"] or complaints.append(told.text))
        page.goto(f"{site}/_mail/")
        page.get_by_role("link", name="Welcome, Ada").click()
        expect(page.get_by_text("Hello Ada!")).to_be_visible()
        frame = page.frame_locator("iframe")
        expect(frame.get_by_text("Hello Ada!")).to_be_visible()
        for link in (page.get_by_role("link", name=f"{site}/people/Ada"), frame.get_by_role("link")):
            with page.expect_popup() as opened:
                link.click()
            expect(opened.value.locator("body")).to_have_text("Ada")
        assert complaints == []
        browser.close()
