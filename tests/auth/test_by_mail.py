"""Flows that need mail: confirm an address, get a new password, change the address, sign up by invitation."""

from __future__ import annotations

import re
import time

import pytest

from flaskkit import Auth, Config, ConfigError, Limits, Mail, create_app, db
from flaskkit.auth import accounts, links
from tests.auth.mailbox import OUTDATED, link, mails, outbox, post, token, user

PASSWORD = "correct horse"
NEW = "battery staple"
UNCONFIRMED = "Confirm your address first: open the link in the mail that we have just sent you."


@pytest.fixture
def site(made):
    return made(more=["mail", "api"])


@pytest.fixture
def asking(made):
    """A site that asks for a confirmation."""
    return made(more=["mail", "api"], auth=Auth(confirm="required"))


def sign_up(site, email="new@example.com", client=None):
    return site.submit(client or site.client(), "/auth/sign-up", email=email, password=PASSWORD)


def later(monkeypatch, seconds):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)


# Confirming an address


def test_who_signs_up_confirms_the_address_and_logs_in(asking):
    client = asking.client()
    sent = sign_up(asking, client=client)
    assert (sent.status_code, sent.location) == (303, "/auth/login")
    assert mails(asking) == [("new@example.com", "Confirm your address for testapp")]
    assert asking.log_in(asking.client(), "new@example.com").status_code == 422
    done = asking.submit(client, link(asking, 0), token=token(asking, 0))
    assert (done.status_code, done.location) == (303, "/auth/login")
    assert asking.logged_in("new@example.com").get("/who").text == "new@example.com by session"


def test_opening_the_link_changes_nothing(asking):
    sign_up(asking)
    page = asking.client().get(link(asking))
    assert page.status_code == 200
    assert asking.client().head(link(asking)).status_code == 200
    assert user(asking, "new@example.com").confirmed_at is None


def test_a_program_does_the_same_in_json(asking):
    client = asking.client()
    done = post(client, "sign-up", {"email": "new@example.com", "password": PASSWORD})
    assert (done.status_code, done.json["next"]) == (200, "confirm_email")
    refused = post(client, "login", {"email": "new@example.com", "password": PASSWORD})
    assert (refused.status_code, refused.json["detail"]) == (401, UNCONFIRMED)
    assert post(asking.client(), "confirm-email", {"token": token(asking, 0)}).status_code == 200
    assert post(asking.client(), "login", {"email": "new@example.com", "password": PASSWORD}).status_code == 200


def test_who_logs_in_unconfirmed_gets_another_link_and_only_with_the_password(asking):
    sign_up(asking)
    assert UNCONFIRMED in asking.log_in(asking.client(), "new@example.com").text
    assert len(mails(asking)) == 2
    assert UNCONFIRMED not in asking.log_in(asking.client(), "new@example.com", password="wrong horse").text
    assert len(mails(asking)) == 2


def test_an_optional_confirmation_keeps_nobody_out(made):
    site = made(more=["mail"], auth=Auth(confirm="optional"))
    sign_up(site)
    assert site.logged_in("new@example.com").get("/who").text == "new@example.com by session"
    assert user(site, "new@example.com").confirmed_at is None


def test_the_mail_can_be_sent_again(asking):
    sign_up(asking)
    sent = asking.submit(asking.client(), "/auth/send-confirmation", email=" NEW@example.com")
    assert sent.status_code == 303
    assert mails(asking)[1] == ("new@example.com", "Confirm your address for testapp")
    assert post(asking.client(), "confirm-email", {"token": token(asking)}).status_code == 200


def test_six_digits_do_as_well_where_attempts_are_counted(made):
    site = made(more=["mail", "api", Limits()], auth=Auth(confirm="required"))
    client = site.client()
    sent = sign_up(site, client=client)
    assert sent.location == "/auth/confirm-code?email=new@example.com"
    code = re.search(r"signed up: (\d{6})\n", outbox(site)[0].get_content())[1]
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    refused = post(site.client(), "confirm-code", {"email": "new@example.com", "code": wrong})
    assert (refused.status_code, refused.json["detail"]) == (401, "This code is wrong or too old.")
    assert post(site.client(), "confirm-code", {"email": "new@example.com", "code": "12"}).status_code == 422
    typed = f" {code[:3]} {code[3:]} "
    done = site.submit(client, sent.location, email="new@example.com", code=typed)
    assert (done.status_code, done.location) == (303, "/auth/login")
    assert user(site, "new@example.com").confirmed_at is not None


def test_there_are_no_codes_where_all_of_them_could_be_tried(asking):
    sign_up(asking)
    assert "code" not in outbox(asking)[0].get_content()
    assert asking.client().get("/auth/confirm-code").status_code == 404


@pytest.mark.parametrize(("seconds", "good"), [(399, True), (600, False)])
def test_a_code_is_good_for_at_most_ten_minutes(made, monkeypatch, seconds, good):
    site = made(more=["mail", Limits()], auth=Auth(confirm="required"))
    sign_up(site)
    assert "The code is good for 6 minutes." in outbox(site)[0].get_content()
    with site.app.app_context():
        found = accounts.by_email("new@example.com")
        code = links.code_for(found)
        later(monkeypatch, seconds)
        assert links.is_code_of(found, code) is good


# A forgotten password


def test_a_new_password_by_mail(site, ada):
    there = site.logged_in()
    sent = site.submit(site.client(), "/auth/forgot-password", email=" ADA@example.com")
    assert (sent.status_code, sent.location) == (303, "/auth/login")
    path = link(site)
    site.client().get(path)
    done = site.submit(site.client(), path, token=token(site), new_password=NEW)
    assert (done.status_code, done.location) == (303, "/auth/login")
    assert there.get("/who").text == "nobody"
    assert site.log_in(site.client()).status_code == 422
    assert site.log_in(site.client(), password=NEW).status_code == 303
    assert mails(site)[1:] == [("ada@example.com", "Your password for testapp was changed")]


def test_a_program_gets_one_in_json(site, ada):
    assert post(site.client(), "forgot-password", {"email": ada}).status_code == 200
    body = {"token": token(site), "new_password": NEW}
    assert post(site.client(), "reset-password", body).json["next"] == "login"
    assert post(site.client(), "login", {"email": ada, "password": NEW}).status_code == 200


def test_a_link_is_used_once(site, ada):
    post(site.client(), "forgot-password", {"email": ada})
    body = {"token": token(site), "new_password": NEW}
    assert post(site.client(), "reset-password", body).status_code == 200
    refused = post(site.client(), "reset-password", body)
    assert (refused.status_code, refused.json["detail"]) == (401, OUTDATED)
    page = site.submit(site.client(), f"/auth/reset-password?token={body['token']}", **body)
    assert page.status_code == 422
    assert OUTDATED in page.text


@pytest.mark.parametrize("change", ["half an hour", "password", "address", "inactive", "deleted"])
def test_a_link_is_of_no_use_after_a_change(site, ada, monkeypatch, change):
    post(site.client(), "forgot-password", {"email": ada})
    if change == "half an hour":
        later(monkeypatch, 1801)
    with site.app.app_context():
        found = accounts.by_email(ada)
        if change == "password":
            found.set_password(PASSWORD)
        elif change == "address":
            found.email = "eve@example.com"
        elif change == "inactive":
            found.active = False
        elif change == "deleted":
            db.session.delete(found)
        db.session.commit()
    assert post(site.client(), "reset-password", {"token": token(site, 0), "new_password": NEW}).status_code == 401


def test_how_long_a_link_is_good_is_a_setting(made, monkeypatch):
    site = made(more=["mail", "api"], auth=Auth(reset_password_lasts=120))
    post(site.client(), "forgot-password", {"email": site.add()})
    assert "The link is good for 2 minutes." in outbox(site)[0].get_content()
    later(monkeypatch, 122)
    assert post(site.client(), "reset-password", {"token": token(site), "new_password": NEW}).status_code == 401


def test_a_bad_password_leaves_the_link_good(site, ada):
    post(site.client(), "forgot-password", {"email": ada})
    refused = site.submit(site.client(), link(site), token=token(site), new_password="12345678")
    assert refused.status_code == 422
    assert 'id="new_password-error">This password is among the first' in refused.text
    assert post(site.client(), "reset-password", {"token": token(site), "new_password": NEW}).status_code == 200


@pytest.mark.parametrize("sent", ["", "x", "é", "a.b.c", "\ud800", None])
def test_rubbish_is_no_link(site, sent):
    refused = post(site.client(), "reset-password", {"token": sent, "new_password": NEW})
    assert refused.status_code in (401, 422)


def test_a_link_is_good_for_one_thing(site, ada):
    post(site.client(), "forgot-password", {"email": ada})
    for path in ("confirm-new-email",):
        assert post(site.client(), path, {"token": token(site)}).status_code == 401


def test_without_the_link_the_page_says_so(site):
    refused = site.submit(site.client(), "/auth/reset-password", new_password=NEW)
    assert "Open the link in the mail that we sent you." in refused.text


def test_a_new_secret_key_keeps_links_alive(site, ada):
    post(site.client(), "forgot-password", {"email": ada})
    site.app.config.update(SECRET_KEY_FALLBACKS=[site.app.config["SECRET_KEY"]], SECRET_KEY="n" * 40)
    assert post(site.client(), "reset-password", {"token": token(site), "new_password": NEW}).status_code == 200


def test_a_new_password_confirms_the_address(asking):
    sign_up(asking)
    post(asking.client(), "forgot-password", {"email": "new@example.com"})
    post(asking.client(), "reset-password", {"token": token(asking), "new_password": NEW})
    assert asking.log_in(asking.client(), "new@example.com", password=NEW).status_code == 303


def test_links_in_mails_follow_the_setting_and_not_the_host_that_was_asked(made):
    site = made(more=[Mail(public_url="https://shop.example"), "api"])
    ada = site.add()
    site.client().post("/api/auth/forgot-password", json={"email": ada}, base_url="http://evil.example")
    assert "https://shop.example/auth/reset-password?token=" in outbox(site)[0].get_content()
    assert "evil" not in outbox(site)[0].as_string()


# Changing the address


def test_the_new_address_is_asked_and_both_are_told(site, ada):
    client = site.logged_in()
    asked = site.submit(client, "/auth/change-email", email="Lovelace@example.com", password=PASSWORD)
    assert (asked.status_code, asked.location) == (303, "/auth/account")
    assert mails(site) == [
        ("lovelace@example.com", "Your new address for testapp"),
        ("ada@example.com", "Your address for testapp may change"),
    ]
    path = link(site, 0)
    client.get(path)
    assert client.get("/who").text == "ada@example.com by session"
    assert site.submit(client, path, token=token(site, 0)).status_code == 303
    assert user(site, "ada@example.com") is None
    assert site.log_in(site.client(), "lovelace@example.com").status_code == 303
    assert mails(site)[2:] == [
        ("ada@example.com", "Your address for testapp was changed"),
        ("lovelace@example.com", "Your address for testapp was changed"),
    ]
    assert post(site.client(), "confirm-new-email", {"token": token(site, 0)}).status_code == 401


def test_only_with_the_password(site, ada):
    refused = site.submit(site.logged_in(), "/auth/change-email", email="eve@example.com", password="wrong horse")
    assert refused.status_code == 422
    assert 'id="password-error">This is not your password.</div>' in refused.text
    assert mails(site) == []


def test_a_taken_address_is_not_told(site, ada):
    site.add("bob@example.com")
    answers = [
        site.submit(site.logged_in(), "/auth/change-email", email=email, password=PASSWORD)
        for email in ("bob@example.com", "free@example.com")
    ]
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/auth/account")] * 2
    assert mails(site)[0] == ("bob@example.com", "You have an account at testapp")


def test_an_address_taken_meanwhile_stays_with_its_account(site, ada):
    site.submit(site.logged_in(), "/auth/change-email", email="bob@example.com", password=PASSWORD)
    site.add("bob@example.com")
    refused = post(site.client(), "confirm-new-email", {"token": token(site, 0)})
    assert refused.status_code == 409
    assert user(site, ada) is not None


# Switches


def test_without_mail_there_is_none_of_it(made):
    site = made(more=["api"])
    for path in (
        "forgot-password",
        "reset-password",
        "change-email",
        "confirm-email",
        "send-confirmation",
        "invitation",
    ):
        assert site.client().get(f"/auth/{path}").status_code == 404
        assert post(site.client(), path, {}).status_code == 404
    assert "Forgot" not in site.client().get("/auth/login").text
    assert "invite" not in site.app.test_cli_runner().invoke(args=["kit", "users", "--help"]).output


def test_settings_that_need_mail_say_so():
    with pytest.raises(ConfigError) as refused:
        auth = Auth(sign_up="invitation", confirm="optional", code_lasts=900, invitation_lasts=0)
        create_app(Config("app", env="testing", features=["db", "forms", auth]))
    assert refused.value.mistakes == [
        "'confirm' of feature 'auth' is 'optional', which needs feature 'mail'. Switch it on.",
        "'sign_up' of feature 'auth' is 'invitation', which needs feature 'mail'. Switch it on.",
        "'invitation_lasts' of feature 'auth' is 0; it must be at least 60 seconds.",
        "'code_lasts' of feature 'auth' is 900; it must be at most 600 seconds.",
    ]


@pytest.mark.parametrize(("text", "there"), [("true", True), ("open", True), ("false", False), ("off", False)])
def test_sign_up_is_said_in_words_or_as_before(text, there):
    environ = {"APP_FEATURES": "db,forms,auth", "APP_AUTH_SIGN_UP": text}
    app = create_app(Config.load("app", environ=environ, env="testing"))
    assert ("auth.sign_up" in app.view_functions) is there


def test_no_mail_holds_a_password_or_a_hash(asking):
    sign_up(asking)
    post(asking.client(), "forgot-password", {"email": "new@example.com"})
    for mail in outbox(asking):
        assert PASSWORD not in mail.as_string()
        assert "argon2" not in mail.as_string()
