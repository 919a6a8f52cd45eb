"""Logging in and out with a browser, and what must not work."""

from __future__ import annotations

import re

import flask_login
import pytest
from argon2 import PasswordHasher
from flask import session

from flaskkit import db
from flaskkit.auth import accounts, passwords

PASSWORD = "correct horse"


def without_tokens(page: str) -> str:
    """A page without its CSRF tokens: they hold the second in which they were made."""
    return re.sub(r'(name="csrf_token" [^>]*value=")[^"]+', r"\1", page)


def test_logging_in_and_out(site, ada):
    client = site.client()
    assert client.get("/who").text == "nobody"
    arrived = site.log_in(client)
    assert (arrived.status_code, arrived.location) == (303, "/")
    assert client.get("/who").text == "ada@example.com by session"
    left = site.log_out(client)
    assert (left.status_code, left.location) == (303, "/")
    assert client.get("/who").text == "nobody"


def test_an_address_may_be_written_in_any_case(site, ada):
    assert site.logged_in(" ADA@example.COM").get("/who").text == "ada@example.com by session"


def test_logging_out_takes_a_post_with_a_token(site, ada):
    client = site.logged_in()
    assert client.get("/auth/logout").status_code == 405
    assert client.post("/auth/logout").status_code == 400
    assert client.get("/who").text == "ada@example.com by session"


def test_logging_in_takes_a_token_so_that_nobody_is_logged_in_by_another_site(site, ada):
    client = site.client()
    refused = client.post("/auth/login", data={"email": ada, "password": PASSWORD})
    assert refused.status_code == 400
    assert client.get("/who").text == "nobody"


def test_what_a_session_held_before_counts_no_more(site, ada):
    client = site.client()
    with client.session_transaction() as planted:
        planted["cart"] = "planted"
    before = client.get("/token").text
    site.log_in(client)
    with client.session_transaction() as renewed:
        assert "cart" not in renewed
    assert client.post("/auth/logout", data={"csrf_token": before}).status_code == 400


def test_nothing_stays_in_the_session_after_logging_out(site, ada):
    client = site.logged_in(remember="y")
    with client.session_transaction() as kept:
        kept["cart"] = "private"
    site.log_out(client)
    with client.session_transaction() as left:
        assert dict(left) == {"_flashes": [("message", "You are logged out.")]}


@pytest.mark.parametrize("case", ["unknown address", "inactive", "no password", "no address", "NUL"])
def test_a_refused_login_tells_nothing_about_the_account(site, case):
    site.add("known@example.com")
    site.add("other@example.com")
    if case == "inactive":
        site.change("other@example.com", active=False)
    if case == "no password":
        site.change("other@example.com", password_hash=None)
    email = {"unknown address": "alien@example.com", "no address": "example.com", "NUL": "a\0b@example.com"}.get(
        case, "other@example.com"
    )
    client = site.client()
    wrong = site.log_in(client, "known@example.com", password="wrong horse")
    refused = site.log_in(client, email)
    assert refused.status_code == wrong.status_code == 422
    assert "The e-mail address or the password is wrong." in refused.text
    assert without_tokens(refused.text.replace(email, "x")) == without_tokens(
        wrong.text.replace("known@example.com", "x")
    )
    assert client.get("/who").text == "nobody"


@pytest.mark.parametrize("email", ["ada@example.com", "alien@example.com", "no address"])
def test_one_password_is_verified_whether_or_not_the_address_is_known(site, ada, monkeypatch, email):
    passwords.fits("", None)
    verified = []

    class Counting(PasswordHasher):
        def verify(self, stored, password):
            verified.append(stored)
            return super().verify(stored, password)

    monkeypatch.setattr(passwords, "hasher", Counting(1, 8, 1))
    assert site.log_in(site.client(), email, password="wrong horse").status_code == 422
    assert len(verified) == 1


def test_an_endless_password_is_refused_unhashed(site, ada, monkeypatch):
    monkeypatch.setattr(passwords, "hasher", None)
    assert site.log_in(site.client(), password="x" * 100_000).status_code == 422


def test_an_account_switched_off_is_nobody_on_the_next_request(site, ada):
    client, token = site.logged_in(remember="y"), site.token()
    site.change(ada, active=False)
    assert client.get("/who").text == "nobody"
    assert site.client().get("/who", headers=token).text == "nobody"
    site.change(ada, active=True)
    assert client.get("/who").text == "ada@example.com by session"


def test_a_new_password_ends_all_other_sessions(site, ada):
    client, remembered = site.logged_in(), site.logged_in(remember="y")
    with site.app.app_context():
        accounts.by_email(ada).set_password("battery staple")
        db.session.commit()
    assert client.get("/who").text == remembered.get("/who").text == "nobody"


def test_a_session_is_of_no_use_to_a_new_user_with_the_same_key(site, ada):
    client = site.logged_in(remember="y")
    with site.app.app_context():
        user = accounts.by_email(ada)
        key = user.id
        db.session.delete(user)
        db.session.commit()
        eve = accounts.user_model()(id=key, email="eve@example.com")
        eve.set_password(PASSWORD)
        db.session.add(eve)
        db.session.commit()
    assert client.get("/who").text == "nobody"


def test_tokens_and_roles_go_with_their_user(site):
    site.add("ada@example.com", "editor")
    site.token()
    with site.app.app_context():
        user = accounts.by_email("ada@example.com")
        tokens = type(user).tokens.property.mapper.class_
        db.session.delete(user)
        db.session.commit()
        assert db.session.scalars(db.select(tokens)).all() == []


def test_a_weak_hash_is_made_anew_at_login(site, ada, monkeypatch):
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    client = site.logged_in()
    with site.app.app_context():
        assert accounts.by_email(ada).password_hash.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    assert client.get("/who").text == "ada@example.com by session"
    assert site.logged_in().get("/who").text == "ada@example.com by session"


def test_a_json_body_is_no_form(site, ada):
    client = site.client()
    token = {"X-CSRFToken": client.get("/token").text}
    for body in ({"email": 5, "password": []}, [1], "text"):
        assert client.post("/auth/login", json=body, headers=token).status_code == 422


def test_who_is_logged_in_is_sent_on(site, ada):
    client = site.logged_in()
    assert client.get("/auth/login?next=/mine").location == "/mine"
    assert client.get("/auth/sign-up").location == "/"


def test_the_login_page_serves_those_who_must_prove_who_they_are(site, ada):
    site.app.add_url_rule("/safe", "safe", flask_login.fresh_login_required(lambda: "opened"))
    client = site.logged_in(remember="y")
    client.delete_cookie("session")
    sent = client.get("/safe")
    assert (sent.status_code, sent.location) == (302, "/auth/login?next=%2Fsafe")
    assert site.log_in(client, path=sent.location).location == "/safe"
    assert client.get("/safe").text == "opened"


def test_a_stranger_is_sent_to_log_in_and_back(site, ada):
    client = site.client()
    sent = client.get("/mine?a=1&b=/x")
    assert sent.status_code == 303
    page = client.get(sent.location)
    assert "Please log in to access this page." in page.text
    assert site.log_in(client, path=sent.location).location == "/mine?a=1&b=/x"


def test_a_request_that_changes_something_is_not_repeated_after_login(site, ada):
    client = site.client()
    sent = client.post("/mine", data={"csrf_token": client.get("/token").text})
    assert (sent.status_code, sent.location) == (303, "/auth/login")


def test_the_decorator_of_flask_login_sends_a_stranger_to_the_same_place(site):
    site.app.add_url_rule("/theirs", "theirs", flask_login.login_required(lambda: "theirs"))
    assert site.client().get("/theirs").location == "/auth/login?next=/theirs"


def test_users_of_flask_login_find_what_they_know(site, ada):
    assert type(site.app.login_manager) is flask_login.LoginManager
    assert site.app.extensions["login_manager"] is site.app.login_manager

    @site.app.get("/by-hand")
    def by_hand():
        flask_login.login_user(accounts.by_email(ada), remember=True)
        return str(session["_user_id"])

    client = site.client()
    with site.app.app_context():
        assert client.get("/by-hand").text == accounts.by_email(ada).get_id()
    client.delete_cookie("session")
    assert client.get("/who").text == "ada@example.com by session"


def test_headers_that_anybody_can_send_change_no_session(site, ada):
    stranger = site.client()
    stranger.get("/token")
    elsewhere = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "another"}
    for client, told in ((stranger, "nobody"), (site.logged_in(), "ada@example.com by session")):
        answer = client.get("/who", headers=elsewhere)
        assert answer.text == told
        assert "Set-Cookie" not in answer.headers


def test_nobody_is_logged_in_outside_of_requests(site):
    with site.app.app_context():
        assert site.app.extensions["flaskkit"].caller().user is None
