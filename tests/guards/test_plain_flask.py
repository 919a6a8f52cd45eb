"""An app with every feature on still behaves as Flask's documentation says."""

from __future__ import annotations

import gc
import weakref

import flask
import flask_login
import flask_migrate
import flask_smorest
import flask_sqlalchemy
import flask_wtf
import pytest
from flask import Blueprint, Flask, abort, session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable, TooManyRequests, Unauthorized

from flaskkit import Config, create_app, csrf, db
from flaskkit.feature import available

ALL = sorted(available())


def made(**config) -> Flask:
    return create_app(Config("plain", env="testing", features=ALL, **config))


@pytest.fixture
def app() -> Flask:
    return made()


def test_upstream_objects_are_what_they_are(app):
    assert type(app) is flask.Flask
    assert type(app.extensions["sqlalchemy"]) is flask_sqlalchemy.SQLAlchemy
    assert app.extensions["sqlalchemy"] is db
    assert type(app.extensions["migrate"].migrate) is flask_migrate.Migrate
    assert type(app.extensions["csrf"]) is flask_wtf.CSRFProtect
    assert app.extensions["csrf"] is csrf
    assert isinstance(app.login_manager, flask_login.LoginManager)
    assert type(app.extensions["flask-smorest"]["apis"][""]["ext_obj"]) is flask_smorest.Api


@pytest.mark.parametrize(
    ("path", "allow"), [("/only-get", {"GET", "HEAD", "OPTIONS"}), ("/api/openapi.json", {"GET", "HEAD", "OPTIONS"})]
)
def test_a_405_names_the_methods_that_are_allowed(app, path, allow):
    app.add_url_rule("/only-get", view_func=lambda: "here", endpoint="only_get")
    refused = app.test_client().delete(path)
    assert refused.status_code == 405
    assert set(refused.allow) == allow


def test_errors_of_pages_are_pages_with_their_own_text(app):
    @app.get("/lost")
    def lost():
        abort(404, "No tea in this pot.")

    answer = app.test_client().get("/lost")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "No tea in this pot." in answer.text


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (ServiceUnavailable(retry_after=7), "Retry-After", "7"),
        (TooManyRequests(retry_after=8), "Retry-After", "8"),
        (
            Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "tea"})),
            "WWW-Authenticate",
            "Basic realm=tea",
        ),
    ],
    ids=lambda case: getattr(case, "code", None) and str(case.code),
)
@pytest.mark.parametrize("path", ["/fails", "/api/fails"])
def test_headers_of_an_error_are_kept(app, path, error, header, value):
    @app.get(path)
    def fails():
        raise error

    answer = app.test_client().get(path)
    assert answer.status_code == error.code
    assert answer.headers[header] == value


def test_an_error_with_a_response_of_its_own_is_that_response(app):
    @app.get("/own")
    def own():
        abort(flask.Response("mine", status=418))

    answer = app.test_client().get("/own")
    assert (answer.status_code, answer.text) == (418, "mine")


@pytest.mark.parametrize("cookie", [False, True], ids=["stranger", "session cookie"])
@pytest.mark.parametrize("path", ["/plain", "/template", "/json"])
def test_a_page_that_ignores_the_session_may_be_shared_by_caches(app, path, cookie):
    app.add_url_rule("/plain", view_func=lambda: "the same for all", endpoint="plain")
    app.add_url_rule("/json", view_func=lambda: {"the same": "for all"}, endpoint="json")
    app.add_url_rule("/template", view_func=lambda: flask.render_template_string("{{ 1 }}"), endpoint="template")

    @app.get("/remember")
    def remember():
        session["seen"] = True
        return "remembered"

    client = app.test_client()
    if cookie:
        assert "Cookie" in client.get("/remember").headers["Vary"]
    answer = client.get(path)
    assert answer.status_code == 200
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_templates_reload_as_set_after_creation(tmp_path):
    page = tmp_path / "page.html"
    for reload, shown in ((True, "new"), (False, "old")):
        app = made(flask_options={"template_folder": tmp_path})
        app.config["TEMPLATES_AUTO_RELOAD"] = reload
        page.write_text("old")
        with app.test_request_context():
            assert flask.render_template("page.html") == "old"
            page.write_text("new")
            assert flask.render_template("page.html") == shown


@pytest.mark.parametrize("place", [0, len(ALL)], ids=["before all others", "after all others"])
def test_what_an_extension_does_to_jinja_is_kept(place):
    class Translations:
        def init_app(self, app):
            app.jinja_env.add_extension("jinja2.ext.i18n")
            app.jinja_env.install_gettext_callables(str.upper, lambda one, many, n: one, newstyle=True)
            app.jinja_env.filters["upper"] = lambda text: f"my {text}"
            app.jinja_env.trim_blocks = True

    app = create_app(Config("plain", env="testing", features=[*ALL[:place], Translations(), *ALL[place:]]))
    with app.test_request_context():
        shown = flask.render_template_string("{{ _('tea') }}{% if true %}\n{% endif %}, {{ 'tea' | upper }}")
        assert app.jinja_env.newstyle_gettext
    assert shown == "TEA, my tea"


@pytest.mark.parametrize("error", [Exception, HTTPException, NotFound, 404], ids=str)
@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere"])
def test_an_error_handler_of_the_app_wins(app, error, path):
    app.register_error_handler(error, lambda error: (f"mine: {error.code}", error.code))
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.text) == (404, "mine: 404")


@pytest.mark.parametrize("error", [Exception, 500], ids=str)
def test_an_error_handler_of_the_app_gets_what_a_view_raises(error):
    app = made(flask={"TESTING": False})
    app.register_error_handler(error, lambda error: (f"mine: {type(error).__name__}", 500))

    @app.get("/fails")
    def fails():
        raise ValueError("no tea")

    name = "ValueError" if error is Exception else "InternalServerError"
    assert app.test_client().get("/fails").text == f"mine: {name}"


def test_an_error_handler_of_a_blueprint_wins(app):
    shop = Blueprint("shop", __name__)
    shop.register_error_handler(404, lambda error: ("the shop's", 404))
    shop.add_url_rule("/shop", view_func=lambda: abort(404), endpoint="closed")
    app.register_blueprint(shop)
    assert app.test_client().get("/shop").text == "the shop's"


def test_a_bug_reaches_the_test():
    app = made()

    @app.get("/fails")
    def fails():
        raise ValueError("no tea")

    with pytest.raises(ValueError, match="no tea"):
        app.test_client().get("/fails")


def test_a_route_of_the_app_at_the_root_wins(app):
    app.add_url_rule("/", view_func=lambda: "my home", endpoint="home")
    assert app.test_client().get("/").text == "my home"


def test_a_dropped_app_is_freed():
    app = made()
    for path in ("/", "/nowhere", "/auth/login", "/api/openapi.json", "/admin/"):
        assert app.test_client().get(path).status_code < 500
    dropped = weakref.ref(app)
    del app
    gc.collect()
    assert dropped() is None


def test_an_app_that_served_nothing_is_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        dropped = weakref.ref(made())
        assert dropped() is None
    finally:
        gc.enable()
