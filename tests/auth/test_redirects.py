"""Where people are sent after logging in: never to another site."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import pytest

from flaskkit.auth.redirects import safe_path

HERE = ["/", "/notes/7", "/notes?q=a%20b&next=//x", "/a//b", "/é", "/a b", "/:80", "/@x", "/.//x", "/notes#top"]
ELSEWHERE = [
    "",
    "notes",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: x=1",
    "/\x00/evil.example",
    "/\x1f/evil.example",
    "/a\\b",
    " //evil.example",
    "\t//evil.example",
    "http://evil.example/",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "?x",
    "#x",
]


@pytest.mark.parametrize("target", HERE)
def test_a_path_on_this_site_is_safe(target):
    assert safe_path(target) == target
    assert urlsplit(urljoin("https://here.example/auth/login", target)).netloc == "here.example"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_else_is(target):
    assert safe_path(target) == ""


def test_no_target_is_no_path():
    assert safe_path(None) == ""


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("page", ["/auth/login", "/auth/sign-up"])
def test_no_form_leads_elsewhere(site, ada, page, target):
    email = ada if page == "/auth/login" else "new@example.com"
    sent = site.submit(site.client(), f"{page}?next={quote(target)}", email=email, password="correct horse")
    assert (sent.status_code, sent.location) == (303, "/")


@pytest.mark.parametrize("target", ["/auth/logout", "/auth/login?next=/mine", "/auth/%6Cogout", "/only-post"])
def test_no_form_leads_to_what_cannot_be_looked_at(site, ada, target):
    site.app.add_url_rule("/only-post", "only_post", lambda: "posted", methods=["POST"])
    sent = site.submit(site.client(), f"/auth/login?next={quote(target)}", email=ada, password="correct horse")
    assert (sent.status_code, sent.location) == (303, "/")


@pytest.mark.parametrize("target", ["/mine?x=1", "/of-another-app"])
def test_a_form_leads_to_where_one_came_from(site, ada, target):
    sent = site.submit(site.client(), f"/auth/login?next={quote(target)}", email=ada, password="correct horse")
    assert (sent.status_code, sent.location) == (303, target)


def test_a_form_sent_after_logging_out_elsewhere_leads_to_the_login_page(site, ada):
    client = site.logged_in()
    token = client.get("/token").text
    site.log_out(client)
    sent = client.post("/mine", data={"csrf_token": token})
    assert (sent.status_code, sent.location) == (303, "/auth/login")


def test_a_stranger_at_a_strange_path_is_led_nowhere_else(site):
    site.app.add_url_rule("/<path:rest>", "any", site.app.view_functions["mine"])
    sent = site.client().get("//evil.example/x", base_url="http://localhost")
    assert sent.status_code in (303, 308)
    assert "next=//" not in sent.location
    assert "next=%2F%2F" not in sent.location


def test_an_app_below_a_path_stays_below_it(site, ada):
    client = site.client()
    client.environ_base["SCRIPT_NAME"] = "/shop"
    sent = client.get("/mine", base_url="http://localhost/shop")
    assert sent.location == "/shop/auth/login?next=/shop/mine"
    page = client.get("/auth/login", base_url="http://localhost/shop")
    token = page.text.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    arrived = client.post(
        "/auth/login",
        base_url="http://localhost/shop",
        data={"csrf_token": token, "email": ada, "password": "correct horse"},
    )
    assert arrived.location == "/shop/"
