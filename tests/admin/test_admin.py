"""The admin: every resource and the users, for those who hold one role."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from flaskkit import (
    Admin,
    ConfigError,
    IntegerKey,
    Model,
    Module,
    Resource,
    ResourceError,
    Role,
    User,
    db,
    nobody,
    owner,
    public,
)

FEATURES = ["db", "forms", "auth", "pages", "admin"]


class Diary(IntegerKey, Model):
    __tablename__ = "admin_diary"
    text: Mapped[str]
    secret: Mapped[str | None]
    writer_id: Mapped[int]

    def __str__(self) -> str:
        return self.text


mine = owner("writer_id")
diaries = Resource(
    Diary, name="diaries", fields=["text"], search=["text"], read=mine, create=mine, update=mine, delete=nobody
)


@pytest.fixture
def app(start):
    app = start(features=FEATURES, modules=[Module("diary", resources=[diaries])])
    with app.app_context():
        boss, ada = (
            User(email="boss@example.org", roles=[Role(name="admin")]),
            User(email="ada@example.org"),
        )
        for user in (boss, ada):
            user.set_password("three little words")
        db.session.add_all([boss, ada, Diary(text="Dear diary", secret="shh", writer_id=2)])
        db.session.commit()
    return app


def token_in(page):
    return re.search('name="csrf_token"[^>]* value="([^"]+)"', page.text)[1]


@pytest.fixture
def enter(app):
    def enter(email):
        client = app.test_client()
        form = {"email": email, "password": "three little words", "csrf_token": token_in(client.get("/auth/login"))}
        assert client.post("/auth/login", data=form).status_code == 303
        return client

    return enter


@pytest.fixture
def boss(enter):
    return enter("boss@example.org")


@pytest.fixture
def send():
    def send(client, path, **typed):
        return client.post(path, data={"csrf_token": token_in(client.get(path)), **typed})

    return send


PATHS = [
    "/admin/", "/admin/users/", "/admin/users/1", "/admin/users/9", "/admin/users/new", "/admin/users/2/edit",
    "/admin/users/2/delete", "/admin/roles/", "/admin/diaries/", "/admin/diaries/1", "/admin/diaries/new",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_sent_to_the_login_page(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/auth/login?next=")


@pytest.mark.parametrize("path", PATHS)
def test_users_without_the_role_learn_nothing(enter, path):
    answer = enter("ada@example.org").get(path)
    assert answer.status_code == 403
    assert "boss" not in answer.text
    assert "Dear diary" not in answer.text


def test_the_dashboard_counts_every_resource(boss):
    page = boss.get("/admin/")
    assert page.status_code == 200
    cards = re.findall(r'<h2><a href="([^"]+)">([^<]+)</a></h2>\s*<p>([^<]+)</p>', page.text)
    assert cards == [
        ("/admin/diaries/", "Diaries", "1 row"),
        ("/admin/users/", "Users", "2 rows"),
        ("/admin/roles/", "Roles", "1 row"),
        ("/admin/sessions/", "Sessions", "1 row"),
        ("/admin/tokens/", "Tokens", "0 rows"),
    ]


def test_rows_of_everybody_are_shown_and_changed(app, boss, send):
    assert "Dear diary" in boss.get("/admin/diaries/?q=dear").text
    assert boss.get("/diaries/1").status_code == 404
    assert send(boss, "/admin/diaries/1/edit", text="Changed").headers["Location"] == "/admin/diaries/1"
    assert send(boss, "/admin/diaries/1/delete").headers["Location"] == "/admin/diaries/"
    with app.app_context():
        assert db.session.scalars(select(Diary)).all() == []


def test_fields_that_no_resource_names_stay_hidden(boss):
    for path in ("/admin/diaries/1", "/admin/diaries/1/edit", "/admin/diaries/"):
        assert "shh" not in boss.get(path).text
    for path in ("/admin/users/2", "/admin/users/2/edit", "/admin/users/", "/admin/users/new"):
        page = boss.get(path)
        assert page.status_code == 200
        assert "argon2" not in page.text
        assert "password" not in page.text.lower()


def test_roles_are_given_and_taken(app, boss, send):
    assert "boss@example.org" in boss.get("/admin/users/?q=boss&active=yes").text
    send(boss, "/admin/roles/new", name="editor", description="Writes")
    send(boss, "/admin/users/2/edit", email="ada@example.org", active="y", roles=["1", "2"])
    with app.app_context():
        assert [role.name for role in db.session.get(User, 2).roles] == ["admin", "editor"]
    send(boss, "/admin/users/2/edit", email="ada@example.org", active="y")
    with app.app_context():
        ada = db.session.get(User, 2)
        assert (ada.roles, ada.active) == ([], True)
        assert ada.check_password("three little words")


def test_a_user_who_is_not_active_any_more_is_out(boss, enter, send):
    ada = enter("ada@example.org")
    assert ada.get("/diaries/").status_code == 200
    send(boss, "/admin/users/2/edit", email="ada@example.org")
    assert ada.get("/diaries/").status_code == 303


def test_an_address_that_is_taken_is_409(boss, send):
    refused = send(boss, "/admin/users/2/edit", email="boss@example.org", active="y")
    assert refused.status_code == 409
    assert "This is taken already." in refused.text


def test_the_way_to_the_admin_is_shown_to_those_who_may_go(boss, enter):
    assert 'href="/admin/"' in boss.get("/").text
    assert 'href="/admin/"' not in enter("ada@example.org").get("/").text


def test_prefix_and_role_are_settings(start):
    features = ["db", "forms", "auth", "pages", Admin(url_prefix="/back", role="chief")]
    app = start(features=features, modules=[Module("diary", resources=[diaries])])
    with app.app_context():
        db.session.add(User(email="c@example.org", roles=[Role(name="chief")]))
        db.session.commit()
    assert app.test_client().get("/back/").headers["Location"].startswith("/auth/login")
    assert app.test_client().get("/admin/").status_code == 404


def test_a_resource_in_the_place_of_the_admin_is_told(start):
    with pytest.raises(ResourceError, match="Resource 'admin' needs another name: the admin is at /admin"):
        start(features=FEATURES, modules=[Module("m", resources=[Resource(Diary, name="admin", read=public)])])


def test_a_wrong_prefix_is_told(start):
    with pytest.raises(ConfigError, match="write it like '/admin'"):
        start(features=["db", "forms", "auth", "pages", Admin(url_prefix="admin")])


def test_off_means_absent(start):
    app = start(features=["db", "forms", "auth", "pages"])
    assert not [rule for rule in app.url_map.iter_rules() if "admin" in rule.rule]


def test_a_row_made_here_belongs_to_who_made_it(app, boss, send):
    assert send(boss, "/admin/diaries/new", text="Mine").status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Diary.writer_id).where(Diary.text == "Mine")).one() == 1


def test_the_users_are_shown_whole_whatever_the_app_shows_of_them(start, enter):
    people = Resource(User, name="people", read_only=["id"], read=public)
    app = start(features=FEATURES, modules=[Module("people", resources=[people])])
    assert {"admin.users.list", "pages.people.list"} <= set(app.view_functions)
    assert "admin.people.list" not in app.view_functions
