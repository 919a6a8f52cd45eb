"""Nobody learns from outside which addresses have an account, and nobody gives themselves what they were not given."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import pytest
from argon2 import PasswordHasher

from flaskkit import Auth
from flaskkit.auth import accounts, passwords
from tests.auth.test_redirects import ELSEWHERE

PASSWORD = "correct horse"
KNOWN, UNKNOWN = "known@example.com", "alien@example.com"
# What strangers send with an address, by path below /api/auth: nothing may tell whether the address is known.
ASKED = {
    "login": {"password": "wrong horse"},
    "forgot-password": {},
    "send-confirmation": {},
    "confirm-code": {"code": "123456"},
    "sign-up": {"password": PASSWORD},
}


@pytest.fixture
def site(made):
    site = made(more=["api", "mail", "limits"], auth=Auth(confirm="required"))
    site.add(KNOWN)
    return site


@pytest.fixture
def hashes(monkeypatch):
    """The list of passwords that are hashed or verified."""
    done = []

    class Counting(PasswordHasher):
        def hash(self, password, **options):
            done.append("hash")
            return super().hash(password, **options)

        def verify(self, stored, password):
            done.append("verify")
            return super().verify(stored, password)

    passwords.fits("", None)
    monkeypatch.setattr(passwords, "hasher", Counting(1, 8, 1))
    return done


def plain(text, email):
    """*text* without the address, and without CSRF tokens: they hold the second in which they were made."""
    text = re.sub(r'(name="csrf_token" [^>]*value=")[^"]+', r"\1", text)
    return text.replace(email, "x").replace(quote(email), "x")


def told(answer, email):
    headers = {name: plain(value, email) for name, value in answer.headers if name not in ("Set-Cookie", "Date")}
    # Counts what is left of a limit, alike for all addresses.
    counted = {name: value for name, value in headers.items() if not name.lower().startswith("ratelimit")}
    return answer.status_code, {**counted, "Content-Length": ""}, plain(answer.text, email)


@pytest.mark.parametrize("path", ASKED)
def test_a_program_gets_the_same_answer(site, path):
    answers = [
        told(site.client().post(f"/api/auth/{path}", json={"email": email, **ASKED[path]}), email)
        for email in (KNOWN, UNKNOWN)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", ASKED)
def test_a_browser_gets_the_same_answer(site, path):
    pages = []
    for email in (KNOWN, UNKNOWN):
        client = site.client()
        answer = site.submit(client, f"/auth/{path}", email=email, **ASKED[path])
        pages.append([told(answer, email)])
        if answer.status_code == 303:
            pages[-1].append(told(client.get(answer.location), email))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("path", ASKED)
def test_as_many_passwords_are_hashed(site, hashes, path):
    done = []
    for email in (KNOWN, UNKNOWN):
        hashes.clear()
        site.client().post(f"/api/auth/{path}", json={"email": email, **ASKED[path]})
        done.append([*hashes])
    assert done[0] == done[1]
    assert bool(done[0]) is ("password" in ASKED[path])


def statements(site, path, email):
    with site.queries() as sent:
        site.client().post(f"/api/auth/{path}", json={"email": email, **ASKED[path]})
    # Where a query stands, not what it asks for.
    return [statement.split()[0] for statement in sent]


@pytest.mark.parametrize("path", ["login", "forgot-password", "send-confirmation", "confirm-code"])
def test_the_database_does_the_same(site, path):
    assert statements(site, path, KNOWN) == statements(site, path, UNKNOWN)


def test_both_get_a_mail(site):
    for path in ("forgot-password", "send-confirmation", "sign-up"):
        outbox = site.app.extensions["flaskkit.mail"].outbox
        for email in (KNOWN, f"{path}@example.com"):
            before = len(outbox)
            site.client().post(f"/api/auth/{path}", json={"email": email, **ASKED[path]})
            assert [mail["To"] for mail in outbox[before:]] == [email]


@pytest.mark.parametrize("change", [{"active": False}, {"password_hash": None}], ids=["inactive", "without password"])
@pytest.mark.parametrize("path", ["login", "forgot-password", "send-confirmation"])
def test_what_kind_of_account_it_is_shows_neither(site, path, change):
    site.change(KNOWN, **change)
    answers = [
        told(site.client().post(f"/api/auth/{path}", json={"email": email, **ASKED[path]}), email)
        for email in (KNOWN, UNKNOWN)
    ]
    assert answers[0] == answers[1]


# Where the site is left: never


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("path", ["forgot-password", "send-confirmation", "sign-up"])
def test_no_flow_of_a_stranger_leads_elsewhere(site, path, target):
    sent = site.submit(site.client(), f"/auth/{path}?next={quote(target)}", email=UNKNOWN, **ASKED[path])
    parts = urlsplit(sent.location)
    assert (sent.status_code, parts.scheme, parts.netloc) == (303, "", "")
    assert parts.path in ("/auth/login", "/auth/confirm-code")
    assert "evil" not in sent.location


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "http://evil.example/"])
def test_no_flow_of_a_user_leads_elsewhere(site, target):
    new = {"old_password": PASSWORD, "new_password": "battery staple"}
    for path, values in (
        ("change-email", {"email": "new@example.com", "password": PASSWORD}),
        ("change-password", new),
    ):
        sent = site.submit(site.logged_in(KNOWN), f"/auth/{path}?next={quote(target)}", **values)
        assert (sent.status_code, sent.location) == (303, "/auth/account")


# What nobody gives themselves

MORE = {
    "id": "77",
    "active": "",
    "roles": "1",
    "role": "admin",
    "confirmed_at": "2026-01-01T00:00:00Z",
    "password_hash": "x",
    "permissions": "everything",
}


def state(site, email):
    with site.app.app_context():
        user = accounts.by_email(email)
        return user.active, user.confirmed_at, [role.name for role in user.roles]


@pytest.mark.parametrize("path", ASKED)
def test_unknown_fields_are_refused_in_json(site, path):
    for name, value in MORE.items():
        body = {"email": UNKNOWN, **ASKED[path], name: value}
        refused = site.client().post(f"/api/auth/{path}", json=body)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, f"#/{name}")
    with site.app.app_context():
        assert accounts.by_email(UNKNOWN) is None


def test_and_have_no_effect_on_pages(site):
    assert (
        site.submit(site.client(), "/auth/sign-up", **{**MORE, "email": UNKNOWN, "password": PASSWORD}).status_code
        == 303
    )
    assert state(site, UNKNOWN) == (True, None, [])
    client, before = site.logged_in(KNOWN), state(site, KNOWN)
    new = {"old_password": PASSWORD, "new_password": "battery staple"}
    assert site.submit(client, "/auth/change-password", **MORE, **new).status_code == 303
    assert state(site, KNOWN) == before
