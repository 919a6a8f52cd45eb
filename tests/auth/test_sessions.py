"""Sessions are rows: they can be listed and ended, and they end by themselves."""

from __future__ import annotations

from datetime import timedelta

import flask_login
import pytest
import time_machine
from flask import Response
from sqlalchemy import func, select

from flaskkit import Auth, caller, db, login, requires
from flaskkit.auth import accounts, sessions
from flaskkit.auth.identity import end_other_sessions, renew_session
from flaskkit.db.guards import UncommittedChanges
from flaskkit.db.models import now

SECRET = "0123456789abcdef0123456789abcdef"
NEWER = "fedcba9876543210fedcba9876543210"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOUR, DAY = 3600, 24 * 3600


def rows(site, email="ada@example.com"):
    with site.app.app_context():
        return sessions.of_user(accounts.by_email(email))


def id_of(client):
    with client.session_transaction() as held:
        return held["_session"]


def later(seconds):
    return time_machine.travel(now() + timedelta(seconds=seconds), tick=False)


def test_a_login_is_a_row_with_device_address_and_times(site, ada):
    client = site.client()
    client.environ_base |= {"HTTP_USER_AGENT": FIREFOX, "REMOTE_ADDR": "192.0.2.7"}
    site.log_in(client)
    (row,) = rows(site)
    assert (row.device, row.address, row.by, row.remembered) == ("Firefox on Linux", "192.0.2.7", "password", False)
    assert row.created_at == row.seen_at == row.confirmed_at
    assert row.expires_at - row.created_at == timedelta(days=7)


def test_the_id_is_not_stored(site, ada):
    client = site.logged_in()
    with site.app.app_context():
        stored = db.session.execute(select(sessions.session_model(accounts.user_model()).__table__)).mappings().one()
    assert len(id_of(client)) >= 43
    assert id_of(client) not in str(dict(stored))


def test_a_session_without_its_row_opens_nothing(site, ada):
    client, other = site.logged_in(remember="y"), site.logged_in()
    with site.app.app_context():
        user = accounts.by_email(ada)
        assert sessions.end_one(user, sessions.of_user(user)[-1].id)
    assert client.get("/who").text == "nobody"
    assert client.get("/mine").status_code == 303
    client.delete_cookie("session")
    assert client.get("/who").text == "nobody", "the remember cookie is of that session"
    assert other.get("/who").text == "ada@example.com by session"


def test_a_cookie_kept_from_before_logging_out_opens_nothing(site, ada):
    client = site.logged_in(remember="y")
    kept = {name: client.get_cookie(name).value for name in ("session", "remember_token")}
    site.log_out(client)
    assert rows(site) == []
    for name, value in kept.items():
        thief = site.client()
        thief.set_cookie(name, value)
        assert thief.get("/who").text == "nobody"


def test_a_session_cookie_of_the_user_id_alone_opens_nothing_in_production(made):
    site = made(flask={"TESTING": False})
    site.add()
    client = site.logged_in()
    with client.session_transaction() as held:
        del held["_session"]
    assert client.get("/who").text == "nobody"


def test_the_test_client_of_flask_login_works(site, ada):
    site.app.test_client_class = flask_login.FlaskLoginClient
    with site.app.app_context():
        user = accounts.by_email(ada)
        client = site.app.test_client(user=user)
    assert client.get("/who").text == "ada@example.com by session"


def test_logging_in_anew_gives_a_new_id_and_ends_the_old_session(site, ada):
    site.add("bob@example.com")
    client = site.logged_in()
    before = id_of(client)
    client.get("/token")
    client.post("/auth/logout", data={"csrf_token": client.get("/token").text})
    site.log_in(client, "bob@example.com")
    assert id_of(client) != before
    assert rows(site) == []
    assert len(rows(site, "bob@example.com")) == 1


def test_other_rights_mean_a_new_id(site):
    ada = site.add("ada@example.com", "editor")
    site.app.add_url_rule("/stream", "stream", requires(login)(lambda: Response(iter(["a"]))))
    client, thief = site.logged_in(remember="y"), site.client()
    for change in ("grant", "permissions", "take away"):
        before = id_of(client)
        kept = {name: client.get_cookie(name).value for name in ("session", "remember_token")}
        client.get("/who")
        assert id_of(client) == before, "nothing has changed yet"
        with site.app.app_context():
            user = accounts.by_email(ada)
            if change == "permissions":
                user.roles[0].permissions = "notes.publish"
                db.session.commit()
            else:
                accounts.grant(user, *([["cook"], []] if change == "grant" else [[], ["cook", "editor"]]))
        assert client.get("/mine", headers={"Sec-Fetch-Mode": "cors"}).text == "mine"
        assert client.get("/stream").text == "a"
        assert id_of(client) == before, "scripts send several requests at once; what streams may still read"
        assert client.get("/who", headers={"Sec-Fetch-Mode": "navigate"}).text == "ada@example.com by session"
        assert id_of(client) != before
        for name, value in kept.items():
            thief.set_cookie(name, value)
            assert thief.get("/who").text == "nobody"
            thief.delete_cookie(name)
        with site.queries() as sent:
            assert client.get("/who").text == "ada@example.com by session"
        assert len(sent) == 1
    client.delete_cookie("session")
    assert client.get("/who").text == "ada@example.com by session", "remembered by the new id"
    assert len(rows(site)) == 1


def test_changes_that_nobody_committed_are_not_committed_by_a_new_id(site, ada):
    @site.app.get("/forgetful")
    @requires(login)
    def forgetful():
        caller().user.active = False
        return "done"

    client = site.logged_in()
    before = id_of(client)
    with site.app.app_context():
        accounts.grant(accounts.by_email(ada), ["editor"])
    with pytest.warns(UncommittedChanges):
        client.get("/forgetful")
    assert id_of(client) == before
    assert client.get("/who").text == "ada@example.com by session"
    assert id_of(client) != before


def test_login_by_hand_over_another_session_ends_that_one(site, ada):
    site.add("bob@example.com")
    site.app.add_url_rule("/by-hand", "by_hand", lambda: str(flask_login.login_user(accounts.by_email(ada))))
    client = site.logged_in("bob@example.com")
    assert client.get("/by-hand").text == "True"
    assert client.get("/who").text == "ada@example.com by session"
    assert rows(site, "bob@example.com") == []


def test_what_a_view_has_not_committed_yet_goes_with_the_session_it_starts(site, ada):
    @site.app.get("/by-hand/<int:keep>")
    def by_hand(keep):
        user = accounts.by_email(ada)
        user.active = True
        user.email = "new@example.com"
        flask_login.login_user(user)
        if keep:
            db.session.commit()
        else:
            db.session.rollback()
        return "done"

    client = site.client()
    client.get("/by-hand/0")
    assert client.get("/who").text == "nobody"
    assert rows(site) == []
    client.get("/by-hand/1")
    assert client.get("/who").text == "new@example.com by session"


def test_logging_out_by_hand_ends_the_row(site, ada):
    site.app.add_url_rule("/leave", "leave", lambda: str(flask_login.logout_user()))
    client = site.logged_in(remember="y")
    assert client.get("/leave").text == "True"
    assert client.get("/who").text == "nobody"
    assert rows(site) == []


@pytest.mark.parametrize(
    ("seconds", "between", "told"),
    [
        (11 * HOUR, False, "ada@example.com by session"),
        (13 * HOUR, False, "nobody"),
        (20 * HOUR, True, "ada@example.com by session"),
    ],
    ids=["used in time", "left alone", "used in between"],
)
def test_a_session_ends_when_it_is_left_alone(site, ada, seconds, between, told):
    client = site.logged_in()
    if between:
        with later(seconds / 2):
            client.get("/who")
    with later(seconds):
        assert client.get("/who").text == told


def test_a_session_ends_however_much_it_is_used(made):
    site = made(auth=Auth(session_idle=HOUR, session_longest=2 * HOUR))
    site.add()
    client = site.logged_in()
    start = now()
    told = []
    for seconds in (3000, 6000, 7199, 7201):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            told.append(client.get("/who").text)
    assert told == ["ada@example.com by session"] * 3 + ["nobody"]


def test_a_remembered_session_lasts_as_long_as_was_promised(made):
    site = made(auth=Auth(session_idle=HOUR, session_longest=2 * HOUR, remember=10 * DAY))
    site.add()
    client = site.logged_in(remember="y")
    with later(9 * DAY):
        assert client.get("/who").text == "ada@example.com by session"
    client.delete_cookie("session")
    with later(9 * DAY):
        assert client.get("/who").text == "ada@example.com by session"
        assert len(rows(site)) == 1
    with later(11 * DAY):
        assert client.get("/who").text == "nobody"


def test_last_seen_is_written_every_few_minutes_only(site, ada):
    client = site.logged_in()
    seen = rows(site)[0].seen_at
    for seconds, writes in ((200, 0), (400, 1), (500, 0), (800, 1)):
        with later(seconds), site.queries() as sent:
            client.get("/who")
            assert [statement.split()[0] for statement in sent] == ["SELECT"] + ["UPDATE"] * writes
    assert rows(site)[0].seen_at - seen >= timedelta(seconds=800)


def test_an_expired_session_goes_when_its_user_logs_in_again_or_when_pruned(made):
    site = made(auth=Auth(session_longest=HOUR))
    site.add()
    site.add("bob@example.com")
    site.logged_in()
    site.logged_in("bob@example.com")
    count = select(func.count()).select_from(sessions.session_model(accounts_model(site)))
    with later(2 * HOUR):
        site.logged_in()
        with site.app.app_context():
            assert db.session.scalar(count) == 2
            assert sessions.prune() == 1
            assert db.session.scalar(count) == 1
        assert len(rows(site)) == 1


def accounts_model(site):
    with site.app.app_context():
        return accounts.user_model()


def test_a_new_id_keeps_the_session_and_the_old_one_opens_nothing(site, ada):
    @site.app.get("/renew")
    def renew():
        renew_session()
        return flask_login.current_user.email

    client = site.logged_in(remember="y")
    old = {name: client.get_cookie(name).value for name in ("session", "remember_token")}
    (row,) = rows(site)
    assert client.get("/renew").text == ada
    assert [now_.id for now_ in rows(site)] == [row.id]
    assert client.get("/who").text == "ada@example.com by session"
    for name, value in old.items():
        thief = site.client()
        thief.set_cookie(name, value)
        assert thief.get("/who").text == "nobody"
    client.delete_cookie("session")
    assert client.get("/who").text == "ada@example.com by session"


def test_a_password_change_may_keep_this_session_and_ends_the_others(site, ada):
    @site.app.get("/change")
    def change():
        user = flask_login.current_user._get_current_object()
        user.set_password("battery staple")
        db.session.commit()
        renew_session()
        return str(end_other_sessions(user))

    client, other, remembered = site.logged_in(), site.logged_in(), site.logged_in(remember="y")
    assert client.get("/change").text == "2"
    assert client.get("/who").text == "ada@example.com by session"
    assert other.get("/who").text == remembered.get("/who").text == "nobody"
    assert len(rows(site)) == 1


def test_a_deleted_user_is_nobody_on_the_next_request(site, ada):
    client = site.logged_in()
    with site.app.app_context():
        db.session.delete(accounts.by_email(ada))
        db.session.commit()
    assert client.get("/who").text == "nobody"


def test_roles_given_and_taken_count_on_the_next_request(site, ada):
    site.app.add_url_rule("/cook", "cook", lambda: str(flask_login.current_user.has_role("cook")))
    client = site.logged_in()
    told = []
    for add, remove in (((), ()), (("cook",), ()), ((), ("cook",))):
        with site.app.app_context():
            accounts.grant(accounts.by_email(ada), add, remove)
        told.append(client.get("/cook").text)
    assert told == ["False", "True", "False"]


def test_roles_changed_in_a_request_count_in_that_request(site, ada):
    @site.app.get("/promoted")
    def promoted():
        user = flask_login.current_user._get_current_object()
        before = user.has_role("cook")
        accounts.grant(user, ["cook"])
        return f"{before} {user.has_role('cook')}"

    assert site.logged_in().get("/promoted").text == "False True"


def test_a_new_secret_key_keeps_csrf_tokens_too(made):
    old = made(secret_key=SECRET)
    old.add()
    client = old.logged_in()
    token = client.get("/token").text
    cookie = client.get_cookie("session").value

    def sent(secret_key, **sent):
        client = made(secret_key=secret_key).client()
        client.set_cookie("session", cookie)
        return client.post("/mine", **sent).status_code

    for form in ({"data": {"csrf_token": token}}, {"headers": {"X-CSRFToken": token}}):
        assert sent([NEWER, SECRET], **form) == 200
        assert sent(NEWER, **form) in (303, 400)
    assert sent([NEWER, SECRET], data={"csrf_token": f"{token}x"}) == 400
    with later(2 * HOUR):
        assert sent([NEWER, SECRET], data={"csrf_token": token}) == 400


@pytest.mark.parametrize(
    ("sent", "device"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.1", "curl/8.1"),
        ("", ""),
        ("odd\x1b[31m\nname" + "x" * 300, "odd[31mname" + "x" * 244),
    ],
)
def test_a_device_has_a_name(sent, device):
    assert sessions.device(sent) == device
