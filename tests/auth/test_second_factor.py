"""A code of an authenticator app after the password, and recovery codes for the day it is lost."""

from __future__ import annotations

import html
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pyotp
import pytest
from sqlalchemy import inspect, select, text

from flaskkit import Auth, Config, ConfigError, IntegerKey, Model, UserMixin, create_app
from flaskkit.auth import accounts, events, recovery, totp
from flaskkit.db import db
from tests.auth.conftest import PASSWORD

ADA = {"email": "ada@example.com", "password": PASSWORD}


class AuthFactorMember(UserMixin, IntegerKey, Model):
    __tablename__ = "auth_factor_member"


class Clock:
    """What time it is for codes."""

    def __init__(self) -> None:
        self.now = datetime.now().astimezone()

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(totp, "now", clock)
    return clock


class Phone:
    """An authenticator app."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self.clock, self.app = clock, pyotp.TOTP(secret)

    def code(self, later: int = 0) -> str:
        """Return the code it shows now, or *later* steps of 30 seconds from now."""
        return self.app.at(self.clock.now, counter_offset=later)


@pytest.fixture
def site(made, clock):
    site = made(auth=Auth(second_factor="optional"), more=["api"])
    site.clock = clock
    site.add()
    return site


def secret_on(page) -> str:
    return re.search(r"Key: <code[^>]*>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")


def submit(client, path, **values):
    """Send the form at *path*, with what is hidden in it."""
    page = client.get(path)
    hidden = re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text)
    return client.post(path, data={**{name: html.unescape(value) for name, value in hidden}, **values})


def shown_codes(page) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r"<code[^>]*>([0-9a-z-]{14})</code>", page.text)


def turn_on(site, client, path="/auth/totp", **values):
    """Set up an app for who is logged in; return it and the recovery codes."""
    page = client.get(path)
    phone = Phone(site.clock, secret_on(page))
    hidden = re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text)
    answer = client.post(path, data={**dict(hidden), "code": phone.code(), "password": PASSWORD, **values})
    site.clock.goes_on(seconds=30)
    return phone, shown_codes(answer)


@pytest.fixture
def phone(site):
    phone, site.codes = turn_on(site, site.logged_in())
    return phone


def csrf(client):
    told = client.get("/api/auth/csrf").json
    return {told["header"]: told["token"]}


def post(client, path, body=None):
    return client.post(f"/api/auth/{path}", json=body or {}, headers=csrf(client))


def pending(site):
    """A client that has given the password."""
    client = site.client()
    assert site.log_in(client).location == "/auth/second-factor"
    return client


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


# Recovery codes


def test_a_recovery_code_opens_the_account_once(site, phone):
    code = site.codes[0]
    client = pending(site)
    assert submit(client, "/auth/second-factor", code=code).status_code == 303
    assert "You have 9 recovery codes left." in client.get("/auth/totp").text
    assert submit(pending(site), "/auth/second-factor", code=code).status_code == 422


@pytest.mark.parametrize(
    "spelt", [str.upper, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "]
)
def test_however_it_is_written(site, phone, spelt):
    assert submit(pending(site), "/auth/second-factor", code=spelt(site.codes[3])).status_code == 303


def test_recovery_codes_are_taken_while_codes_of_the_app_are_not(site, phone):
    for _ in range(6):
        submit(pending(site), "/auth/second-factor", code="000000")
    assert submit(pending(site), "/auth/second-factor", code=site.codes[0]).status_code == 303


def test_of_requests_at_once_one_gets_in_with_a_recovery_code(site, phone):
    def use(_number):
        with site.app.app_context():
            return recovery.use(accounts.by_email("ada@example.com"), site.codes[0])

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_new_codes_need_both_factors_and_void_the_old(site, phone):
    client = pending(site)
    submit(client, "/auth/second-factor", code=phone.code())
    site.clock.goes_on(seconds=30)
    assert submit(client, "/auth/recovery-codes", code=phone.code(), password="wrong").status_code == 422
    assert submit(client, "/auth/recovery-codes", code="000000", password=PASSWORD).status_code == 422
    codes = shown_codes(submit(client, "/auth/recovery-codes", code=phone.code(), password=PASSWORD))
    assert not set(codes) & set(site.codes)
    assert submit(pending(site), "/auth/second-factor", code=site.codes[0]).status_code == 422
    assert submit(pending(site), "/auth/second-factor", code=codes[0]).status_code == 303


# Turning it off


def test_turning_it_off_needs_both_factors(site, phone):
    client = pending(site)
    submit(client, "/auth/second-factor", code=phone.code())
    site.clock.goes_on(seconds=30)
    assert submit(client, "/auth/totp/off", code=phone.code(), password="wrong").status_code == 422
    assert submit(client, "/auth/totp/off", code="000000", password=PASSWORD).status_code == 422
    assert submit(client, "/auth/totp/off", code=phone.code(), password=PASSWORD).location == "/auth/totp"
    assert site.logged_in().get("/who").text == "ada@example.com by session"
    with site.app.app_context():
        assert recovery.left(accounts.by_email("ada@example.com")) == 0


def test_a_command_takes_it_away_from_who_has_lost_it(site, phone):
    run = site.app.test_cli_runner().invoke
    done = run(args=["kit", "reset-second-factor", "Ada@example.com"])
    assert (done.exit_code, done.output) == (0, "ada@example.com is no longer asked for a code.\n")
    assert site.logged_in()
    assert run(args=["kit", "reset-second-factor", "nobody@example.com"]).exit_code == 1


def test_what_happens_is_told(site, phone):
    seen = []
    receivers = {
        kind: lambda _app, event: seen.append((event.kind, event.email, dict(event.details)))
        for kind in ("second_factor_on", "second_factor_off", "second_factor_failed", "recovery_made_anew")
    }
    for kind, receive in receivers.items():
        events.signals[kind].connect(receive, site.app)
    client = pending(site)
    submit(client, "/auth/second-factor", code="000000")
    submit(client, "/auth/second-factor", code="nonsense")
    submit(client, "/auth/second-factor", code=site.codes[0])
    submit(client, "/auth/recovery-codes", code=site.codes[1], password=PASSWORD)
    submit(client, "/auth/totp/off", code=phone.code(), password=PASSWORD)
    turn_on(site, client)
    assert [(kind, details) for kind, email, details in seen if email == "ada@example.com"] == [
        ("second_factor_failed", {"factor": "totp"}),
        ("second_factor_failed", {"factor": "recovery"}),
        ("recovery_made_anew", {}),
        ("second_factor_off", {"factor": "totp"}),
        ("second_factor_on", {"factor": "totp"}),
    ]


def test_turning_it_on_ends_other_sessions(site):
    other, client = site.logged_in(), site.logged_in()
    turn_on(site, client)
    assert (other.get("/who").text, client.get("/who").text) == ("nobody", "ada@example.com by session")


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


# Required of everybody


@pytest.fixture
def strict(made, clock):
    site = made(auth=Auth(second_factor="required"), more=["api"])
    site.clock = clock
    site.add()
    return site


def test_whoever_has_none_sets_it_up_before_anything_else(strict):
    client = strict.client()
    sent = strict.log_in(client, path="/auth/login?next=/mine")
    assert sent.location == "/auth/totp?next=/mine"
    assert client.get("/mine").status_code == 303
    phone, codes = turn_on(strict, client, sent.location, password="")
    assert len(codes) == 10
    assert client.get("/mine").text == "mine"
    client = pending(strict)
    assert submit(client, "/auth/second-factor", code=phone.code()).status_code == 303
    assert client.get("/mine").text == "mine"


def test_whoever_has_one_cannot_set_up_another_with_the_password_alone(strict):
    client = strict.client()
    strict.log_in(client)
    turn_on(strict, client, password="")
    client = pending(strict)
    assert client.get("/auth/totp").location.startswith("/auth/login")
    assert post(client, "totp/propose").status_code == 401


def test_as_json_the_next_step_is_told(strict):
    client = strict.client()
    asked = post(client, "login", ADA).json
    assert asked == {"message": "", "next": "totp", "second_factor": []}
    told = post(client, "totp/propose").json
    body = {"setup": told["setup"], "code": Phone(strict.clock, told["secret"]).code()}
    assert post(client, "totp", body).status_code == 200
    assert client.get("/api/auth/me").status_code == 200


# What is stored, and what is not there


def test_neither_secret_nor_codes_are_in_the_database_or_the_log(site, caplog):
    caplog.set_level(logging.DEBUG)
    client = site.logged_in()
    phone, codes = turn_on(site, client)
    submit(pending(site), "/auth/second-factor", code=phone.code())
    submit(pending(site), "/auth/second-factor", code=codes[0])
    with site.app.app_context():
        rows = [
            str(list(db.session.execute(text(f"SELECT * FROM users_{name}")))) for name in ("totp", "recovery_codes")
        ]
    for told in [*rows, caplog.text]:
        assert phone.app.secret not in told
        assert not [code for code in codes if code in told or code.replace("-", "") in told]


def test_a_new_secret_key_reads_what_the_old_one_encrypted(site, phone):
    site.app.config.update(
        SECRET_KEY_FALLBACKS=[site.app.config["SECRET_KEY"]], SECRET_KEY="a new key, long enough for all"
    )
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 303


def test_without_the_old_key_recovery_codes_are_left(site, phone, caplog):
    site.app.config["SECRET_KEY"] = "another key, long enough for everything"
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 422
    assert "secret key that this app no longer has" in caplog.text
    assert submit(pending(site), "/auth/second-factor", code=site.codes[0]).status_code == 303


def test_it_goes_with_its_user(site, phone):
    with site.app.app_context():
        db.session.delete(accounts.by_email("ada@example.com"))
        db.session.commit()
        assert db.session.scalars(select(totp.model())).all() == []
        assert db.session.scalars(select(recovery.model())).all() == []


def test_off_means_no_table_page_or_command(made, site):
    off = made()
    assert off.client().get("/auth/totp").status_code == 404
    assert "reset-second-factor" not in off.app.extensions["flaskkit"].commands.commands
    made_tables = off.app.test_cli_runner().invoke(args=["kit", "create-tables"]).output
    assert "totp" not in made_tables
    assert off.logged_in(off.add("bob@example.com"))


def test_users_of_an_apps_own_have_tables_of_their_own(made, clock):
    own = made(auth=Auth(user_model=AuthFactorMember, second_factor="optional"))
    own.clock = clock
    own.add()
    turn_on(own, own.logged_in())
    with own.app.app_context():
        assert inspect(db.engine).has_table("auth_factor_member_totp")
    assert own.log_in(own.client()).location == "/auth/second-factor"


def test_a_wrong_setting_is_reported():
    with pytest.raises(ConfigError, match="must be one of 'off', 'optional', 'required'"):
        Config("x", env="testing", features=["db", "forms", "auth"]).replace(auth={"second_factor": "sometimes"})


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("flaskkit.auth.find_spec", lambda name: None if name == "segno" else name)
    with pytest.raises(ConfigError) as refused:
        create_app(Config("x", env="testing", features=["db", "forms", Auth(second_factor="optional")]))
    assert refused.value.mistakes == [
        "'second_factor' of feature 'auth' needs the package 'segno'. Install it with: pip install 'flaskkit[totp]'"
    ]
