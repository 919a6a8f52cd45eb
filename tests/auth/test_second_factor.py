"""A code of an authenticator app after the password, and recovery codes for the day it is lost."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from flaskkit import Auth
from flaskkit.auth import accounts, totp
from flaskkit.db import db
from tests.auth.conftest import PASSWORD
from tests.auth.phone import Phone, pending, post, secret_on, shown_codes, submit, turn_on

ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def site(made, clock):
    site = made(auth=Auth(second_factor="optional"), more=["api"])
    site.clock = clock
    site.add()
    return site


# Setting it up


def test_without_it_the_password_logs_in(site):
    assert site.logged_in().get("/who").text == "ada@example.com by session"


def test_the_page_shows_a_picture_and_the_same_secret_as_text(site):
    page = site.logged_in().get("/auth/totp")
    assert page.status_code == 200
    picture = re.search(r"<svg .*?</svg>", page.text, re.DOTALL)[0]
    assert "style" not in picture
    assert len(secret_on(page)) == 32


def test_setting_it_up_shows_ten_recovery_codes_once(site):
    client = site.logged_in()
    _, codes = turn_on(site, client)
    assert len(set(codes)) == 10
    page = client.get("/auth/totp").text
    assert "10 recovery codes left" in page
    assert not [code for code in codes if code in page]
    assert "Key:" not in page


def test_after_a_wrong_code_the_secret_is_still_the_one_that_was_scanned(site):
    client = site.logged_in()
    page = client.get("/auth/totp")
    hidden = dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text))
    again = client.post("/auth/totp", data={**hidden, "code": "000000", "password": PASSWORD})
    assert (again.status_code, secret_on(again)) == (422, secret_on(page))
    code = Phone(site.clock, secret_on(page)).code()
    shown = client.post("/auth/totp", data={**hidden, "code": code, "password": PASSWORD})
    assert (len(shown_codes(shown)), shown.headers["Cache-Control"]) == (10, "no-store")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"code": "000000"}, "This code is wrong."),
        ({"code": "12345"}, "This code is wrong."),
        ({"code": "nonsense"}, "This code is wrong."),
        ({"code": ""}, "This field is required."),
        ({"password": "wrong horse"}, "This is not your password."),
        ({"password": ""}, "This is not your password."),
        ({"setup": "nonsense"}, "This took too long."),
        ({"setup": "ünsense"}, "This took too long."),
    ],
)
def test_what_is_wrong_turns_nothing_on(site, values, told):
    client = site.logged_in()
    page = client.get("/auth/totp")
    hidden = dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text))
    good = {**hidden, "code": Phone(site.clock, secret_on(page)).code(), "password": PASSWORD}
    refused = client.post("/auth/totp", data={**good, **values})
    assert (refused.status_code, told in refused.text) == (422, True)
    assert client.get("/api/auth/second-factor").json["on"] is False


def test_a_secret_proposed_to_somebody_else_is_refused(site):
    site.add("eve@example.com")
    told = post(site.logged_in("eve@example.com"), "totp/propose").json
    body = {"setup": told["setup"], "code": Phone(site.clock, told["secret"]).code(), "password": PASSWORD}
    refused = post(site.logged_in(), "totp", body)
    assert (refused.status_code, list(refused.json["errors"])) == (
        422,
        [{"detail": "This took too long. Set your app up anew.", "pointer": "#/setup"}],
    )


def test_a_second_app_is_refused(site, phone):
    client = site.client()
    post(client, "login", ADA)
    assert post(client, "second-factor", {"code": phone.code()}).status_code == 200
    assert post(client, "totp/propose").status_code == 409
    assert post(client, "totp", {"setup": "x", "code": "123456", "password": PASSWORD}).status_code == 409
    assert "Turn it off" in client.get("/auth/totp").text


@pytest.mark.parametrize("path", ["/auth/totp", "/auth/totp/off", "/auth/recovery-codes", "/auth/second-factor"])
def test_a_stranger_is_sent_to_log_in(site, path):
    sent = site.client().get(path)
    assert (sent.status_code, sent.location.partition("?")[0]) == (303, "/auth/login")


# Logging in


def test_after_the_password_a_code_is_asked_and_leads_on(site, phone):
    client = site.client()
    sent = site.log_in(client, path="/auth/login?next=/mine")
    assert sent.location == "/auth/second-factor?next=/mine"
    assert client.get("/who").text == "nobody"
    there = submit(client, sent.location, code=phone.code())
    assert (there.status_code, there.location) == (303, "/mine")
    assert client.get("/who").text == "ada@example.com by session"


def test_with_the_password_alone_nothing_else_is_open(site, phone):
    client = pending(site)
    assert client.get("/mine").status_code == 303
    for path in ("/auth/totp", "/auth/totp/off", "/auth/recovery-codes"):
        assert client.get(path).location.startswith("/auth/login"), path
    assert client.get("/api/auth/me").status_code == 401
    assert post(client, "totp/propose").status_code == 401


def test_stay_logged_in_is_kept_until_the_code_is_given(site, phone):
    client = site.client()
    site.log_in(client, remember="y")
    assert client.get_cookie("remember_token") is None
    submit(client, "/auth/second-factor", code=phone.code())
    assert client.get_cookie("remember_token") is not None


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_a_clock_may_be_half_a_minute_wrong(site, phone, later):
    site.clock.goes_on(seconds=60)
    assert submit(pending(site), "/auth/second-factor", code=phone.code(later)).status_code == 303


@pytest.mark.parametrize("later", [-2, 2])
def test_but_no_more(site, phone, later):
    site.clock.goes_on(seconds=60)
    assert submit(pending(site), "/auth/second-factor", code=phone.code(later)).status_code == 422


def test_spaces_in_a_code_do_not_count(site, phone):
    code = phone.code()
    assert submit(pending(site), "/auth/second-factor", code=f" {code[:3]} {code[3:]} ").status_code == 303


def test_a_code_is_good_once(site, phone):
    code = phone.code()
    assert submit(pending(site), "/auth/second-factor", code=code).status_code == 303
    again = submit(pending(site), "/auth/second-factor", code=code)
    assert (again.status_code, "was used before" in again.text) == (422, True)


def test_a_code_older_than_the_last_used_one_is_refused(site, phone):
    older = phone.code()
    site.clock.goes_on(seconds=30)
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 303
    assert submit(pending(site), "/auth/second-factor", code=older).status_code == 422


def test_of_requests_at_once_one_gets_in_with_a_code(site, phone):
    code = phone.code()

    def check(_number):
        with site.app.app_context():
            return totp.check(accounts.by_email("ada@example.com"), code)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(check, range(4))) == [False, False, False, True]


def test_the_code_that_set_it_up_is_used_up(site):
    client = site.logged_in()
    page = client.get("/auth/totp")
    phone = Phone(site.clock, secret_on(page))
    hidden = dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text))
    shown_codes(client.post("/auth/totp", data={**hidden, "code": phone.code(), "password": PASSWORD}))
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 422


def test_after_five_wrong_codes_even_the_right_one_waits(site, phone):
    for _ in range(5):
        assert submit(pending(site), "/auth/second-factor", code="000000").status_code == 422
    stopped = submit(pending(site), "/auth/second-factor", code=phone.code())
    assert (stopped.status_code, 890 <= int(stopped.headers["Retry-After"]) <= 901) == (429, True)
    site.clock.goes_on(minutes=16)
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 303


def test_a_right_code_forgives_the_wrong_ones(site, phone):
    for _ in range(2):
        for _ in range(4):
            submit(pending(site), "/auth/second-factor", code="000000")
        assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 303
        site.clock.goes_on(seconds=30)


def test_ten_minutes_after_the_password_it_counts_no_more(site, phone, monkeypatch):
    client = pending(site)
    monkeypatch.setattr("flaskkit.auth.flows.PENDING", -1)
    assert client.get("/auth/second-factor").location.startswith("/auth/login")


def test_a_new_password_makes_the_old_one_of_a_pending_login_worthless(site, phone):
    client = pending(site)
    page = client.get("/auth/second-factor")
    with site.app.app_context():
        accounts.by_email("ada@example.com").set_password("another horse")
        db.session.commit()
    hidden = dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text))
    sent = client.post("/auth/second-factor", data={**hidden, "code": phone.code()})
    assert sent.location.startswith("/auth/login")


# As JSON


def test_the_whole_way_as_json(site):
    client = site.client()
    assert post(client, "login", ADA).json == {"message": "", "next": ""}
    told = post(client, "totp/propose").json
    assert told["uri"].startswith("otpauth://totp/testapp:ada%40example.com?secret=")
    assert told["svg"].startswith("<svg")
    phone = Phone(site.clock, told["secret"])
    turned_on = post(client, "totp", {"setup": told["setup"], "code": phone.code(), "password": PASSWORD})
    assert (turned_on.status_code, len(turned_on.json["recovery_codes"])) == (200, 10)
    state = {"on": True, "required": False, "methods": ["totp", "recovery"], "recovery_codes": 10}
    assert client.get("/api/auth/second-factor").json == {"message": "", "next": "", **state}
    post(client, "logout")

    site.clock.goes_on(seconds=30)
    asked = post(client, "login", ADA)
    factors = {"message": "", "next": "second_factor", "second_factor": ["totp", "recovery"]}
    assert (asked.status_code, asked.json) == (200, factors)
    assert client.get("/api/auth/me").status_code == 401
    wrong = post(client, "second-factor", {"code": "000000"})
    assert (wrong.status_code, wrong.json["detail"]) == (401, "This code is wrong, or was used before.")
    assert post(client, "second-factor", {"code": phone.code()}).json == {"message": "", "next": ""}
    assert client.get("/api/auth/me").json["email"] == "ada@example.com"
    site.clock.goes_on(seconds=30)
    assert post(client, "totp/off", {"code": phone.code(), "password": PASSWORD}).status_code == 200


def test_a_code_without_a_password_is_401(site, phone):
    assert post(site.client(), "second-factor", {"code": phone.code()}).status_code == 401


def test_the_document_tells_of_it(site):
    paths = site.client().get("/api/openapi.json").json["paths"]
    assert {"get", "post"} <= paths["/api/auth/second-factor"].keys()
    assert {"200", "401", "422", "429"} <= paths["/api/auth/second-factor"]["post"]["responses"].keys()
