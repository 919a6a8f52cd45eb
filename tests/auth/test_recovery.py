"""Recovery codes, and turning the second factor off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flaskkit import Auth
from flaskkit.auth import accounts, events, recovery
from tests.auth.conftest import PASSWORD
from tests.auth.phone import pending, shown_codes, submit, turn_on

ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def site(made, clock):
    site = made(auth=Auth(second_factor="optional"), more=["api"])
    site.clock = clock
    site.add()
    return site


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
