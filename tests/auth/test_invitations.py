"""Sign up by invitation: made, listed and taken back by commands, used once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from flaskkit import Auth, db
from flaskkit.auth import invitations
from tests.auth.conftest import PASSWORD
from tests.auth.mailbox import OUTDATED, link, mails, post, token, user


def invite(site, *arguments):
    return site.app.test_cli_runner().invoke(args=["kit", "users", "invite", *arguments])


def test_who_is_invited_makes_an_account_with_the_roles_of_the_invitation(made):
    site = made(more=["mail", "api"], auth=Auth(sign_up="invitation"))
    told = invite(site, "New@example.com", "--role", "editor")
    assert told.exit_code == 0, told.output
    assert "Invited new@example.com, with editor." in told.output
    assert mails(site) == [("new@example.com", "You are invited to testapp")]
    assert link(site) in told.output
    client = site.client()
    done = site.submit(client, link(site), token=token(site), password=PASSWORD)
    assert done.status_code == 303
    assert client.get("/api/auth/me").json["email"] == "new@example.com"
    assert client.get("/api/auth/me").json["roles"] == ["editor"]
    assert user(site, "new@example.com").confirmed_at is not None
    again = post(site.client(), "invitation", {"token": token(site), "password": PASSWORD})
    assert (again.status_code, again.json["detail"]) == (401, OUTDATED)


def test_invitations_are_listed_and_taken_back(made):
    site = made(more=["mail", "api"], auth=Auth(sign_up="invitation"))
    run = site.app.test_cli_runner().invoke
    for email, *roles in (("eve@example.com", "--role", "editor", "--role", "cook"), ("bob@example.com",)):
        assert invite(site, email, *roles).exit_code == 0
    until = f"until {datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}"
    listed = f"eve@example.com  editor, cook  {until}\nbob@example.com  {until}\n"
    assert run(args=["kit", "users", "invitations"]).output == listed
    assert run(args=["kit", "users", "revoke-invitation", " EVE@example.com"]).exit_code == 0
    assert run(args=["kit", "users", "invitations"]).output == f"bob@example.com  {until}\n"
    again = run(args=["kit", "users", "revoke-invitation", "eve@example.com"])
    assert (again.exit_code, "Nobody invited 'eve@example.com'" in again.output) == (1, True)
    bob = token(site)
    assert invite(site, "bob@example.com").exit_code == 0
    for void in (token(site, 0), bob):
        refused = post(site.client(), "invitation", {"token": void, "password": PASSWORD})
        assert (refused.status_code, refused.json["detail"]) == (401, OUTDATED)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7, seconds=1), tick=False):
        assert post(site.client(), "invitation", {"token": token(site), "password": PASSWORD}).status_code == 401
        assert run(args=["kit", "users", "invitations"]).output == ""
    weak = post(site.client(), "invitation", {"token": token(site), "password": "12345678"})
    assert weak.status_code == 422
    assert post(site.client(), "invitation", {"token": token(site), "password": PASSWORD}).status_code == 200
    with site.app.app_context():
        stored = [tuple(row) for row in db.session.execute(select(invitations.model().__table__))]
    assert token(site) not in str(stored)


def test_nobody_else_signs_up(made):
    site = made(more=["mail", "api"], auth=Auth(sign_up="invitation"))
    assert site.client().get("/auth/sign-up").status_code == 404
    assert post(site.client(), "invitation", {"token": "x", "password": PASSWORD}).status_code == 401
    assert "Sign up" not in site.client().get("/auth/login").text


@pytest.mark.parametrize(
    ("email", "error"), [("x", "'x' is no e-mail address."), ("ada@example.com", "There is a user")]
)
def test_an_invitation_that_makes_no_sense_is_refused(made, email, error):
    site = made(more=["mail"], auth=Auth(sign_up="invitation"))
    site.add()
    refused = invite(site, email)
    assert refused.exit_code == 1
    assert error in refused.output
