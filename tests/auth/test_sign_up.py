"""Signing up: what an account needs, and what it does not give."""

from __future__ import annotations

import pytest

from flaskkit import Auth, caller
from flaskkit.auth import accounts

TAKEN = "There is a user with this address already."


def sign_up(site, email="new@example.com", password="correct horse", client=None, **values):
    return site.submit(client or site.client(), "/auth/sign-up", email=email, password=password, **values)


def test_who_signs_up_is_logged_in(site):
    client = site.client()
    arrived = site.submit(client, "/auth/sign-up?next=/mine", email="New@Example.com", password="correct horse")
    assert (arrived.status_code, arrived.location) == (303, "/mine")
    assert client.get("/who").text == "new@example.com by session"
    assert site.logged_in("new@example.com").get("/who").text == "new@example.com by session"


def test_without_the_setting_there_is_no_such_page(made):
    site = made(auth=Auth(sign_up=False))
    assert site.client().get("/auth/sign-up").status_code == 404
    assert "/auth/sign-up" not in site.client().get("/auth/login").text


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "ａｄａ@example.com", " ada@example.com "])
def test_an_address_is_taken_however_it_is_written(site, ada, email):
    refused = sign_up(site, email)
    assert refused.status_code == 422
    assert TAKEN in refused.text


def test_two_who_sign_up_at_once_with_one_address_get_an_account_and_an_error(site, ada, monkeypatch):
    looked = []

    def late(email):
        looked.append(email)
        return by_email(email) if len(looked) > 1 else None

    by_email = accounts.by_email
    monkeypatch.setattr(accounts, "by_email", late)
    refused = sign_up(site, ada)
    assert refused.status_code == 422
    assert TAKEN in refused.text


@pytest.mark.parametrize(
    "email",
    [
        "x",
        "@example.com",
        "x@",
        "a b@example.com",
        "a@b@c.example",
        "a@-b.example",
        "a@b..example",
        "a\0@b.example",
        "a\n@b.example",
        "<a@b.example>",
        "a,b@c.example",
        '"a"@b.example',
        "a" * 250 + "@b.example",
    ],
)
def test_what_is_no_address_is_refused_beside_the_field(site, email):
    refused = sign_up(site, email)
    assert refused.status_code == 422
    assert 'id="email-error">This is no e-mail address.</div>' in refused.text


@pytest.mark.parametrize(
    "email", ["a@localhost", "jürgen@exämple.de", "a+b@c.example", "o'hara@x.example", "用户@例子.广告"]
)
def test_addresses_of_all_kinds_are_taken(site, email):
    assert sign_up(site, email).status_code == 303


@pytest.mark.parametrize(
    ("password", "error"),
    [
        ("", "This field is required."),
        ("1234567", "Use at least 8 characters."),
        ("x" * 129, "Use at most 128 characters."),
    ],
    ids=["empty", "short", "long"],
)
def test_the_length_of_a_password_counts(site, password, error):
    refused = sign_up(site, password=password)
    assert refused.status_code == 422
    assert f'id="password-error">{error}</div>' in refused.text


@pytest.mark.parametrize(
    "password", ["87654312", "        ", "x" * 128, "пароль и соль", "🔑🔑🔑🔑🔑🔑🔑🔑", "a\0b\0c\0d\0"]
)
def test_nothing_else_does(site, password):
    client = site.client()
    assert sign_up(site, password=password, client=client).status_code == 303
    assert site.log_in(site.client(), "new@example.com", password=password).status_code == 303


def test_a_password_is_the_same_however_its_accents_are_typed(site):
    sign_up(site, password="pass\u00e9 compos\u00e9")
    composed = "passe\u0301 compose\u0301"
    assert site.log_in(site.client(), "new@example.com", password=composed).status_code == 303


def test_a_password_is_never_shown_again(site, ada):
    for page in ("/auth/login", "/auth/sign-up"):
        refused = site.submit(site.client(), page, email="x", password="correct donkey")
        assert refused.status_code == 422
        assert "correct donkey" not in refused.text


def test_nobody_gives_themselves_rights(site):
    @site.app.get("/me")
    def me():
        user = caller().user
        return {"id": user.id, "active": user.active, "roles": [role.name for role in user.roles]}

    client = site.client()
    sign_up(site, client=client, active="", roles="1", id="7", password_hash="x", role="admin")
    assert client.get("/me").json == {"id": 1, "active": True, "roles": []}


def test_signing_up_takes_a_token(site):
    refused = site.client().post("/auth/sign-up", data={"email": "x@example.com", "password": "correct horse"})
    assert refused.status_code == 400
