"""Logging in by another name than the address."""

from __future__ import annotations

import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import Auth, Config, ConfigError, IntegerKey, Model, UserMixin, create_app, db
from flaskkit.auth import accounts

PASSWORD = "correct horse"
WRONG = "The name or the password is wrong."


class Player(UserMixin, IntegerKey, Model):
    __tablename__ = "auth_player"
    username: Mapped[str | None] = mapped_column(String(40), unique=True)
    nickname: Mapped[str | None] = mapped_column(String(40))


@pytest.fixture
def site(made):
    site = made(more=["api"], auth=Auth(user_model=Player, login_by=("email", "username")))
    site.add()
    site.change("ada@example.com", username="countess")
    return site


def post(site, name, password=PASSWORD):
    return site.client().post("/api/auth/login", json={"email": name, "password": password})


@pytest.mark.parametrize("name", ["ada@example.com", "countess", " countess "])
def test_by_either(site, name):
    assert post(site, name).status_code == 200
    assert site.log_in(site.client(), name).status_code == 303


def test_the_page_asks_for_either(site):
    page = site.client().get("/auth/login").text
    assert ">E-mail address or username</label>" in page
    assert 'type="email"' not in page
    told = site.client().get("/api/openapi.json").json["components"]["schemas"]["AuthLogin"]["properties"]["email"]
    assert (told["title"], told.get("format")) == ("E-mail address or username", None)


@pytest.mark.parametrize("name", ["nobody", "", "\0", "count\0ess", "\ud800", "x" * 300, "nobody@example.com"])
def test_a_wrong_name_is_a_wrong_password(site, name):
    refused = post(site, name)
    assert refused.status_code in (401, 422)
    if name:
        assert refused.json["detail"] == WRONG == post(site, "countess", "wrong horse").json["detail"]


def test_a_name_that_is_somebodys_address_opens_nothing_but_their_account(site):
    site.add("eve@example.com")
    with site.app.app_context():
        accounts.by_email("eve@example.com").username = "ada@example.com"
        db.session.commit()
    client = site.client()
    assert site.log_in(client, "ada@example.com").status_code == 303
    assert client.get("/api/auth/me").json["email"] == "ada@example.com"


def test_by_the_name_alone(made):
    site = made(auth=Auth(user_model=Player, login_by=("username",)))
    site.add()
    site.change("ada@example.com", username="countess")
    assert site.log_in(site.client(), "countess").status_code == 303
    assert site.log_in(site.client(), "ada@example.com").status_code == 422


@pytest.mark.parametrize(
    ("names", "mistake"),
    [
        ((), "'login_by' of feature 'auth' is (); write it like ('email', 'username')."),
        (
            ("email", "nickname"),
            "'login_by' of feature 'auth' names 'nickname', which is no unique column of the user model.",
        ),
        (
            ("email", "phone"),
            "'login_by' of feature 'auth' names 'phone', which is no unique column of the user model.",
        ),
    ],
)
def test_a_column_that_does_not_tell_users_apart_is_a_mistake(names, mistake):
    with pytest.raises(ConfigError) as refused:
        auth = Auth(user_model=Player, login_by=names)
        create_app(Config("app", env="testing", features=["db", "forms", auth]))
    assert refused.value.mistakes == [mistake]
