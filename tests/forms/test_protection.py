"""Which requests must prove that they come from a page of this site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from flask import Blueprint, Flask, g, session
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect, generate_csrf

from flaskkit import Feature, Module, csrf
from flaskkit.access import Caller, caller


@dataclass(frozen=True)
class Bearer(Feature):
    """Everybody who sends an Authorization header is known by it."""

    name: ClassVar[str] = "bearer"

    def init_app(self, app: Flask) -> None:
        def who() -> Caller:
            from flask import request

            g.asked = True
            return Caller("me", "token") if "Authorization" in request.headers else Caller()

        app.extensions["flaskkit"].caller = who


@pytest.fixture
def make(start):
    def make(**config):
        site = Blueprint("site", __name__)
        hooks = Blueprint("hooks", __name__)

        @site.get("/token")
        def token():
            return generate_csrf()

        @site.route("/plain", methods=["GET", "POST"])
        def plain():
            return "asked" if "asked" in g else "plain"

        @site.post("/form")
        def form():
            return str(FlaskForm().validate())

        @hooks.post("/hook")
        def hook():
            return "hooked"

        csrf.exempt(hooks)
        return start(
            features=["forms", Bearer()], modules=[Module("site", blueprints=[site, hooks])], **config
        ).test_client()

    return make


def test_a_change_without_a_token_is_refused_with_the_reason(make):
    refused = make().post("/plain")
    assert refused.status_code == 400
    assert "The CSRF token is missing." in refused.text


def test_a_change_with_the_token_of_a_page_is_let_through(make):
    client = make()
    token = client.get("/token").text
    assert client.post("/plain", data={"csrf_token": token}).status_code == 200
    assert client.post("/plain", headers={"X-CSRFToken": token}).status_code == 200
    assert client.post("/form", data={"csrf_token": token}).text == "True"


def test_a_caller_known_by_a_token_needs_no_csrf_token(make):
    client = make()
    assert client.post("/plain", headers={"Authorization": "Bearer x"}).status_code == 200
    assert client.post("/form", headers={"Authorization": "Bearer x"}).text == "True"


def test_an_exempt_blueprint_is_let_through(make):
    assert make().post("/hook").text == "hooked"


def test_reading_asks_for_nobody_and_sets_no_cookie(make):
    answer = make().get("/plain")
    assert answer.text == "plain"
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("flask", "status"),
    [
        ({}, 400),
        ({"WTF_CSRF_CHECK_DEFAULT": None}, 400),
        ({"WTF_CSRF_CHECK_DEFAULT": True}, 400),
        ({"WTF_CSRF_CHECK_DEFAULT": False}, 200),
        ({"WTF_CSRF_ENABLED": False}, 200),
    ],
)
def test_native_keys_decide(make, flask, status):
    assert make(flask=flask).post("/plain").status_code == status


def test_with_the_native_check_on_even_tokens_need_it(make):
    client = make(flask={"WTF_CSRF_CHECK_DEFAULT": True})
    assert client.post("/plain", headers={"Authorization": "Bearer x"}).status_code == 400


def test_csrf_is_the_upstream_object(start):
    app = start(features=["forms"])
    assert type(csrf) is CSRFProtect
    assert app.extensions["csrf"] is csrf


def test_without_auth_everybody_is_a_stranger(start):
    app = start(features=["forms"])
    with app.test_request_context():
        assert caller() == Caller()
        assert "csrf_token" not in session
