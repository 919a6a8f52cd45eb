"""Where a second factor is needed, the password alone logs nobody in."""

from __future__ import annotations

import time

import pytest

from flaskkit.auth import accounts, flows
from flaskkit.db import db

ADA = {"email": "ada@example.com", "password": "correct horse"}


class Always:
    def needed(self, user):
        return True

    def step(self, user):
        return "second_factor"

    def methods(self, user):
        return ["totp"]


@pytest.fixture
def site(made):
    site = made(more=["api"])
    site.app.extensions["flaskkit.second_factor"] = Always()

    def second_factor():
        kept = flows.pending()
        return f"{kept[0].email} {kept[1]}" if kept else "nobody"

    site.app.add_url_rule("/auth/second-factor", "auth.second_factor", second_factor)
    site.add()
    return site


def test_a_browser_is_sent_to_show_it_and_is_not_logged_in(site):
    client = site.client()
    sent = site.log_in(client, path="/auth/login?next=/mine", remember="y")
    assert (sent.status_code, sent.location) == (303, "/auth/second-factor?next=/mine")
    assert client.get(sent.location).text == "ada@example.com True"
    assert client.get("/who").text == "nobody"
    assert client.get_cookie("remember_token") is None


def test_a_program_is_told(site):
    client = site.client()
    assert client.post("/api/auth/login", json=ADA).json == {
        "message": "",
        "next": "second_factor",
        "second_factor": ["totp"],
    }
    assert client.get("/api/auth/me").status_code == 401
    assert client.get("/auth/second-factor").text == "ada@example.com False"


def test_it_must_be_shown_within_ten_minutes(site, monkeypatch):
    client = site.client()
    client.post("/api/auth/login", json=ADA)
    now = time.time()
    monkeypatch.setattr(flows.time, "time", lambda: now + 590)
    assert client.get("/auth/second-factor").text == "ada@example.com False"
    monkeypatch.setattr(flows.time, "time", lambda: now + 610)
    assert client.get("/auth/second-factor").text == "nobody"


@pytest.mark.parametrize("change", ["inactive", "new password"])
def test_the_first_factor_counts_no_more_when_the_account_has_changed(site, change):
    client = site.client()
    client.post("/api/auth/login", json=ADA)
    with site.app.app_context():
        user = accounts.by_email(ADA["email"])
        if change == "inactive":
            user.active = False
        else:
            user.set_password("battery staple")
        db.session.commit()
    assert client.get("/auth/second-factor").text == "nobody"


def test_what_the_session_held_before_is_gone(site):
    client = site.client()
    with client.session_transaction() as planted:
        planted["cart"] = "planted"
    site.log_in(client)
    with client.session_transaction() as kept:
        assert "cart" not in kept
