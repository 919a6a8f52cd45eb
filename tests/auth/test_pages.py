"""The pages as a browser gets them, alone and in the layout of feature pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from flaskkit import Module, Resource, User, public
from flaskkit.auth import accounts

users = Resource(User, name="people", fields=["email"], read_only=["id"], read=public)


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.fixture(params=[[], ["pages"]], ids=["bare", "pages"])
def site(made, request):
    return made(more=request.param)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/sign-up"])
def test_every_input_has_a_label_and_errors_are_named(site, path):
    refused = site.submit(site.client(), path, email="", password="")
    elements = Elements(refused.text).found
    labels = {attributes["for"] for tag, attributes in elements if tag == "label"}
    ids = {attributes["id"] for _, attributes in elements if "id" in attributes}
    inputs = [attributes for tag, attributes in elements if tag == "input" and attributes["type"] != "hidden"]
    assert {attributes["id"] for attributes in inputs} == labels
    wrong = [attributes for attributes in inputs if attributes.get("aria-invalid") == "true"]
    assert [attributes["name"] for attributes in wrong] == ["email", "password"]
    assert all(set(attributes["aria-describedby"].split()) <= ids for attributes in wrong)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/sign-up"])
def test_there_is_no_inline_script_or_style(site, path):
    for page in (site.client().get(path), site.submit(site.client(), path, email="", password="")):
        for tag, attributes in Elements(page.text).found:
            assert tag != "style"
            assert tag != "script" or "src" in attributes
            assert not {name for name in attributes if name == "style" or name.startswith("on")}


def test_a_strange_next_cannot_break_out_of_the_page(site):
    page = site.client().get('/auth/login?next="><script>alert(1)</script>')
    assert "<script>alert" not in page.text


def test_password_managers_find_the_fields(site):
    for path, password in (("/auth/login", "current-password"), ("/auth/sign-up", "new-password")):
        hints = re.findall('autocomplete="([^"]+)"', site.client().get(path).text)
        assert hints == ["username", password]


def test_no_hash_of_a_password_leaves_the_server(made):
    site = made(more=["pages", "api", "admin"], modules=[Module("people", resources=[users])])
    site.add("root@example.com", "admin")
    client, header = site.logged_in("root@example.com"), site.token("root@example.com")
    with site.app.app_context():
        key = accounts.by_email("root@example.com").id
    paths = [
        "/",
        "/auth/login",
        "/people/",
        f"/people/{key}",
        "/api/people/",
        f"/api/people/{key}",
        "/api/openapi.json",
    ]
    paths += ["/admin/", "/admin/users/", f"/admin/users/{key}", f"/admin/users/{key}/edit", "/admin/roles/"]
    for path in paths:
        for answer in (client.get(path, follow_redirects=True), client.get(path, headers=header)):
            assert answer.status_code == 200, path
            assert "argon2" not in answer.text
            assert "password_hash" not in answer.text
