"""User models: the default one, an app's own, and which tables an app has."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import ForeignKey, String, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Auth, Config, ConfigError, IntegerKey, Model, Timestamps, User, UserMixin, UUIDKey, create_app, db
from flaskkit.auth import accounts
from flaskkit.auth.models import normal_email


class AuthMember(UserMixin, UUIDKey, Model):
    """A user model with another key and another column."""

    __tablename__ = "auth_member"

    nickname: Mapped[str] = mapped_column(String(40), default="")


class AuthPatient(UserMixin, IntegerKey, Model):
    """One that sign-up alone cannot fill."""

    __tablename__ = "auth_patient"

    number: Mapped[int]
    insurer: Mapped[str]


def test_the_default_user(site, ada):
    with site.app.app_context():
        user = accounts.by_email(ada)
        assert type(user) is User
        assert issubclass(User, Timestamps)
        assert (user.email, user.active, user.roles) == (ada, True, [])
        assert user.created_at.tzinfo is not None


@pytest.mark.parametrize("given", [AuthMember, f"{__name__}:AuthMember"], ids=["class", "name"])
def test_an_app_may_bring_its_own_users(made, given):
    site = made(auth=Auth(user_model=given))
    site.add("ada@example.com", "editor")
    client = site.logged_in(remember="y")
    assert client.get("/who").text == "ada@example.com by session"
    client.delete_cookie("session")
    assert client.get("/who").text == "ada@example.com by session"
    assert site.client().get("/who", headers=site.token()).text == "ada@example.com by token"
    new = site.client()
    assert site.submit(new, "/auth/sign-up", email="new@example.com", password="correct horse").status_code == 303
    with site.app.app_context():
        user = accounts.by_email("ada@example.com")
        assert (type(user), user.has_role("editor"), user.has_role("admin")) == (AuthMember, True, False)


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"user_model": "shop"}, """'user_model' of feature 'auth': write it as "package.module:Class", not 'shop'."""),
        (
            {"user_model": "shop.models:Member"},
            "'user_model' of feature 'auth': 'shop.models' cannot be imported: No module named 'shop'.",
        ),
        (
            {"user_model": f"{__name__}:AuthMembre"},
            f"'user_model' of feature 'auth': {__name__!r} has no 'AuthMembre'. Did you mean 'AuthMember'?",
        ),
        (
            {"user_model": dict},
            "'user_model' of feature 'auth' is a model made from UserMixin and Model, not <class 'dict'>.",
        ),
        (
            {"user_model": UserMixin},
            "'user_model' of feature 'auth' is a model made from UserMixin and Model,"
            " not <class 'flaskkit.auth.models.UserMixin'>.",
        ),
        ({"user_model": 7}, "'user_model' of feature 'auth' is a model made from UserMixin and Model, not 7."),
        (
            {"user_model": AuthPatient},
            "'sign_up' of feature 'auth' asks for address and password only, but AuthPatient also needs 'number',"
            " 'insurer'. Give them defaults, or set sign_up to false and write a page of your own.",
        ),
        (
            {"url_prefix": "auth/"},
            "'url_prefix' of feature 'auth' begins with a slash and ends with none, unlike 'auth/'.",
        ),
    ],
    ids=["no colon", "no module", "misspelt", "no model", "mixin", "number", "unfilled", "prefix"],
)
def test_wrong_settings_are_refused_at_start(settings, mistake):
    with pytest.raises(ConfigError) as caught:
        create_app(Config("shop", env="testing", features=["db", "forms", Auth(**settings)]))
    assert caught.value.mistakes == [mistake]


def test_a_user_model_without_an_id_is_refused_where_it_is_declared():
    with pytest.raises(TypeError) as caught:

        class AuthKeyless(UserMixin, Model):
            number: Mapped[int] = mapped_column(primary_key=True)

    assert str(caught.value) == "AuthKeyless has no 'id'. Add IntegerKey or UUIDKey to its bases."
    assert "auth_keyless" not in db.metadata.tables


def test_a_bug_in_the_module_of_the_user_model_is_shown_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "auth_broken.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        create_app(Config("shop", env="testing", features=["db", "forms", Auth(user_model="auth_broken:User")]))


def test_the_model_may_be_named_in_the_environment(made):
    features = ["db", "forms", "auth"]
    name = f"{__name__}:AuthMember"
    config = Config.load("shop", env="testing", features=features, environ={"APP_AUTH_USER_MODEL": name})
    app = create_app(config)
    assert app.extensions["flaskkit.user_model"] is AuthMember


def test_pages_may_stand_elsewhere(made):
    site = made(auth=Auth(url_prefix="/account"))
    assert site.client().get("/account/login").status_code == 200
    assert site.client().get("/mine").location == "/account/login?next=/mine"


OWN = """
from flaskkit import Auth, Config, IntegerKey, Model, UserMixin, create_app
class Member(UserMixin, IntegerKey, Model):
    __tablename__ = "members"
features = {features}
app = create_app(Config("app", env="testing", features=features))
print(app.test_cli_runner().invoke(args=["kit", "create-tables"]).output)
"""
DEFAULT = """
from flaskkit import Config, create_app
app = create_app(Config("app", env="testing", features=["db", "forms", "auth"]))
print(app.test_cli_runner().invoke(args=["kit", "create-tables"]).output)
"""


@pytest.mark.parametrize(
    ("source", "tables"),
    [
        (DEFAULT, {"roles", "users", "users_roles", "users_sessions", "users_tokens"}),
        (
            OWN.format(features='["db", "forms", Auth(user_model=Member)]'),
            {"roles", "members", "members_roles", "members_sessions", "members_tokens"},
        ),
        (OWN.format(features='["db", "forms"]'), {"members"}),
    ],
    ids=["default", "own", "off"],
)
def test_an_app_has_the_tables_it_needs_and_no_others(source, tables):
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip().startswith("Made ")
    assert set(done.stdout.strip().removeprefix("Made ").removesuffix(".").split(", ")) == tables


def test_importing_the_mixin_declares_no_table_of_users():
    source = "from flaskkit import UserMixin, db; print(*db.metadata.tables)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["roles"]


def test_constraints_have_names(site):
    with site.app.app_context():
        found = inspect(db.engine)
        assert {key["name"] for key in found.get_foreign_keys("users_tokens")} == {"fk_users_tokens_user_id_users"}
        assert "ix_users_tokens_user_id" in {index["name"] for index in found.get_indexes("users_tokens")}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ａｄａ＠example.com", "ada@example.com"),
        ("ﬁ@x.example", "fi@x.example"),
    ],
)
def test_addresses_are_stored_in_one_form(text, stored):
    assert normal_email(text) == stored
    assert AuthMember(email=text).email == stored


class AuthPaper(IntegerKey, Model):
    __tablename__ = "auth_paper"
    title: Mapped[str]
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reviewer: Mapped[User | None] = relationship(lazy="joined")


def test_a_row_that_alone_holds_a_user_can_be_committed(site, ada):
    with site.app.app_context():
        db.session.add(AuthPaper(title="Draft", reviewer_id=1))
        db.session.commit()
        db.session.remove()
        paper = db.session.scalars(select(AuthPaper)).unique().one()
        paper.title = "Final"
        # The commit lets go of the paper's values first, and with them of the user.
        db.session.commit()
        assert (paper.title, paper.reviewer.email) == ("Final", ada)
