"""The cookie that keeps people logged in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie

import flask_login
import pytest

from flaskkit import Auth, Config, create_app

SECRET = "0123456789abcdef0123456789abcdef"
NEWER = "fedcba9876543210fedcba9876543210"


def remember_cookie(answer):
    for header in answer.headers.getlist("Set-Cookie"):
        if "remember_token" in (cookie := SimpleCookie(header)):
            return cookie["remember_token"]
    return None


def without_session(client):
    client.delete_cookie("session")
    return client


def test_who_wants_to_stay_is_known_after_the_session_is_gone(site, ada):
    client = without_session(site.logged_in(remember="y"))
    assert client.get("/who").text == "ada@example.com by session"
    assert without_session(site.logged_in()).get("/who").text == "nobody"


def test_the_cookie_is_safe_and_lasts_30_days(site, ada):
    cookie = remember_cookie(site.log_in(site.client(), remember="y"))
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", "", "/")
    left = parsedate_to_datetime(cookie["expires"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left < timedelta(days=30, minutes=1)


def test_it_lasts_as_long_as_the_setting_says(made):
    site = made(auth=Auth(remember=60))
    site.add()
    cookie = remember_cookie(site.log_in(site.client(), remember="y"))
    assert parsedate_to_datetime(cookie["expires"]) - datetime.now(UTC) < timedelta(seconds=61)


def test_cookies_are_secure_in_production(database_url):
    app = create_app(
        Config("shop", secret_key=SECRET, features=["db", "forms", "auth"]).replace(db={"url": database_url})
    )
    names = ("SESSION_COOKIE", "REMEMBER_COOKIE")
    assert [app.config[f"{name}_SECURE"] for name in names] == [True, True]
    assert [app.config[f"{name}_HTTPONLY"] for name in names] == [True, True]
    assert [app.config[f"{name}_SAMESITE"] for name in names] == ["Lax", "Lax"]


def test_native_keys_win(made):
    site = made(
        flask={
            "REMEMBER_COOKIE_SECURE": True,
            "REMEMBER_COOKIE_SAMESITE": "Strict",
            "REMEMBER_COOKIE_NAME": "back",
            "REMEMBER_COOKIE_DURATION": 60,
        }
    )
    site.add()
    shown = site.log_in(site.client(), remember="y").headers.getlist("Set-Cookie")
    (cookie,) = [header for header in shown if header.startswith("back=")]
    assert "; Secure;" in cookie
    assert cookie.endswith("SameSite=Strict")


def test_logging_out_forgets(site, ada):
    client = site.logged_in(remember="y")
    left = site.log_out(client)
    assert remember_cookie(left)["max-age"] == "0"
    assert client.get_cookie("remember_token") is None
    assert client.get("/who").text == "nobody"


def test_the_cookie_of_whoever_was_here_before_is_dropped(site, ada):
    site.add("bob@example.com")
    client = without_session(site.logged_in(remember="y"))
    assert site.log_in(client, "bob@example.com").status_code == 303
    assert client.get("/who").text == "bob@example.com by session"
    assert without_session(client).get("/who").text == "nobody"


def test_an_older_key_keeps_people_logged_in_and_a_dropped_one_does_not(made):
    old = made(secret_key=SECRET)
    old.add()
    client = old.logged_in(remember="y")
    session, remembered = client.get_cookie("session").value, client.get_cookie("remember_token").value

    def asked(secret_key, **cookies):
        client = made(secret_key=secret_key).client()
        for name, value in cookies.items():
            client.set_cookie(name, value)
        return client.get("/who").text

    for cookies in ({"session": session}, {"remember_token": remembered}):
        assert asked([NEWER, SECRET], **cookies) == "ada@example.com by session"
        assert asked(NEWER, **cookies) == "nobody"


@pytest.mark.parametrize("cookie", ["", "1", "1|", "|", "1|é", "a|b|c", "1.0000000000000000|" + "0" * 128])
def test_an_unreadable_cookie_is_no_cookie(site, ada, cookie):
    sent = f"remember_token={cookie}".encode().decode("latin1")
    asked = site.client(use_cookies=False).get("/who", headers={"Cookie": sent})
    assert (asked.status_code, asked.text) == (200, "nobody")
    assert "Set-Cookie" not in asked.headers


def test_a_cookie_for_nobody_is_no_error(site):
    with site.app.test_request_context():
        cookie = flask_login.encode_cookie("no such thing")
    client = site.client()
    client.set_cookie("remember_token", cookie)
    assert client.get("/who").text == "nobody"


def test_flask_logins_own_key_refreshes_the_cookie_with_each_request(made):
    site = made(flask={"REMEMBER_COOKIE_REFRESH_EACH_REQUEST": True})
    site.add()
    client = site.logged_in()
    assert remember_cookie(client.get("/same")) is not None
    assert remember_cookie(client.get("/same", headers=site.token())) is None
