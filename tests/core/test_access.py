"""Policies: the two answers, combined, and written by an app."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from flask import Flask

from flaskkit import Config, Policy, create_app, login, nobody, owner, public, requires, role
from flaskkit.access import Caller, guard_of


@dataclass
class Person:
    id: int
    roles: tuple[str, ...] = ()

    def has_role(self, name):
        return name in self.roles


@dataclass
class Letter:
    author_id: int | None = None


ANNA, EDITOR = Person(1), Person(2, ("editor",))
HERS = Letter(author_id=1)


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (public, "stranger anna editor"),
        (nobody, ""),
        (login, "anna editor"),
        (role("editor"), "editor"),
        (owner("author_id"), "anna"),
        (owner("author_id") | role("editor"), "anna editor"),
        (login & role("editor"), "editor"),
        (owner("author_id") & role("editor"), ""),
        (public & login, "anna editor"),
        (nobody | login, "anna editor"),
    ],
    ids=str,
)
def test_who_may_do_something_to_an_item(policy, allowed):
    callers = {"stranger": None, "anna": ANNA, "editor": EDITOR}
    assert [name for name, user in callers.items() if policy.allows(user, HERS)] == allowed.split()


@pytest.mark.parametrize(
    ("policy", "text", "anonymous"),
    [
        (public, "public", True),
        (owner("author_id") | role("admin"), "owner('author_id') | role('admin')", False),
        (login & (role("a") | role("b")), "login & (role('a') | role('b'))", False),
        (public | login, "public | login", True),
        (public & login, "public & login", False),
    ],
    ids=str,
)
def test_a_policy_reads_as_it_is_written(policy, text, anonymous):
    assert str(policy) == text
    assert policy.anonymous is anonymous


def test_the_owner_of_a_new_row_is_who_makes_it():
    letter = Letter()
    (owner("author_id") | role("editor")).claim(EDITOR, letter)
    assert letter.author_id == 2


def test_an_app_may_write_a_policy():
    class Weekdays(Policy):
        def allows(self, user, item=None):
            return False

        def rows(self, user, model):
            return False

        def __str__(self):
            return "weekdays"

    assert (Weekdays() | login).allows(ANNA)
    assert str(Weekdays() | login) == "weekdays | login"


@pytest.fixture
def app() -> Flask:
    app = create_app(Config("app", env="testing"))

    @app.get("/desk")
    @requires(role("editor"))
    def desk():
        return "desk"

    @app.get("/async")
    @requires(public)
    def hall():
        return "hall"

    return app


@pytest.mark.parametrize(
    ("user", "status"), [(None, 401), (ANNA, 403), (EDITOR, 200)], ids=["stranger", "known", "right"]
)
def test_a_view_lets_in_whom_its_policy_allows(app, user, status):
    app.extensions["flaskkit"].caller = lambda: Caller(user, "session" if user else "")
    assert app.test_client().get("/desk").status_code == status


def test_without_auth_everybody_is_a_stranger(app):
    client = app.test_client()
    assert client.get("/desk").status_code == 401
    assert client.get("/async").status_code == 200


def test_an_async_view_runs_as_the_app_runs_such(app):
    @requires(public)
    async def waiting():
        return "awaited"

    app.add_url_rule("/waiting", "waiting", waiting)
    app.async_to_sync = lambda view: lambda: asyncio.run(view())
    assert app.test_client().get("/waiting").text == "awaited"


def test_a_view_tells_its_policy(app):
    assert str(guard_of(app.view_functions["desk"], "GET").policy) == "role('editor')"
    assert guard_of(app.view_functions["static"], "GET").policy is None


def test_a_view_may_have_attributes_of_its_own(app):
    def hall():
        return "hall"

    hall.guard = hall.policies = hall.scope = "mine"
    app.add_url_rule("/own", "own", hall)
    app.add_url_rule("/guarded", "guarded", requires(public)(hall))
    assert guard_of(app.view_functions["own"], "GET").policy is None
    assert guard_of(app.view_functions["guarded"], "HEAD") == (public, "")
    assert [app.test_client().get(path).text for path in ("/own", "/guarded")] == ["hall", "hall"]
