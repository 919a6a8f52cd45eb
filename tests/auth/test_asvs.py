"""The table of OWASP ASVS items names tests that are there; and items that no other test is about."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from flaskkit import db
from flaskkit.auth import accounts
from flaskkit.db.models import now

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(made):
    return made(more=["mail", "pages", "admin"])


def fields(page: str) -> set[str]:
    return set(re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', page.partition("<main")[2])) - {"csrf_token"}


def test_each_item_names_a_test_that_exists():
    table = (ROOT / "docs/features/auth.md").read_text("utf-8").partition("## OWASP ASVS 5.0")[2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if re.match(r"\| \d", line)]
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len(rows) > 40
    for item, _what, met_by, test in rows:
        named = re.findall(r"`(test_\w+)`", test)
        assert set(named) <= there, item
        assert named or met_by.startswith("app"), f"{item} names no test"


def test_there_is_no_user_from_the_start(site):
    with site.app.app_context():
        assert db.session.query(accounts.user_model()).all() == []


def test_a_password_stays_good_for_years(site, ada):
    with time_machine.travel(now() + timedelta(days=5 * 365), tick=False):
        assert site.log_in(site.client()).status_code == 303


def test_nobody_is_asked_for_hints_or_secret_questions(site):
    assert fields(site.client().get("/auth/sign-up").text) == {"email", "password"}
    assert fields(site.client().get("/auth/forgot-password").text) == {"email"}


def test_an_admin_chooses_no_password(site, ada):
    root = site.logged_in(site.add("root@example.com", "admin"))
    for path in ("/admin/users/new", "/admin/users/1/edit"):
        shown = fields(root.get(path).text)
        assert "email" in shown
        assert not any("password" in name for name in shown)


def test_every_page_lets_one_log_out(site):
    client = site.logged_in(site.add("root@example.com", "admin"))
    for path in (
        "/auth/account",
        "/auth/sessions",
        "/auth/tokens",
        "/auth/change-password",
        "/admin/",
        "/admin/users/",
    ):
        assert 'action="/auth/logout"' in client.get(path).text, path
