"""flask kit users …"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import time_machine

from flaskkit.db.models import now


@pytest.fixture
def run(site):
    def run(*words, **options):
        return site.app.test_cli_runner().invoke(args=["kit", "users", *words], **options)

    return run


def test_a_user_is_made_with_password_and_roles(site, run):
    done = run("create", "Ada@Example.com", "--password", "correct horse", "--role", "admin", "--role", "editor")
    assert done.output == (
        "Made user ada@example.com, with admin, editor.\n"
        "Made role admin; there was none of that name.\n"
        "Made role editor; there was none of that name.\n"
    )
    assert site.logged_in("ada@example.com").get("/who").text == "ada@example.com by session"
    assert "Made role" not in run("create", "bob@example.com", "--password", "correct horse", "--role", "admin").output
    assert run("list").output == "ada@example.com  active    admin, editor\nbob@example.com  active    admin\n"


def test_without_a_terminal_a_password_is_made_up_and_shown_once(site, run):
    done = run("create", "ada@example.com")
    password = re.search("Password, shown only now: (.{22,})\n", done.output)[1]
    assert site.log_in(site.client(), password=password).status_code == 303


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["create", "ada@example.com"], "email: There is a user with this address already."),
        (["create", "nobody"], "email: This is no e-mail address."),
        (["create", "x@example.com", "--password", "short"], "password: Use at least 8 characters."),
        (["create", "x@example.com", "--role", " "], "roles: ' ' is no name for a role."),
        (["set-password", "ada@example.com", "--password", "short"], "password: Use at least 8 characters."),
        (["roles", "ada@example.com", "--add", "x" * 81], f"roles: {'x' * 81!r} is no name for a role."),
        (["token", "bob@example.com"], "There is no user 'bob@example.com'. See: flask kit users list"),
        (["roles", "bob@example.com"], "There is no user 'bob@example.com'. See: flask kit users list"),
    ],
    ids=lambda case: " ".join(case)[:40] if isinstance(case, list) else "",
)
def test_what_cannot_be_done_is_told(site, run, ada, words, error):
    done = run(*words)
    assert done.exit_code == 1
    assert done.output == f"Error: {error}\n"
    assert run("list").output == "ada@example.com  active\n"


def test_a_new_password_takes_effect(site, run, ada):
    client = site.logged_in()
    assert run("set-password", ada, "--password", "battery staple").output == "ada@example.com has a new password.\n"
    assert client.get("/who").text == "nobody"
    assert site.log_in(site.client(), password="battery staple").status_code == 303
    assert "Password, shown only now: " in run("set-password", ada, "--generate").output


def test_roles_are_given_and_taken(site, run, ada):
    assert run("roles", ada, "--add", "editor", "--add", "cook").output == (
        "ada@example.com: cook, editor\n"
        "Made role editor; there was none of that name.\n"
        "Made role cook; there was none of that name.\n"
    )
    assert run("roles", ada, "--add", "editor", "--remove", "cook").output == "ada@example.com: editor\n"
    assert run("roles", ada, "--remove", "editor", "--remove", "king").output == "ada@example.com: no roles\n"


def test_tokens_are_listed_for_programs_too(run, ada):
    run("token", ada, "--days", "30", "--name", "laptop")
    (shown,) = json.loads(run("tokens", ada, "--json").output)
    assert set(shown) == {"id", "name", "scopes", "created_at", "expires_at", "used_at"}
    assert (shown["name"], shown["scopes"], shown["used_at"]) == ("laptop", "", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", shown["expires_at"])


def test_a_token_is_shown_once_and_alone_on_standard_output(site, run, ada):
    done = run("token", ada, "--days", "30", "--name", "laptop")
    assert re.fullmatch(r"fk_[\w-]{43}\n", done.stdout)
    assert "Shown only now." in done.stderr
    header = {"Authorization": f"Bearer {done.stdout.strip()}"}
    assert site.client().get("/who", headers=header).text == "ada@example.com by token"


def test_a_token_cannot_be_made_to_last_less_than_a_day(run, ada):
    assert run("token", ada, "--days", "0").exit_code == 2


def test_a_password_is_asked_for_on_a_terminal_and_not_shown(site, run, monkeypatch):
    monkeypatch.setattr("flaskkit.auth.commands._at_a_terminal", lambda: True)
    done = run("create", "ada@example.com", input="correct horse\ncorrect horse\n")
    assert done.exit_code == 0
    assert "correct horse" not in done.output
    assert site.logged_in().get("/who").text == "ada@example.com by session"


def test_an_inactive_user_is_listed_as_such(site, run, ada):
    site.change(ada, active=False)
    assert run("list").output == "ada@example.com  inactive\n"


def test_what_has_expired_is_removed(site, run, ada):
    site.logged_in()
    site.token()
    assert run("prune").output == "Removed 0 sessions and 0 tokens.\n"
    with time_machine.travel(now() + timedelta(days=8)):
        assert run("prune").output == "Removed 1 sessions and 1 tokens.\n"


def test_without_auth_there_is_no_such_command(start, site):
    app = start(features=["db"])
    assert app.test_cli_runner().invoke(args=["kit", "users", "list"]).exit_code == 2


def test_who_runs_the_site_ends_the_sessions_of_one_user(site, run):
    ada, bob = site.logged_in(site.add()), site.logged_in(site.add("bob@example.com"))
    remembered = site.logged_in(remember="y")
    told = run("log-out", "ADA@example.com")
    assert (told.exit_code, "2" in told.output) == (0, True)
    shown = [client.get("/who").text for client in (ada, remembered, bob)]
    assert shown == ["nobody", "nobody", "bob@example.com by session"]
    assert run("log-out", "nobody@example.com").exit_code == 1
