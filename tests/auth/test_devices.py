"""A program without a browser is let in by a code that its user types on a page (RFC 8628)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, inspect, select, update

from flaskkit import Auth, Config, ConfigError, Limits, create_app, db
from flaskkit.auth import devices
from flaskkit.auth.models import Role
from flaskkit.db.models import now
from tests.auth.conftest import PASSWORD

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WRONG = "This code is wrong or too old."


@pytest.fixture
def site(made):
    site = made(auth=Auth(device_log_in=True), more=["api", Limits()])
    site.add()
    with site.app.app_context():
        db.session.add(Role(name="press", permissions="notes.publish"))
        db.session.commit()
    return site


class Television:
    """A program that shows a code. ``later`` is how many seconds pass before it asks."""

    def __init__(self, site, **wanted):
        self.client = site.client()
        begun = self.client.post("/auth/device/code", data={"client_id": "Television", **wanted})
        assert begun.status_code == 200, begun.json
        self.told, self.time = begun.json, now()

    def asks(self, later=5):
        self.time += timedelta(seconds=later)
        with time_machine.travel(self.time, tick=False):
            sent = {"grant_type": GRANT, "device_code": self.told["device_code"], "client_id": "Television"}
            answer = self.client.post("/auth/device/token", data=sent)
        assert (answer.headers["Cache-Control"], "Set-Cookie" in answer.headers) == ("no-store", False)
        assert answer.status_code == (400 if "error" in answer.json else 200)
        return answer.json.get("error", answer.json)


def test_a_program_is_let_in_on_a_page(site):
    television = Television(site, scope="notes.publish")
    told = television.told
    assert told["verification_uri"] == "http://localhost/auth/device"
    assert told["verification_uri_complete"] == f"http://localhost/auth/device?code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert television.asks() == "authorization_pending"

    ada = site.logged_in()
    assert 'href="/auth/device"' in ada.get("/auth/account").text
    assert f'value="{told["user_code"]}"' in ada.get(f"/auth/device?code={told['user_code']}").text
    asked = site.submit(ada, "/auth/device", code=f" {told['user_code'].lower().replace('-', ' ')}")
    assert asked.status_code == 200
    assert "calls itself “Television” shows the code" in asked.text
    assert "<code>notes.publish</code>" in asked.text
    assert television.asks() == "authorization_pending", "it was only looked at"
    csrf = {"csrf_token": ada.get("/token").text}
    assert ada.post("/auth/device/allow", data={"code": told["user_code"], "allow": "y"}).status_code == 400
    done = ada.post("/auth/device/allow", data={**csrf, "code": told["user_code"], "allow": "y"})
    assert (done.status_code, done.location) == (303, "/auth/account")

    given = television.asks()
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 90 * 24 * 3600, "notes.publish")
    (listed,) = ada.get("/api/auth/tokens").json["tokens"]
    assert (listed["name"], listed["scopes"]) == ("Television", ["notes.publish"])
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert site.client().get("/api/auth/me", headers=bearer).json["email"] == "ada@example.com"
    assert television.asks() == "invalid_grant", "once only"
    assert WRONG in site.submit(ada, "/auth/device", code=told["user_code"]).text


def test_or_by_a_program_that_is_let_in_already(site):
    television, ada = Television(site), site.logged_in()

    def post(path, body):
        told = ada.get("/api/auth/csrf").json
        return ada.post(f"/api/auth/{path}", json=body, headers={told["header"]: told["token"]})

    seen = post("device", {"code": television.told["user_code"]}).json
    assert (seen["name"], seen["scopes"], seen["days"]) == ("Television", [], 90)
    assert post("device/allow", {"code": television.told["user_code"], "allow": True}).status_code == 200
    assert post("device/allow", {"code": television.told["user_code"], "allow": False}).status_code == 422
    assert television.asks()["scope"] == ""


def test_who_refuses_lets_nobody_in(site):
    television, ada = Television(site), site.logged_in()
    csrf = {"csrf_token": ada.get("/token").text}
    ada.post("/auth/device/allow", data={**csrf, "code": television.told["user_code"]})
    assert [television.asks(), television.asks()] == ["access_denied", "invalid_grant"]
    assert ada.get("/api/auth/tokens").json["tokens"] == []


def test_who_asks_too_often_waits_longer(site):
    television = Television(site)
    seconds = (0, 1, 7, 10, 5, 20)
    told = ["authorization_pending", "slow_down", "slow_down", "slow_down", "slow_down", "slow_down"]
    assert [television.asks(later) for later in seconds] == told
    assert television.asks(35) == "authorization_pending"


def test_after_ten_minutes_it_is_too_late(site):
    television, ada = Television(site), site.logged_in()
    with time_machine.travel(now() + timedelta(minutes=10, seconds=1), tick=False):
        site.submit(ada, "/auth/confirm-password", password=PASSWORD)
        assert WRONG in site.submit(ada, "/auth/device", code=television.told["user_code"]).text
    assert television.asks(601) == "expired_token"
    with time_machine.travel(now() + timedelta(minutes=21), tick=False):
        Television(site)
    assert television.asks() == "invalid_grant"


def test_an_account_switched_off_meanwhile_lets_nobody_in(site):
    television, ada = Television(site), site.logged_in()
    csrf = {"csrf_token": ada.get("/token").text}
    ada.post("/auth/device/allow", data={**csrf, "code": television.told["user_code"], "allow": "y"})
    site.change("ada@example.com", active=False)
    assert television.asks() == "access_denied"


def test_a_scope_that_is_no_more_is_not_given(site):
    television, ada = Television(site, scope="notes.publish"), site.logged_in()
    csrf = {"csrf_token": ada.get("/token").text}
    ada.post("/auth/device/allow", data={**csrf, "code": television.told["user_code"], "allow": "y"})
    with site.app.app_context():
        db.session.execute(delete(Role))
        db.session.commit()
    assert television.asks() == "invalid_scope"
    assert ada.get("/api/auth/tokens").json["tokens"] == []


@pytest.mark.parametrize(
    ("path", "sent", "error"),
    [
        ("code", {}, "invalid_client"),
        ("code", {"client_id": "x\x1b[2J"}, "invalid_client"),
        ("code", {"client_id": "x" * 81}, "invalid_client"),
        ("code", {"client_id": "x", "scope": "nothing"}, "invalid_scope"),
        ("token", {"device_code": "x"}, "unsupported_grant_type"),
        ("token", {"grant_type": GRANT}, "invalid_grant"),
        ("token", {"grant_type": GRANT, "device_code": "\ud800x"}, "invalid_grant"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_standard(site, path, sent, error):
    sent = {name: value.encode("utf-8", "surrogatepass") for name, value in sent.items()}
    refused = site.client().post(f"/auth/device/{path}", data=sent)
    assert (refused.status_code, refused.json) == (400, {"error": error})


def test_codes_are_not_guessed(site):
    ada = site.logged_in()
    csrf = {"csrf_token": ada.get("/token").text}
    for _ in range(10):
        assert ada.post("/auth/device", data={**csrf, "code": "BBBB-BBBB"}).status_code == 422
    assert ada.post("/auth/device", data={**csrf, "code": "BBBB-BBBB"}).status_code == 429
    television = site.client()
    begun = [television.post("/auth/device/code", data={"client_id": "x"}) for _ in range(40)]
    assert (begun[-1].status_code, begun[-1].json) == (429, {"error": "slow_down"})
    assert "Retry-After" in begun[-1].headers


def test_letting_in_wants_a_fresh_session_and_no_token(site):
    television, ada = Television(site), site.logged_in()
    with site.app.app_context():
        rows = inspect(site.app.extensions["flaskkit.user_model"]).relationships["sessions"].mapper.class_
        db.session.execute(update(rows).values(confirmed_at=None))
        db.session.commit()
    assert ada.get("/auth/device").location == "/auth/confirm-password?next=/auth/device"
    body = {"code": television.told["user_code"], "allow": True}
    assert site.client().post("/api/auth/device/allow", json=body, headers=site.token()).status_code == 403


def test_only_hashes_are_stored_of_what_opens(site):
    told = Television(site).told
    with site.app.app_context():
        (row,) = db.session.execute(select(devices.model().__table__)).all()
    assert told["device_code"] not in str(row)


def test_off_means_absent(made):
    site = made(more=["api"])
    for path in ("/auth/device", "/auth/device/code", "/auth/device/token", "/api/auth/device"):
        assert site.client().post(path, json={}).status_code == 404
    with site.app.app_context():
        assert "users_device_requests" not in inspect(db.engine).get_table_names()


def test_it_needs_limits():
    with pytest.raises(ConfigError) as refused:
        create_app(Config("app", env="testing", features=["db", "forms", Auth(device_log_in=True)]))
    assert refused.value.mistakes == [
        "'device_log_in' of feature 'auth' is True, which needs feature 'limits'. Switch it on."
    ]
