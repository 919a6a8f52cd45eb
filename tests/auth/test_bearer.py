"""Programs: a bearer token decides alone, and nothing of the browser's matters."""

from __future__ import annotations

import flask_login
import pytest
from flask import request
from sqlalchemy import event, select

from flaskkit import caller, db
from flaskkit.auth import accounts

RUBBISH = ["Bearer", "Bearer ", "Bearer rubbish", "bearer fk_rubbish", "Bearer a=b", "Bearer fk_é", "BEARER  "]


def test_a_token_says_who_asks(site, ada):
    assert site.client().get("/who", headers=site.token()).text == "ada@example.com by token"


def test_the_scheme_may_be_written_in_any_case(site, ada):
    header = {"Authorization": site.token()["Authorization"].replace("Bearer", "bEARER")}
    assert site.client().get("/mine", headers=header).text == "mine"


def test_a_token_needs_no_csrf_token_and_sets_no_cookie(site, ada):
    done = site.client().post("/mine", headers=site.token())
    assert (done.status_code, done.text) == (200, "mine")
    assert "Set-Cookie" not in done.headers
    assert "Vary" not in done.headers


def test_a_session_needs_one(site, ada):
    client = site.logged_in()
    assert client.post("/mine").status_code == 400
    assert client.post("/mine", data={"csrf_token": client.get("/token").text}).text == "mine"


def test_a_token_beats_the_session(site, ada):
    site.add("bob@example.com")
    client = site.logged_in(remember="y")
    answer = client.get("/who", headers=site.token("bob@example.com"))
    assert answer.text == "bob@example.com by token"
    assert "Set-Cookie" not in answer.headers
    assert client.get("/who").text == "ada@example.com by session"


@pytest.mark.parametrize("sent", RUBBISH)
@pytest.mark.parametrize("cookies", ["session", "remember", "none"])
def test_with_a_rubbish_token_even_a_known_browser_is_a_stranger(site, ada, sent, cookies):
    client = site.client() if cookies == "none" else site.logged_in(remember="y")
    if cookies == "remember":
        client.delete_cookie("session")
    header = {"Authorization": sent.encode().decode("latin1")}
    answer = client.get("/who", headers=header)
    assert answer.text == "nobody"
    assert "Set-Cookie" not in answer.headers
    refused = client.get("/mine", headers=header)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert "Set-Cookie" not in refused.headers


def test_a_token_works_beside_an_unreadable_remember_cookie(site, ada):
    client = site.client()
    client.set_cookie("remember_token", "rubbish")
    client.set_cookie("language", "de")

    @site.app.get("/cookies")
    def cookies():
        assert flask_login.current_user.email == ada
        return dict(request.cookies)

    assert client.get("/cookies", headers=site.token()).json == {"language": "de"}


def test_another_scheme_leaves_the_session_alone(site, ada):
    assert site.logged_in().get("/who", headers={"Authorization": "Basic YTpi"}).text == "ada@example.com by session"


def test_a_token_expires(site, ada):
    header = site.token()
    tokens = type_of_tokens(site)
    with site.app.app_context():
        token = db.session.scalars(select(tokens)).one()
        token.expires_at = token.created_at
        db.session.commit()
    assert site.client().get("/who", headers=header).text == "nobody"


def test_a_deleted_token_is_of_no_use(site, ada):
    header = site.token()
    with site.app.app_context():
        db.session.delete(db.session.scalars(select(type_of_tokens(site))).one())
        db.session.commit()
    assert site.client().get("/who", headers=header).text == "nobody"


def test_the_token_itself_is_not_stored(site, ada):
    token = site.token()["Authorization"].removeprefix("Bearer ")
    assert token.startswith("fk_")
    assert len(token) >= 46
    with site.app.app_context():
        stored = db.session.execute(select(type_of_tokens(site).__table__)).mappings().one()
    assert token not in str(dict(stored))
    assert token.removeprefix("fk_") not in str(dict(stored))


def test_two_tokens_of_one_user_are_told_apart(site, ada):
    assert site.token() != site.token()


def test_rubbish_costs_no_query(site):
    with site.queries() as sent:
        site.client().get("/who", headers={"Authorization": "Bearer rubbish"})
    assert sent == []


def type_of_tokens(site):
    with site.app.app_context():
        return accounts.user_model().tokens.property.mapper.class_


def test_a_view_that_writes_the_session_sets_no_cookie_for_a_program(site, ada):
    answer = site.client().get("/token", headers=site.token())
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_token_leaves_no_transaction_and_its_user_as_it_was_read(site, ada):
    @site.app.get("/after")
    def after():
        user = caller().user
        # On MariaDB, ending one early would cost a round trip more.
        assert db.engine.dialect.name not in ("postgresql", "sqlite") or not db.session().in_transaction()
        with site.queries() as sent:
            assert (user.email, user.has_role("cook"), user in db.session) == ("ada@example.com", False, True)
        return str(len(sent))

    assert site.client().get("/after", headers=site.token()).text == "0"


def test_what_an_app_does_when_a_transaction_begins_holds_for_tokens(site, ada):
    begun = []

    def note(session, transaction, connection):
        begun.append(connection.get_isolation_level())

    token = site.token()
    event.listen(db.session, "after_begin", note)
    try:
        site.client().get("/who", headers=token)
    finally:
        event.remove(db.session, "after_begin", note)
    assert len(begun) == 1
    assert begun != ["AUTOCOMMIT"]
