"""What is stored of second factors, where all must have one, and where there are none."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import inspect, select, text

from flaskkit import Auth, Config, ConfigError, IntegerKey, Model, UserMixin, create_app
from flaskkit.auth import accounts, recovery, totp
from flaskkit.db import db
from tests.auth.phone import PASSWORD, Phone, pending, post, submit, turn_on

ADA = {"email": "ada@example.com", "password": PASSWORD}


class AuthFactorMember(UserMixin, IntegerKey, Model):
    __tablename__ = "auth_factor_member"


@pytest.fixture
def site(made, clock):
    site = made(auth=Auth(second_factor="optional"), more=["api"])
    site.clock = clock
    site.add()
    return site


@pytest.fixture
def strict(made, clock):
    site = made(auth=Auth(second_factor="required"), more=["api"])
    site.clock = clock
    site.add()
    return site


def test_whoever_has_none_sets_it_up_before_anything_else(strict):
    client = strict.client()
    sent = strict.log_in(client, path="/auth/login?next=/mine")
    assert sent.location == "/auth/totp?next=/mine"
    assert client.get("/mine").status_code == 303
    phone, codes = turn_on(strict, client, sent.location, password="")
    assert len(codes) == 10
    assert client.get("/mine").text == "mine"
    client = pending(strict)
    assert submit(client, "/auth/second-factor", code=phone.code()).status_code == 303
    assert client.get("/mine").text == "mine"


def test_whoever_has_one_cannot_set_up_another_with_the_password_alone(strict):
    client = strict.client()
    strict.log_in(client)
    turn_on(strict, client, password="")
    client = pending(strict)
    assert client.get("/auth/totp").location.startswith("/auth/login")
    assert post(client, "totp/propose").status_code == 401


def test_as_json_the_next_step_is_told(strict):
    client = strict.client()
    asked = post(client, "login", ADA).json
    assert asked == {"message": "", "next": "totp", "second_factor": []}
    told = post(client, "totp/propose").json
    body = {"setup": told["setup"], "code": Phone(strict.clock, told["secret"]).code()}
    assert post(client, "totp", body).status_code == 200
    assert client.get("/api/auth/me").status_code == 200


def test_neither_secret_nor_codes_are_in_the_database_or_the_log(site, caplog):
    caplog.set_level(logging.DEBUG)
    client = site.logged_in()
    phone, codes = turn_on(site, client)
    submit(pending(site), "/auth/second-factor", code=phone.code())
    submit(pending(site), "/auth/second-factor", code=codes[0])
    with site.app.app_context():
        rows = [
            str(list(db.session.execute(text(f"SELECT * FROM users_{name}")))) for name in ("totp", "recovery_codes")
        ]
    for told in [*rows, caplog.text]:
        assert phone.app.secret not in told
        assert not [code for code in codes if code in told or code.replace("-", "") in told]


def test_a_new_secret_key_reads_what_the_old_one_encrypted(site, phone):
    site.app.config.update(
        SECRET_KEY_FALLBACKS=[site.app.config["SECRET_KEY"]], SECRET_KEY="a new key, long enough for all"
    )
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 303


def test_without_the_old_key_recovery_codes_are_left(site, phone, caplog):
    site.app.config["SECRET_KEY"] = "another key, long enough for everything"
    assert submit(pending(site), "/auth/second-factor", code=phone.code()).status_code == 422
    assert "secret key that this app no longer has" in caplog.text
    assert submit(pending(site), "/auth/second-factor", code=site.codes[0]).status_code == 303


def test_it_goes_with_its_user(site, phone):
    with site.app.app_context():
        db.session.delete(accounts.by_email("ada@example.com"))
        db.session.commit()
        assert db.session.scalars(select(totp.model())).all() == []
        assert db.session.scalars(select(recovery.model())).all() == []


def test_off_means_no_table_page_or_command(made, site):
    off = made()
    assert off.client().get("/auth/totp").status_code == 404
    assert "reset-second-factor" not in off.app.extensions["flaskkit"].commands.commands
    made_tables = off.app.test_cli_runner().invoke(args=["kit", "create-tables"]).output
    assert "totp" not in made_tables
    assert off.logged_in(off.add("bob@example.com"))


def test_users_of_an_apps_own_have_tables_of_their_own(made, clock):
    own = made(auth=Auth(user_model=AuthFactorMember, second_factor="optional"))
    own.clock = clock
    own.add()
    turn_on(own, own.logged_in())
    with own.app.app_context():
        assert inspect(db.engine).has_table("auth_factor_member_totp")
    assert own.log_in(own.client()).location == "/auth/second-factor"


def test_a_wrong_setting_is_reported():
    with pytest.raises(ConfigError, match="must be one of 'off', 'optional', 'required'"):
        Config("x", env="testing", features=["db", "forms", "auth"]).replace(auth={"second_factor": "sometimes"})


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("flaskkit.auth.find_spec", lambda name: None if name == "segno" else name)
    with pytest.raises(ConfigError) as refused:
        create_app(Config("x", env="testing", features=["db", "forms", Auth(second_factor="optional")]))
    assert refused.value.mistakes == [
        "'second_factor' of feature 'auth' needs the package 'segno'. Install it with: pip install 'flaskkit[totp]'"
    ]
