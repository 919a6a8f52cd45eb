"""Views that do not say who may use them."""

from __future__ import annotations

import logging

import flask_login
import pytest
from flask import Blueprint
from flask.views import MethodView

from flaskkit import Auth, Config, ConfigError, Module, create_app, login, public, requires
from flaskkit.auth.closed import WAY_OUT


class Counted(MethodView):
    def get(self):
        return "read"

    @requires(login)
    def post(self):
        return "written"


class TheirsDecorated(MethodView):
    decorators = [flask_login.login_required]  # noqa: RUF012

    def get(self):
        return "theirs"


def module():
    views = Blueprint("views", __name__, static_folder="templates", static_url_path="/files")
    views.add_url_rule("/open", "open", requires(public)(lambda: "open"))
    views.add_url_rule("/theirs", "theirs", flask_login.login_required(lambda: "theirs"))
    views.add_url_rule("/decorated", view_func=TheirsDecorated.as_view("decorated"))
    views.add_url_rule("/unsaid", "unsaid", lambda: "unsaid", methods=["GET", "POST"])
    views.add_url_rule("/counted", view_func=Counted.as_view("counted"))
    return Module("shop", blueprints=[views])


def app_of(undeclared, **config):
    features = ["db", "forms", "api", "pages", "admin", Auth(undeclared=undeclared)]
    return create_app(Config("shop", **{"env": "testing", "features": features, **config}))


def test_refused_at_start_all_at_once():
    with pytest.raises(ConfigError) as refused:
        app_of("refuse", modules=[module()])
    assert refused.value.mistakes == [
        "GET /counted (views.counted) does not say who may use it.",
        "GET,POST /unsaid (views.unsaid) does not say who may use it.",
        WAY_OUT,
    ]


def test_what_is_added_later_is_refused_when_it_is_asked_for(caplog):
    app = app_of("refuse")
    app.add_url_rule("/unsaid", "unsaid", lambda: "unsaid")
    app.add_url_rule("/open", "open", requires(public)(lambda: "open"))
    client = app.test_client()
    for _ in range(2):
        assert client.get("/unsaid").status_code == 403
    assert client.get("/open").text == "open"
    assert client.get("/nowhere").status_code == 404
    assert client.get("/auth/login").status_code == 200
    assert [record.message for record in caplog.records if "unsaid" in record.message] == [
        f"View 'unsaid' is refused: it does not say who may use it. {WAY_OUT}"
    ]


def test_reported_once(caplog):
    app = app_of("report", modules=[module()])
    client = app.test_client()
    with caplog.at_level(logging.WARNING):
        for path in ("/unsaid", "/unsaid", "/open", "/files/nothing", "/theirs", "/decorated"):
            assert client.get(path).status_code in (200, 302, 303, 404)
    assert [record.message for record in caplog.records] == [
        f"View 'views.unsaid' would be refused in production: it does not say who may use it. {WAY_OUT}"
    ]


def test_allowed_without_a_word(caplog):
    assert app_of("allow", modules=[module()]).test_client().get("/unsaid").text == "unsaid"
    assert caplog.records == []


@pytest.mark.parametrize(("env", "starts"), [("testing", True), ("development", True), ("production", False)])
def test_unless_a_setting_says_otherwise_production_refuses(env, starts, database_url, tmp_path):
    config = Config(
        "shop",
        env=env,
        secret_key="0123456789abcdef0123456789abcdef",
        features=["db", "forms", "auth"],
        modules=[module()],
        flask_options={"instance_path": str(tmp_path)},
    ).replace(db={"url": database_url})
    if starts:
        create_app(config)
    else:
        with pytest.raises(ConfigError, match="views.unsaid"):
            create_app(config)


def test_the_command_lists_them():
    shown = app_of("report", modules=[module()]).test_cli_runner().invoke(args=["kit", "check"])
    assert shown.exit_code == 1
    assert (
        "auth.E001  error: A view does not say who may use it.\n"
        "    GET /counted (views.counted) does not say who may use it.\n"
        "    GET,POST /unsaid (views.unsaid) does not say who may use it.\n"
    ) in shown.output
    assert "auth.E001" not in app_of("report").test_cli_runner().invoke(args=["kit", "check"]).output
