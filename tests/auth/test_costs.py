"""What it costs to have users: nothing where nobody asks, one query where somebody does."""

from __future__ import annotations

import flask_login
import pytest
from flask import render_template_string, session
from flask.sessions import SecureCookieSessionInterface

from flaskkit import caller, db, login, public, requires
from flaskkit.auth.users import User


def costs(site, client, path, **options):
    with site.queries() as sent:
        answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return len(sent), answer


def test_a_stranger_costs_no_query(site):
    for path in ("/same", "/who", "/auth/login"):
        assert costs(site, site.client(), path)[0] == 0


def test_a_view_that_ignores_the_user_costs_no_query_and_is_the_same_for_all(site, ada):
    for client in (site.client(), site.logged_in(remember="y")):
        count, answer = costs(site, client, "/same")
        assert count == 0
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_user_and_roles_are_one_query_however_often_they_are_asked_for(site):
    site.add("ada@example.com", "editor", "admin", "cook")

    @site.app.get("/roles")
    def roles():
        held = [caller().user.has_role(name) for name in ("editor", "admin", "cook", "king") * 3]
        return render_template_string("{{ current_user.email }} {{ held }}", held=held)

    client = site.logged_in(remember="y")
    assert costs(site, client, "/roles")[0] == 1
    client.delete_cookie("session")
    assert costs(site, client, "/roles")[0] == 1
    token = site.token()
    assert costs(site, site.client(), "/roles", headers=token)[0] == 2, "its first use is noted"
    assert costs(site, site.client(), "/roles", headers=token)[0] == 1


def test_a_token_asked_only_whether_it_is_somebodys_begins_no_session_of_the_database(site, ada):
    site.app.add_url_rule("/quiet", "quiet", requires(login)(lambda: str(db.session.registry.has())))
    token = site.token()
    site.client().get("/quiet", headers=token)  # Notes its first use.
    assert site.client().get("/quiet", headers=token).text == "False"
    site.change(ada, active=False)
    assert site.client().get("/quiet", headers=token).status_code == 401


def test_the_user_of_a_token_is_one_of_the_session(site, ada):
    def changed():
        found = caller().user
        assert found is caller().user is flask_login.current_user._get_current_object()
        assert db.session.get(type(found), found.id) is found
        found.email = "countess@example.com"
        db.session.commit()
        return f"{found.email} {len(found.tokens)}"

    site.app.add_url_rule("/changed", "changed", requires(login)(changed))
    token = site.token()
    assert site.client().get("/changed", headers=token).text == "countess@example.com 1"
    assert site.client().get("/who", headers=token).text == "countess@example.com by token"


def test_whether_a_user_is_active_may_depend_on_other_rows(site, ada, monkeypatch):
    monkeypatch.setattr(User, "is_active", property(lambda user: user.active and len(user.tokens) < 2))
    token = site.token()
    assert site.client().get("/mine", headers=token).status_code == 200
    site.token()
    assert site.client().get("/mine", headers=token).status_code == 401


def test_a_template_that_names_the_user_loads_one(site, ada):
    site.app.add_url_rule("/hello", "hello", lambda: render_template_string("Hello {{ current_user.email }}"))
    site.app.add_url_rule("/hi", "hi", lambda: render_template_string("{{ current_user.is_authenticated }}"))
    assert site.logged_in().get("/hello").text == "Hello ada@example.com"
    assert site.client().get("/hi").text == "False"


def test_sessions_are_flasks_and_cost_only_those_who_have_one(site, monkeypatch):
    signers = []
    made = SecureCookieSessionInterface.get_signing_serializer
    monkeypatch.setattr(
        SecureCookieSessionInterface, "get_signing_serializer", lambda *given: signers.append(1) or made(*given)
    )

    def counted(path, **options):
        signers.clear()
        answer = client.get(path, **options)
        return answer.text, len(signers), answer.headers.get("Vary"), "Set-Cookie" in answer.headers

    app = site.app
    app.add_url_rule("/look", "look", requires(public)(lambda: str(len(session))))
    app.add_url_rule("/write", "write", requires(public)(lambda: str(session.setdefault("seen", 1))))
    app.add_url_rule("/clear", "clear", requires(public)(lambda: str(session.clear())))
    client = app.test_client()
    client.set_cookie("other", "1")
    assert counted("/same") == ("the same for all", 0, None, False)
    assert counted("/look") == ("0", 0, "Cookie", False)
    assert counted("/write") == ("1", 1, "Cookie", True)
    assert counted("/same") == ("the same for all", 1, None, False)
    assert counted("/look") == ("1", 1, "Cookie", False)
    assert counted("/clear") == ("None", 1, "Cookie", True)
    assert client.get_cookie("session") is None
    app.secret_key = None
    with pytest.raises(RuntimeError, match="secret key"):
        client.get("/write")
