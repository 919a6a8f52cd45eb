"""Accounts through JSON: the same flows, for single-page apps and programs."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from flaskkit import Auth, Module, Resource, ResourceError, User

PASSWORD = "correct horse"
UNKNOWN = "There is no such field to send."
ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def site(made):
    return made(more=["api"])


def csrf(client):
    """The header that a single-page app sends with what changes something."""
    told = client.get("/api/auth/csrf").json
    return {told["header"]: told["token"]}


def post(client, path, body=None, **headers):
    return client.post(f"/api/auth/{path}", json=body, headers=headers)


def test_logging_in_and_out(site, ada):
    client = site.client()
    arrived = post(client, "login", ADA)
    assert (arrived.status_code, arrived.json) == (200, {"message": "", "next": ""})
    assert client.get("/who").text == "ada@example.com by session"
    left = post(client, "logout", **csrf(client))
    assert (left.status_code, left.json) == (200, {"message": "You are logged out.", "next": ""})
    assert client.get("/who").text == "nobody"


def test_a_final_slash_makes_no_difference(site, ada):
    assert post(site.client(), "login/", ADA).status_code == 200


def test_the_cookie_of_a_session_cannot_be_read_by_scripts(site, ada):
    answer = post(site.client(), "login", {**ADA, "remember": True})
    cookies = answer.headers.getlist("Set-Cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["remember_token", "session"]
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)
    assert answer.headers["Cache-Control"] == "no-store"


def test_me_says_who_asks(site):
    site.add("ada@example.com", "editor")
    client = site.client()
    post(client, "login", ADA)
    shown = client.get("/api/auth/me").json
    assert shown == {"id": shown["id"], "email": "ada@example.com", "roles": ["editor"], "by": "session"}
    assert site.client().get("/api/auth/me", headers=site.token()).json == {**shown, "by": "token"}
    refused = site.client().get("/api/auth/me")
    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")


def test_signing_up_logs_in(site):
    client = site.client()
    assert post(client, "sign-up", {"email": "New@example.com", "password": PASSWORD}).status_code == 200
    assert client.get("/api/auth/me").json["email"] == "new@example.com"


@pytest.mark.parametrize(
    ("path", "body", "status", "errors"),
    [
        ("login", {**ADA, "password": "wrong horse"}, 401, {"#": "The e-mail address or the password is wrong."}),
        ("login", {"email": "x"}, 422, {"#/password": "This is required."}),
        ("login", {**ADA, "email": 5}, 422, {"#/email": "Not a valid string."}),
        ("login", {**ADA, "password": None}, 422, {"#/password": "This cannot be null."}),
        ("login", {**ADA, "password": ""}, 422, {"#/password": "This field is required."}),
        ("login", {**ADA, "remember": "yes"}, 422, {"#/remember": "Not a valid boolean."}),
        ("login", {**ADA, "roles": ["admin"]}, 422, {"#/roles": UNKNOWN}),
        ("login", [ADA], 422, {"#": "Not a JSON object."}),
        ("login", "text", 422, {"#": "Not a JSON object."}),
        ("sign-up", ADA, 409, {"#/email": "There is a user with this address already."}),
        ("sign-up", {"email": "x", "password": PASSWORD}, 422, {"#/email": "This is no e-mail address."}),
        (
            "sign-up",
            {"email": "x\ud800@y.example", "password": PASSWORD},
            422,
            {"#/email": "This is no e-mail address."},
        ),
        ("sign-up", {"email": "x@y.example", "password": "short"}, 422, {"#/password": "Use at least 8 characters."}),
        ("sign-up", {"email": "x@y.example", "password": PASSWORD, "active": True}, 422, {"#/active": UNKNOWN}),
    ],
)
def test_what_is_wrong_is_a_problem_that_names_the_field(site, ada, path, body, status, errors):
    client = site.client()
    refused = post(client, path, body)
    assert (refused.status_code, refused.content_type) == (status, "application/problem+json")
    assert {error["pointer"]: error["detail"] for error in refused.json["errors"]} == errors
    assert client.get("/who").text == "nobody"


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_only_json_is_read_because_another_site_can_send_the_rest(site, ada, content):
    client = site.client()
    refused = client.post(
        "/api/auth/login", data='{"email": "ada@example.com", "password": "correct horse"}', content_type=content
    )
    assert refused.status_code == 415
    assert client.get("/who").text == "nobody"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8080"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_another_site_logs_nobody_in(site, ada, headers):
    client = site.client()
    refused = post(client, "login", ADA, **headers)
    assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")
    assert client.get("/who").text == "nobody"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}])
def test_this_site_does(site, ada, headers):
    assert post(site.client(), "login", ADA, **headers).status_code == 200


def test_with_a_cookie_even_a_stranger_shows_a_token(site, ada):
    client = site.client()
    token = csrf(client)
    assert post(client, "login", ADA).json["detail"] == "The CSRF token is missing."
    assert post(client, "login", ADA, **{"X-CSRFToken": "wrong"}).status_code == 400
    assert post(client, "login", ADA, **token).status_code == 200
    # It was for the session before.
    assert post(client, "logout", **token).status_code == 400
    assert post(client, "logout", **csrf(client)).status_code == 200


@pytest.mark.parametrize("path", ["login", "logout", "sign-up"])
def test_a_bearer_token_begins_and_ends_no_session(site, ada, path):
    body = {"login": ADA, "sign-up": {**ADA, "email": "new@example.com"}}.get(path)
    refused = post(site.client(), path, body, **site.token())
    assert (refused.status_code, "Set-Cookie" in refused.headers) == (400, False)
    assert refused.json["detail"].startswith("A session neither begins nor ends with a bearer token.")
    assert post(site.client(), "login", {**ADA, "email": "new@example.com"}).status_code == 401


def test_what_is_off_has_no_operation(made):
    client = made(more=["api"], auth=Auth(sign_up=False)).client()
    assert post(client, "sign-up", ADA).status_code == 404
    assert "/api/auth/sign-up" not in client.get("/api/openapi.json").json["paths"]
    assert post(made().client(), "login", ADA).status_code == 404


def test_the_document_tells_fields_and_refusals(site):
    document = site.client().get("/api/openapi.json").json
    validate(document)
    operation = document["paths"]["/api/auth/login"]["post"]
    assert (operation["operationId"], operation["tags"]) == ("auth_login", ["auth"])
    assert {"200", "400", "401", "413", "415", "422", "429", "default"} == set(operation["responses"])
    assert {"409", "429"} <= set(document["paths"]["/api/auth/sign-up"]["post"]["responses"])
    body = document["components"]["schemas"]["AuthLogin"]
    assert (sorted(body["required"]), body["additionalProperties"]) == (["email", "password"], False)
    assert {name: told["type"] for name, told in body["properties"].items()} == {
        "email": "string",
        "password": "string",
        "remember": "boolean",
    }


def test_a_resource_cannot_stand_in_the_same_place(made):
    taken = Module("taken", resources=[Resource(User, name="auth", fields=["email"])])
    with pytest.raises(ResourceError, match="Resource 'auth' needs another name: logging in is at /api/auth"):
        made(more=["api"], modules=[taken])


def test_attempts_are_counted_alike_on_page_and_in_json(site, ada):
    counted = []

    class Limits:
        def hit(self, name, account=""):
            counted.append(("hit", name, account))

        def clear(self, name, account=""):
            counted.append(("clear", name, account))

    site.app.extensions["flaskkit.limits"] = Limits()
    post(site.client(), "login", {**ADA, "email": " ADA@example.com"})
    site.log_in(site.client(), "alien@example.com")
    assert counted == [
        ("hit", "login", "ada@example.com"),
        ("clear", "login", "ada@example.com"),
        ("hit", "login", "alien@example.com"),
    ]
