"""The pages and operations about sessions and tokens, for browsers and for programs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine

from flaskkit.db.models import now


@pytest.fixture
def site(made):
    site = made(more=["api"])
    site.add()
    return site


def headers_of(client):
    token = client.get("/api/auth/csrf").json
    return {token["header"]: token["token"]}


def post(client, path, body):
    return client.post(f"/api/auth/{path}", json=body, headers=headers_of(client))


def ids(page):
    return re.findall(r'name="session" value="(\d+)"', page)


def test_the_page_shows_each_device_and_ends_one(site):
    client, other = site.logged_in(), site.client()
    other.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone) Version/18.0 Safari/604.1"
    site.log_in(other)
    page = client.get("/auth/sessions").text
    assert "Safari on iPhone" in page
    assert page.count("This one") == 1
    keys = ids(page)
    assert len(keys) == 2
    done = client.post("/auth/sessions", data={"csrf_token": client.get("/token").text, "session": max(keys, key=int)})
    assert (done.status_code, done.location) == (303, "/auth/sessions")
    assert other.get("/who").text == "nobody"
    assert client.get("/who").text == "ada@example.com by session"


def test_all_others_are_ended_at_once(site):
    client, one, two = site.logged_in(), site.logged_in(), site.logged_in(remember="y")
    client.post("/auth/sessions", data={"csrf_token": client.get("/token").text, "others": "y"})
    assert [browser.get("/who").text for browser in (one, two)] == ["nobody", "nobody"]
    assert "2 other sessions ended." in client.get("/auth/sessions").text


def test_only_who_has_just_proved_who_they_are_ends_other_sessions(site):
    client, other = site.logged_in(), site.logged_in()
    (there,) = (one["id"] for one in client.get("/api/auth/sessions").json["sessions"] if not one["current"])
    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        for body in ({"session": there}, {"others": True}):
            refused = post(client, "sessions", body)
            assert (refused.status_code, "insufficient_user_authentication" in refused.headers["WWW-Authenticate"]) == (
                403,
                True,
            )
        sent = client.post("/auth/sessions", data={"csrf_token": client.get("/token").text, "others": "y"})
        assert sent.location == "/auth/confirm-password?next=/auth/sessions"
        assert other.get("/who").text == "ada@example.com by session"
        assert site.client().post("/api/auth/sessions", json={"others": True}, headers=site.token()).status_code == 403
        site.submit(client, "/auth/confirm-password", password="correct horse")
        assert post(client, "sessions", {"others": True}).status_code == 200
        assert other.get("/who").text == "nobody"
    with time_machine.travel(now() + timedelta(minutes=30), tick=False):
        (here,) = (one["id"] for one in client.get("/api/auth/sessions").json["sessions"])
        assert post(client, "sessions", {"session": here}).status_code == 200, "to log out takes no proof"


def test_the_session_of_somebody_else_cannot_be_ended(site):
    site.add("eve@example.com")
    ada, eve = site.logged_in(), site.logged_in("eve@example.com")
    (key,) = ids(ada.get("/auth/sessions").text)
    for wrong in (key, "999999", ""):
        refused = eve.post("/auth/sessions", data={"csrf_token": eve.get("/token").text, "session": wrong})
        assert refused.status_code == 422
        assert "You have no such session." in refused.text
    assert post(eve, "sessions", {"session": int(key)}).status_code == 422
    assert ada.get("/who").text == "ada@example.com by session"


def test_a_program_lists_and_ends_sessions(site):
    client, other = site.logged_in(), site.logged_in()
    shown = client.get("/api/auth/sessions").json["sessions"]
    assert [one["current"] for one in shown] in ([True, False], [False, True])
    assert set(shown[0]) == {"id", "device", "address", "created_at", "seen_at", "expires_at", "current"}
    (there,) = (one["id"] for one in shown if not one["current"])
    assert post(client, "sessions", {"session": there}).json["message"] == "The session has ended."
    assert other.get("/who").text == "nobody"
    (here,) = (one["id"] for one in client.get("/api/auth/sessions").json["sessions"])
    assert post(client, "sessions", {"session": here}).json["message"] == "You are logged out."
    assert client.get("/api/auth/sessions").status_code == 401


def test_a_token_is_made_on_the_page_and_shown_once(site):
    client = site.logged_in()
    shown = site.submit(client, "/auth/tokens", name="laptop", days="30", scopes="")
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    token = re.search(r'value="(fk_[\w-]{43})"', shown.text)[1]
    header = {"Authorization": f"Bearer {token}"}
    assert site.client().get("/who", headers=header).text == "ada@example.com by token"
    page = client.get("/auth/tokens").text
    assert token not in page
    assert "laptop" in page
    (key,) = re.findall(r'name="token" value="(\d+)"', page)
    revoked = client.post("/auth/tokens/revoke", data={"csrf_token": client.get("/token").text, "token": key})
    assert (revoked.status_code, revoked.location) == (303, "/auth/tokens")
    assert site.client().get("/who", headers=header).text == "nobody"


def test_what_is_wrong_with_a_token_is_shown_beside_its_field(site):
    client = site.logged_in()
    refused = site.submit(client, "/auth/tokens", name="x" * 81, days="0", scopes="nothing")
    assert refused.status_code == 422
    for text in ("Number must be between 1 and 3650", "Field cannot be longer than 80 characters"):
        assert text in refused.text
    refused = site.submit(client, "/auth/tokens", name="x", days="1", scopes="nothing")
    assert "There is no scope &#39;nothing&#39;." in refused.text


def test_a_program_makes_lists_and_revokes_tokens_with_a_session(site):
    client = site.logged_in()
    made = post(client, "tokens", {"name": "ci", "days": 1, "scopes": ""}).json
    assert made["token"].startswith("fk_")
    header = {"Authorization": f"Bearer {made['token']}"}
    site.client().get("/who", headers=header)
    (shown,) = client.get("/api/auth/tokens").json["tokens"]
    assert made["token"] not in str(shown)
    assert (shown["name"], shown["scopes"], shown["used_at"] is None) == ("ci", [], False)
    assert post(client, "tokens/revoke", {"token": shown["id"]}).status_code == 200
    assert post(client, "tokens/revoke", {"token": shown["id"]}).status_code == 422
    assert site.client().get("/who", headers=header).text == "nobody"


def test_the_token_of_somebody_else_cannot_be_revoked(site):
    site.add("eve@example.com")
    header = site.token()
    (shown,) = site.logged_in().get("/api/auth/tokens").json["tokens"]
    assert post(site.logged_in("eve@example.com"), "tokens/revoke", {"token": shown["id"]}).status_code == 422
    assert site.client().get("/who", headers=header).text == "ada@example.com by token"


def test_a_token_makes_no_tokens_and_neither_does_an_old_login(site):
    body = {"name": "x", "days": 1}
    assert site.client().post("/api/auth/tokens", json=body, headers=site.token()).status_code == 403
    client = site.logged_in()
    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        assert post(client, "tokens", body).status_code == 403
        assert client.get("/auth/tokens").location == "/auth/confirm-password?next=/auth/tokens"


def test_strangers_see_neither(site):
    client = site.client()
    for path in ("/auth/sessions", "/auth/tokens"):
        assert client.get(path).location == f"/auth/login?next={path}"
        assert client.get(f"/api{path}").status_code == 401


def test_the_account_page_leads_there(site):
    page = site.logged_in().get("/auth/account").text
    assert 'href="/auth/sessions"' in page
    assert 'href="/auth/tokens"' in page


def test_what_is_done_is_told(site, caplog):
    client = site.logged_in()
    site.logged_in()
    with caplog.at_level("INFO", "flaskkit.auth"):
        made = post(client, "tokens", {"name": "ci", "days": 1}).json
        (shown,) = client.get("/api/auth/tokens").json["tokens"]
        post(client, "tokens/revoke", {"token": shown["id"]})
        post(client, "sessions", {"others": True})
        post(client, "confirm-password", {"password": "wrong horse"})
    told = [record.getMessage() for record in caplog.records if record.name == "flaskkit.auth"]
    assert [line.split()[0] for line in told] == [
        "login",
        "login",
        "token_issued",
        "token_revoked",
        "session_revoked",
        "sudo_failed",
    ]
    assert made["token"] not in str(told)
    assert "wrong horse" not in str(told)
