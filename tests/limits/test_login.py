"""Guessing passwords: on one account or on many, from one address or from many, by form or by JSON."""

from __future__ import annotations

import pytest

from tests.limits.conftest import ACCOUNTS

TEN_MORE = range(10)


@pytest.fixture
def site(made):
    site = made(ACCOUNTS)
    site.add("ada@example.com")
    return site


def test_one_account_is_not_guessed_from_many_addresses(site, clock):
    codes = [site.log_in(password="wrong", address=f"203.0.113.{n}").status_code for n in range(12)]
    assert codes == [422] * 10 + [429] * 2
    # The right password is refused as well: an answer would tell that it is right.
    assert site.log_in(address="203.0.113.200").status_code == 429
    clock.turn(5 * 60)
    assert site.log_in(address="203.0.113.200").status_code == 303


def test_one_address_does_not_try_many_accounts(made, clock):
    site = made(ACCOUNTS, login=("5 per 5 minutes by address", "3 per 5 minutes by account"))
    site.add("ada@example.com")
    codes = [site.log_in(f"user{n}@example.com", "wrong").status_code for n in range(6)]
    assert codes == [422] * 5 + [429]
    # What it still sends uses up nobody's attempts.
    for _ in range(5):
        assert site.log_in("ada@example.com", "wrong").status_code == 429
    assert site.log_in(address="192.0.2.2").status_code == 303


def test_an_unknown_account_is_refused_as_a_known_one(site):
    answers = {
        email: [site.log_in(email, "wrong", address=f"203.0.113.{n}") for n in range(11)]
        for email in ("ada@example.com", "nobody@example.com")
    }
    known, unknown = ([(one.status_code, one.headers.get("Retry-After")) for one in some] for some in answers.values())
    assert [code for code, _ in known] == [code for code, _ in unknown] == [422] * 10 + [429]
    assert answers["ada@example.com"][-1].text == answers["nobody@example.com"][-1].text


def test_an_account_is_one_however_it_is_written(site):
    for n in TEN_MORE:
        site.log_in("ADA@example.com" if n % 2 else " ada@EXAMPLE.com", "wrong", address=f"203.0.113.{n}")
    assert site.log_in(address="203.0.113.99").status_code == 429


def test_form_and_json_share_one_count(made):
    site = made([*ACCOUNTS, "api"], login=("4 per hour by account",))
    site.add("ada@example.com")
    for _ in range(2):
        assert site.log_in(password="wrong").status_code == 422
        assert site.log_in_by_json(password="wrong").status_code == 401
    assert site.log_in().status_code == site.log_in_by_json().status_code == 429


def test_whoever_gets_it_right_begins_anew(site):
    for _ in range(4):
        for _ in range(9):
            assert site.log_in(password="wrong").status_code == 422
        assert site.log_in().status_code == 303


def test_getting_ones_own_right_does_not_pay_for_trying_others(made):
    site = made(ACCOUNTS, login=("6 per hour by address", "100 per hour by account"))
    site.add("mallory@example.com")
    codes = []
    for n in range(7):
        codes.append(site.log_in(f"user{n}@example.com", "wrong").status_code)
        if n < 5:
            assert site.log_in("mallory@example.com").status_code == 303
    assert codes == [422] * 6 + [429]


def test_an_office_that_logs_in_from_one_address_is_let_in(made):
    site = made(ACCOUNTS, login=("3 per hour by address",))
    site.add(*(f"user{n}@example.com" for n in range(6)))
    assert {site.log_in(f"user{n}@example.com").status_code for n in range(6)} == {303}


def test_others_cannot_lock_people_out_where_they_log_in_usually(site):
    home, attackers = "192.0.2.1", [f"203.0.113.{n}" for n in range(12)]
    assert site.log_in(address=home).status_code == 303
    codes = [site.log_in(password="wrong", address=one).status_code for one in attackers]
    assert codes == [422] * 10 + [429] * 2
    assert site.log_in(address=home).status_code == 303
    # That somebody is let in at home gives the others no new attempts.
    assert site.log_in(password="wrong", address=attackers[0]).status_code == 429
    # And at home there is an end, too.
    codes = [site.log_in(password="wrong", address=home).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


def test_signing_up_is_limited_by_address(made):
    site = made(ACCOUNTS, signup=("2 per hour by address",))
    codes = [site.log_in(f"user{n}@example.com", "long enough for it", path="sign-up").status_code for n in range(3)]
    assert codes == [303, 303, 429]


def test_names_of_accounts_are_not_in_the_storage(site):
    site.log_in(password="wrong")
    counters = site.app.extensions["flaskkit.limits"]._counters
    assert counters._memory.storage
    assert "example" not in str(counters._memory.storage)


def test_a_very_long_name_is_counted_as_any_other(site):
    long = f"{'a' * 100_000}@example.com"
    limiter = site.app.extensions["flaskkit.limits"]
    with site.app.test_request_context(environ_overrides={"REMOTE_ADDR": "192.0.2.1"}):
        for name in (long, "\ud800", "a/b"):
            limiter.hit("login", account=name)
    assert max(map(len, limiter._counters._memory.storage)) < 150
