"""Passwords: which are taken, and how they are changed."""

from __future__ import annotations

import time

import pytest
from werkzeug.security import generate_password_hash

from flaskkit import Auth, Config, ConfigError, create_app
from flaskkit.auth import accounts, passwords

PASSWORD = "correct horse"
NEW = "battery staple"
COMMON = "This password is among the first that others would try. Use another one."
ADDRESS = "This password is your e-mail address, or contains it. Use another one."


@pytest.fixture
def site(made):
    return made(more=["api"])


def change(site, client, old=PASSWORD, new=NEW):
    return site.submit(client, "/auth/change-password", old_password=old, new_password=new)


def csrf(client):
    return {"X-CSRFToken": client.get("/api/auth/csrf").json["token"]}


@pytest.mark.parametrize("password", ["12345678", "PASSWORD", "football1", "ｐａｓｓｗｏｒｄ", "trustno1"])
def test_what_others_try_first_is_refused(site, password):
    sent = {"email": "ada@example.com", "password": password}
    assert site.client().post("/api/auth/sign-up", json=sent).json["errors"] == [
        {"detail": COMMON, "pointer": "#/password"}
    ]


@pytest.mark.parametrize("password", ["adalovelace", "AdaLovelace@Example.com", "my adalovelace@example.com"])
def test_the_address_is_no_password(site, password):
    refused = site.submit(site.client(), "/auth/sign-up", email="AdaLovelace@example.com", password=password)
    assert refused.status_code == 422
    assert f'id="password-error">{ADDRESS}</div>' in refused.text


def test_the_longest_password_fits_however_its_accents_are_typed(site):
    """Those of some keyboards are two characters each until they are normalised."""
    typed = "e\u0301" * 128
    client = site.client()
    assert site.submit(client, "/auth/sign-up", email="ada@example.com", password=typed).status_code == 303
    assert site.log_in(site.client(), password=typed).status_code == 303


@pytest.mark.parametrize("path", ["login", "sign-up", "forgot-password"])
def test_long_texts_are_refused_before_they_are_normalised(made, path):
    """One letter of Arabic becomes eighteen; a request of some megabytes would take half a minute."""
    site, long = made(more=["api", "mail"]), "\ufdfa" * 300_000
    values = {"email": long} if path == "forgot-password" else {"email": long, "password": long}
    began = time.perf_counter()
    refused = site.client().post(f"/api/auth/{path}", json=values)
    assert (refused.status_code, time.perf_counter() - began < 1) == (401 if path == "login" else 422, True)


def test_commands_ask_for_the_same(site, ada):
    run = site.app.test_cli_runner().invoke
    for arguments in (["create", "eve@example.com"], ["set-password", ada]):
        refused = run(args=["kit", "users", *arguments, "--password", "12345678"])
        assert refused.exit_code == 1
        assert COMMON in refused.output


def test_the_least_length_is_a_setting(made):
    site = made(more=["api"], auth=Auth(password_length=15))
    sent = {"email": "ada@example.com", "password": "correct horse"}
    assert (
        site.client().post("/api/auth/sign-up", json=sent).json["errors"][0]["detail"] == "Use at least 15 characters."
    )
    page = site.client().get("/auth/sign-up").text
    assert "At least 15 characters." in page
    assert 'minlength="15"' in page
    told = site.client().get("/api/openapi.json").json["components"]["schemas"]["AuthSignUp"]["properties"]["password"]
    assert (told["minLength"], told["maxLength"], told["format"]) == (15, 128, "password")


@pytest.mark.parametrize("length", [7, 65])
def test_a_setting_that_nist_would_not_have_is_a_mistake(length):
    with pytest.raises(ConfigError) as refused:
        create_app(Config("app", env="testing", features=["db", "forms", Auth(password_length=length)]))
    assert refused.value.mistakes == [f"'password_length' of feature 'auth' is {length}; it must be from 8 to 64."]


def test_length_is_counted_as_it_is_stored(site):
    # One letter each, written as two.
    composed = "e\u0301" * 7
    with site.app.app_context():
        assert passwords.mistake(composed) == "Use at least 8 characters."


@pytest.mark.parametrize("method", ["scrypt:1024:8:1", "pbkdf2:sha256:1000"])
def test_a_hash_of_werkzeug_is_taken_and_made_anew(site, ada, method):
    site.change(ada, password_hash=generate_password_hash(PASSWORD, method))
    assert site.log_in(site.client(), password="wrong horse").status_code == 422
    client = site.logged_in()
    with site.app.app_context():
        assert accounts.by_email(ada).password_hash.startswith("$argon2id$")
    assert client.get("/who").text == site.logged_in().get("/who").text == "ada@example.com by session"


@pytest.mark.parametrize("stored", ["scrypt:", "scrypt:1:2:3", "pbkdf2:x$y$z", "scrypt:1024:8:1$salt$zz"])
def test_a_broken_hash_lets_nobody_in(site, ada, stored):
    site.change(ada, password_hash=stored)
    for password in (PASSWORD, "", "\ud800" * 8):
        assert site.client().post("/api/auth/login", json={"email": ada, "password": password}).status_code in (
            401,
            422,
        )


def test_changing_it_ends_the_other_sessions_and_keeps_this_one(site, ada):
    here, there, remembered = site.logged_in(remember="y"), site.logged_in(), site.logged_in(remember="y")
    done = change(site, here)
    assert (done.status_code, done.location) == (303, "/auth/account")
    assert "You have a new password." in here.get("/auth/account").text
    assert here.get("/who").text == "ada@example.com by session"
    here.delete_cookie("session")
    assert here.get("/who").text == "ada@example.com by session"
    assert there.get("/who").text == remembered.get("/who").text == "nobody"
    assert site.log_in(site.client(), password=PASSWORD).status_code == 422
    assert site.log_in(site.client(), password=NEW).status_code == 303


def test_a_program_changes_it_in_json(site, ada):
    client, other = site.client(), site.logged_in()
    client.post("/api/auth/login", json={"email": ada, "password": PASSWORD})
    body = {"old_password": PASSWORD, "new_password": NEW}
    assert client.post("/api/auth/change-password", json=body).status_code == 400
    done = client.post("/api/auth/change-password", json=body, headers=csrf(client))
    assert done.json == {"message": "You have a new password. You are logged out everywhere else.", "next": ""}
    assert client.get("/who").text == "ada@example.com by session"
    assert other.get("/who").text == "nobody"


@pytest.mark.parametrize(
    ("old", "new", "field", "error"),
    [
        ("wrong horse", NEW, "old_password", "This is not your password."),
        (PASSWORD, "short", "new_password", "Use at least 8 characters."),
        (PASSWORD, "12345678", "new_password", COMMON),
        (PASSWORD, "ada@example.com", "new_password", ADDRESS),
    ],
)
def test_what_is_wrong_stands_beside_the_field_and_nothing_changes(site, ada, old, new, field, error):
    client = site.logged_in()
    refused = change(site, client, old, new)
    assert refused.status_code == 422
    assert f'id="{field}-error">{error}</div>' in refused.text
    body = {"old_password": old, "new_password": new}
    refused = client.post("/api/auth/change-password", json=body, headers=csrf(client))
    assert refused.json["errors"] == [{"detail": error, "pointer": f"#/{field}"}]
    assert site.logged_in().get("/who").text == "ada@example.com by session"


def test_a_stranger_changes_nothing(site, ada):
    body = {"old_password": PASSWORD, "new_password": NEW}
    assert site.client().post("/api/auth/change-password", json=body).status_code == 401
    sent = site.client().get("/auth/change-password")
    assert (sent.status_code, sent.location) == (303, "/auth/login?next=/auth/change-password")


def test_who_is_sent_to_log_in_from_a_page_of_the_account_comes_back(site, ada):
    sent = site.log_in(site.client(), path="/auth/login?next=/auth/change-password")
    assert sent.location == "/auth/change-password"


def test_a_bearer_token_changes_no_password(site, ada):
    body = {"old_password": PASSWORD, "new_password": NEW}
    for path, sent in (("/api/auth/change-password", {"json": body}), ("/auth/change-password", {"data": body})):
        refused = site.client().post(path, headers=site.token(), **sent)
        assert (refused.status_code, "Set-Cookie" in refused.headers) == (400, False)
    assert site.log_in(site.client()).status_code == 303
    assert site.client().get("/auth/change-password", headers=site.token()).status_code == 200


def test_the_page_of_the_account_leads_there(site, ada):
    client = site.logged_in()
    page = client.get("/auth/account").text
    assert "You are logged in as <strong>ada@example.com</strong>." in page
    assert 'href="/auth/change-password"' in page
    assert site.client().get("/auth/account").location == "/auth/login?next=/auth/account"
