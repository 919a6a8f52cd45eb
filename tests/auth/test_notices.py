"""Owners get mail when something changes that opens their account, whoever changed it."""

from __future__ import annotations

import pyotp
import pytest
from sqlalchemy import update

from flaskkit import Auth, db
from flaskkit.auth import accounts, events, notices, recovery, totp

FIRST, SECOND = "correct horse", "battery staple"


@pytest.fixture
def site(made):
    return made(more=["mail", "api", "pages", "admin"], auth=Auth(second_factor="optional"))


def mails(site):
    """Return (to, text) of what was sent since the last look."""
    outbox = site.app.extensions["flaskkit.mail"].outbox
    found = [(mail["To"], mail.get_content()) for mail in outbox]
    outbox.clear()
    return found


def one_mail(site, to="ada@example.com"):
    [(address, text)] = mails(site)
    assert address == to
    assert "If that was not you" in text
    return text


def test_a_changed_password_is_told(site, ada):
    site.submit(site.logged_in(), "/auth/change-password", old_password=FIRST, new_password=SECOND)
    told = one_mail(site)
    assert "Your account has a new password, and all its other sessions have ended." in told
    assert "/auth/forgot-password" in told
    client = site.logged_in(password=SECOND)
    refused = site.submit(client, "/auth/change-password", old_password=FIRST, new_password=SECOND)
    assert (refused.status_code, mails(site)) == (422, [])
    run = site.app.test_cli_runner().invoke
    assert run(args=["kit", "users", "set-password", ada, "--generate"]).exit_code == 0
    assert "has a new password" in one_mail(site)


def test_a_factor_that_comes_and_goes_is_told(site, ada):
    client = site.logged_in()

    def post(path, **values):
        told = client.get("/api/auth/csrf").json
        answer = client.post(f"/api/auth/{path}", json=values, headers={told["header"]: told["token"]})
        assert answer.status_code == 200, answer.json
        return answer.json

    proposal = post("totp/propose")
    code = pyotp.TOTP(proposal["secret"]).now()
    codes = post("totp", setup=proposal["setup"], code=code, password=FIRST)["recovery_codes"]
    assert "After your password you are asked for a code of your authenticator app" in one_mail(site)
    codes = post("recovery-codes", code=codes[0], password=FIRST)["recovery_codes"]
    told = one_mail(site)
    assert "You have new recovery codes." in told
    assert codes[0] not in told
    post("totp/off", code=codes[0], password=FIRST)
    assert "no longer asked for a code" in one_mail(site)
    assert site.app.test_cli_runner().invoke(args=["kit", "reset-second-factor", ada]).exit_code == 0
    assert mails(site) == [], "there was none"


def test_an_address_that_an_admin_changes_is_told_to_both(site, ada):
    root = site.logged_in(site.add("root@example.com", "admin"))
    assert site.submit(root, "/admin/users/1/edit", email="eve@example.com", active="y").status_code == 303
    told = mails(site)
    assert [to for to, _ in told] == ["ada@example.com", "eve@example.com"]
    assert "The account of ada@example.com goes by the address eve@example.com from now on." in told[0][1]


@pytest.mark.parametrize(
    ("event", "details", "text"),
    [
        ("passkey_added", {"name": "Phone"}, "The passkey Phone opens your account from now on."),
        ("passkey_removed", {"name": "Phone"}, "The passkey Phone no longer opens your account."),
        ("identity_linked", {"provider": "github"}, "You can log in with your account at github from now on."),
        ("identity_unlinked", {"provider": "github"}, "You can no longer log in with your account at github."),
    ],
)
def test_what_else_opens_an_account_is_told(site, ada, event, details, text):
    with site.app.app_context():
        events.tell(event, accounts.by_email(ada), **details)
    assert text in one_mail(site)


def test_a_change_that_is_rolled_back_is_not_told(site, ada, monkeypatch):
    def fail(*_given):
        raise RuntimeError("no disk")

    with site.app.app_context():
        user, second = accounts.by_email(ada), site.app.extensions["flaskkit.second_factor"]
        proposal = totp.propose(user, "shop")
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(recovery, "replace", fail)
            second.turn_on(user, proposal, pyotp.TOTP(proposal.secret).now())
        assert not totp.is_on(user)
    assert mails(site) == []


def test_a_mail_that_cannot_be_written_leaves_the_change_undone(site, ada, monkeypatch):
    def fail(*_given, **_values):
        raise RuntimeError("no disk")

    monkeypatch.setattr(site.app.extensions["flaskkit.mail"].queue, "put", fail)
    with site.app.app_context():
        user, second = accounts.by_email(ada), site.app.extensions["flaskkit.second_factor"]
        proposal = totp.propose(user, "shop")
        with pytest.raises(RuntimeError):
            second.turn_on(user, proposal, pyotp.TOTP(proposal.secret).now())
        assert not totp.is_on(user)
        assert recovery.left(user) == 0


def test_an_address_that_is_none_keeps_nobody_from_a_better_one(site, ada, caplog):
    with site.app.app_context():
        db.session.execute(update(accounts.user_model()).values(email="ada at example"))
        db.session.commit()
        user = db.session.get(accounts.user_model(), 1)
        user.email = ada
        db.session.commit()
    assert [to for to, _ in mails(site)] == [ada]
    assert "User 1 gets no mail about email_changed" in caplog.text


def test_without_mail_there_is_none(made):
    site = made()
    site.add()
    changed = site.submit(site.logged_in(), "/auth/change-password", old_password=FIRST, new_password=SECOND)
    assert changed.status_code == 303


def test_every_notice_is_an_event_with_a_template(site, ada):
    assert set(notices.TEMPLATES) <= set(events.signals)
    for name in set(notices.TEMPLATES.values()):
        assert site.app.jinja_env.get_template(f"mail/{name}.txt")
