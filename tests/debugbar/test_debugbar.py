"""The bar below each page, in development only."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, render_template_string
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from flaskkit import Config, IntegerKey, Model, Module, Resource, create_app, db, public, require, requires


class DebugbarThing(IntegerKey, Model):
    __tablename__ = "debugbar_things"
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


def views():
    views = Blueprint("views", __name__)

    @views.get("/row-by-row/<int:number>")
    @requires(public)
    def row_by_row(number):
        require(public)
        for key in range(number):
            db.session.scalars(select(DebugbarThing).where(DebugbarThing.id == key)).all()
        return render_template_string("<html><body>Hello</body></html>")

    @views.get("/twice")
    @requires(public)
    def twice():
        for _ in range(2):
            db.session.scalars(select(DebugbarThing)).all()
        return "<p>No end of a body"

    return views


def app_of(start, tmp_path, env="development"):
    things = Resource(DebugbarThing, name="things", fields=["name"], read=public, create=public)
    return start(
        env=env,
        secret_key="5f0c9e71b2d8a46c3f5e70d1ab36c9e2",
        features=["db", "forms", "pages", "api", "security", "debugbar"],
        modules=[Module("bar", blueprints=[views()], resources=[things])],
        flask_options={"instance_path": str(tmp_path)},
    )


@pytest.fixture
def client(start, tmp_path):
    return app_of(start, tmp_path).test_client()


def test_a_page_says_what_it_took(client):
    page = client.get("/row-by-row/4?page=2")
    text = re.sub(r"<[^>]+>", " ", page.text)
    assert page.text.endswith("</body></html>")
    assert re.search(r"GET 200 OK .* 4 queries, .* 4 N\+1", " ".join(text.split()))
    assert "SELECT debugbar_things.id" in text
    assert "tests/debugbar/test_debugbar.py:" in text
    assert "/row-by-row/<int:number>" in text.replace("&lt;", "<").replace("&gt;", ">")
    assert "views.row_by_row of bar" in text
    assert " allowed  public " in text
    assert "a stranger" in text
    assert re.fullmatch(r'db;desc="4 queries, 4 N\+1";dur=[\d.]+, app;dur=[\d.]+', page.headers["Server-Timing"])
    listed = client.get("/things/").text
    assert "flaskkit/list.html" in listed
    assert "N+1" not in listed


def test_it_needs_no_script_and_no_inline_style(client):
    page = client.get("/things/")
    bar = page.text[page.text.index("debugbar.css") :]
    assert "<script" not in bar
    assert "style=" not in bar
    [sheet] = re.findall(r'href="([^"]*debugbar\.css[^"]*)"', page.text)
    with client.get(sheet) as answer:
        assert answer.mimetype == "text/css"
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]


def test_what_is_shown_cannot_become_html(client):
    assert "<script>alert" not in client.get("/things/?q=<script>alert(1)</script>").text
    missing = client.get("/nowhere/<script>alert(1)</script>")
    assert missing.status_code == 404
    assert "<script>alert" not in missing.text


def test_other_answers_tell_it_in_a_header(client):
    added = client.post("/api/things/", json={"name": "Tea"})
    assert added.status_code == 201
    assert added.headers["Server-Timing"].startswith('db;desc="1 query"')
    assert added.json["name"] == "Tea"
    twice = client.get("/twice")
    assert twice.text == "<p>No end of a body"
    assert '2 duplicate"' in twice.headers["Server-Timing"]


@pytest.mark.parametrize("env", ["production", "testing"])
def test_elsewhere_there_is_nothing_of_it(start, tmp_path, env):
    app = app_of(start, tmp_path, env)
    page = app.test_client().get("/row-by-row/4")
    assert page.text == "<html><body>Hello</body></html>"
    assert "Server-Timing" not in page.headers
    assert not [rule for rule in app.url_map.iter_rules() if "debugbar" in rule.endpoint]


def test_without_a_database_it_shows_the_rest():
    app = create_app(
        Config("bar", env="development", features=["debugbar"], secret_key="5f0c9e71b2d8a46c3f5e70d1ab36c9e2")
    )
    app.add_url_rule("/", "home", lambda: "<body>Hello</body>")
    assert "0 queries" in app.test_client().get("/").text
