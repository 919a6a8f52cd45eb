"""The layout, error pages and the home page."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, url_for

from flaskkit import Module, Pages, Resource, ResourceError, db
from flaskkit.access import guard_of

from .conftest import Badge, Book, Wave


def navigation(page):
    return re.findall("<li><a[^>]*>([^<]+)</a>", page.text.partition("<main")[0])


def test_navigation_shows_what_the_visitor_may_see(stranger, reader, editor):
    assert navigation(stranger.get("/about")) == ["About", "Books", "Authors"]
    assert navigation(reader.get("/about")) == ["About", "Books", "Authors", "Notes", "Topics"]
    assert navigation(editor.get("/about")) == ["About", "Editors", "Books", "Authors", "Notes", "Topics"]


def test_navigation_tells_where_the_visitor_is(stranger):
    assert '<a href="/books/" aria-current="page">Books' in stranger.get("/books/1").text
    assert '<a href="/about" aria-current="page">About' in stranger.get("/about").text


def test_messages_are_shown_once_and_escaped(stranger):
    stranger.get("/flash")
    assert 'class="alert alert-danger" role="alert">Hear &lt;this&gt;</div>' in stranger.get("/about").text
    assert "Hear" not in stranger.get("/about").text


def test_the_home_page_lists_what_there_is(stranger):
    page = stranger.get("/")
    assert page.status_code == 200
    assert '<a href="/books/">Books</a>' in page.text
    assert "/notes/" not in page.text


def test_a_home_page_of_the_app_takes_the_place_of_ours(start, module):
    home = Blueprint("home", __name__)
    home.add_url_rule("/", "home", lambda: "mine")
    app = start(features=["db", "forms", "pages"], modules=[module, Module("home", blueprints=[home])])
    assert app.test_client().get("/").text == "mine"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 422, 429, 500, 503])
def test_errors_are_pages_with_their_own_text(stranger, code):
    page = stranger.get(f"/error/{code}")
    assert page.status_code == code
    assert page.mimetype == "text/html"
    assert f"My own words about &lt;{code}&gt;." in page.text
    assert 'class="error-code">' in page.text


def test_errors_keep_their_headers(stranger):
    refused = stranger.client.delete("/about")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert "error-code" in refused.text


def test_an_unknown_address_is_a_page(stranger):
    page = stranger.get("/nowhere")
    assert page.status_code == 404
    assert "<title>Not Found · Testapp</title>" in page.text


def test_handlers_of_the_app_win_over_error_pages(app):
    app.register_error_handler(404, lambda error: ("mine", 404))
    assert app.test_client().get("/nowhere").text == "mine"


def test_a_view_that_ignores_the_session_is_not_varied_by_it(stranger):
    assert "Vary" not in stranger.get("/plain").headers


def test_pages_load_nothing_from_elsewhere_and_have_nothing_inline(editor):
    for path in ("/", "/books/", "/books/1", "/books/new", "/books/1/delete", "/error/500", "/error/404"):
        page = editor.get(path).text
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", page)
        assert set(re.findall("<script[^>]*>(.*?)</script>", page, re.DOTALL)) <= {""}
        assert "<style" not in page
        assert not re.search(r"""\s(?:style|on\w+)=["']""", page)


def test_what_a_page_loads_is_there(stranger):
    css = "/flaskkit/static/flaskkit.css"
    with stranger.get(css) as answer:
        pictures = re.findall(r'url\("([^"]+)"\)', answer.text)
    links = re.findall('<link[^>]* href="([^"]+)"', stranger.get("/").text)
    assert css in [link.partition("?")[0] for link in links]
    for path in [*links, *(f"/flaskkit/static/{name}" for name in pictures)]:
        with stranger.get(path) as answer:
            assert answer.status_code == 200


def test_browsers_keep_flaskkits_static_files_until_they_change(start, tmp_path):
    (tmp_path / "site.css").write_text("h1 { color: red }")
    app = start(features=["db", "forms", "pages"])
    app.static_folder = str(tmp_path)
    client = app.test_client()

    def kept(path):
        with client.get(path) as answer:
            assert answer.status_code == 200
            return answer.headers["Cache-Control"]

    addresses = re.findall(r'(?:href|src)="(/[^"]*/static/[^"]*)"', client.get("/").text)
    assert len(addresses) > 1
    for address in addresses:
        path, _, mark = address.partition("?")
        assert re.fullmatch("v=[0-9a-f]{12}", mark)
        assert kept(address) == "private, max-age=31536000, immutable"
        assert kept(path) == "no-cache"
        assert kept(f"{path}?v=0123456789ab") == "no-cache"
        with client.get(address) as answer:
            again = {"If-None-Match": answer.headers["ETag"]}
        with client.get(address, headers=again) as answer:
            assert (answer.status_code, answer.cache_control.max_age) == (304, 31536000)
    with app.test_request_context():
        own = url_for("static", filename="site.css")
        for missing in ("none.css", "../secret", ""):
            assert "v=" not in url_for("pages.static", filename=missing)
    assert (own, kept(own)) == ("/static/site.css", "no-cache")


def test_pages_have_what_screen_readers_need(editor):
    page = editor.get("/books/new").text
    assert '<html lang="en">' in page
    assert '<a class="skip-link" href="#main">' in page
    assert '<main id="main"' in page
    ids = re.findall('<(?:input|select|textarea)[^>]* id="([^"]+)"', page)
    for name in ids:
        assert f'for="{name}"' in page or name == "csrf_token"
    assert page.count("<h1") == 1


def test_generated_views_tell_their_policies(app):
    views = app.view_functions
    assert str(guard_of(views["pages.books.edit"], "POST").policy) == "role('editor')"
    assert str(guard_of(views["pages.books.list"], "GET").policy) == "public"


def test_templates_of_the_app_win(start, module, tmp_path):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "list.html").write_text("mine: {{ listing.page.total }}")
    (tmp_path / "flaskkit").mkdir()
    (tmp_path / "flaskkit" / "error.html").write_text("{{ code }} in my words")
    app = start(
        features=["db", "forms", Badge(), "pages"],
        modules=[module],
        flask_options={"template_folder": str(tmp_path)},
    )
    client = app.test_client()
    assert client.get("/books/").text == "mine: 0"
    assert "Nothing here yet" in client.get("/authors/").text
    assert client.get("/nowhere").text == "404 in my words"


def test_an_error_page_that_fails_leaves_the_plain_error(start, module, tmp_path):
    (tmp_path / "flaskkit").mkdir()
    (tmp_path / "flaskkit" / "error.html").write_text("{{ 1 // 0 }}")
    app = start(features=["db", "forms", "pages"], modules=[module], flask_options={"template_folder": str(tmp_path)})
    page = app.test_client().get("/error/503")
    assert page.status_code == 503
    assert "My own words" in page.text


def test_title_and_page_size_are_settings(start, module):
    app = start(features=["db", "forms", Pages(title="Ex & Libris", page_size=1)], modules=[module])
    with app.app_context():
        db.session.add_all([Book(title="A"), Book(title="B")])
        db.session.commit()
    page = app.test_client().get("/books/").text
    assert "<title>Books · Ex &amp; Libris</title>" in page
    assert "1–1 of 2" in page


def test_a_field_that_no_form_can_take_is_told_at_start(start):
    waves = Resource(Wave, name="waves", fields=["phase"])
    with pytest.raises(ResourceError, match="'waves' names 'phase', which holds complex"):
        start(features=["db", "forms", "pages"], modules=[Module("m", resources=[waves])])


def test_two_apps_have_their_own_navigation(start, module):
    one = start(features=["db", "forms", "pages"], modules=[module])
    two = start(features=["db", "forms", "pages"])
    assert navigation(one.test_client().get("/")) == ["About", "Books", "Authors"]
    assert navigation(two.test_client().get("/")) == []
