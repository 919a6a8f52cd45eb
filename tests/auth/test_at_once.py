"""Several requests with one link at the same moment: one gets what it asks for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from flaskkit import Auth, db
from flaskkit.auth import accounts
from tests.auth.conftest import PASSWORD
from tests.auth.mailbox import mails, post, token, user

AT_ONCE = 4


def answers(site, path, bodies):
    """Send all *bodies* to *path* at the same moment, each by a client of its own; return what came of each."""
    gate = Barrier(len(bodies))

    def send(body):
        client = site.client()
        gate.wait()
        return post(client, path, body).status_code

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


@pytest.fixture
def site(made):
    return made(more=["mail", "api"], auth=Auth(confirm="required"))


def test_of_many_new_passwords_by_one_link_one_counts(site, ada):
    post(site.client(), "forgot-password", {"email": ada})
    bodies = [{"token": token(site), "new_password": f"battery staple {number}"} for number in range(AT_ONCE)]
    codes = answers(site, "reset-password", bodies)
    assert sorted(codes) == [200] + [401] * (AT_ONCE - 1)
    assert site.log_in(site.client(), password=bodies[codes.index(200)]["new_password"]).status_code == 303
    assert [subject for _, subject in mails(site)].count("Your password for testapp was changed") == 1


def test_of_many_confirmations_by_one_link_one_counts(site):
    post(site.client(), "sign-up", {"email": "new@example.com", "password": PASSWORD})
    assert sorted(answers(site, "confirm-email", [{"token": token(site)}] * AT_ONCE)) == [200] + [401] * (AT_ONCE - 1)
    assert user(site, "new@example.com").confirmed_at is not None


def test_of_many_who_take_an_address_by_one_link_one_does(site, ada):
    site.submit(site.logged_in(), "/auth/change-email", email="eve@example.com", password=PASSWORD)
    codes = answers(site, "confirm-new-email", [{"token": token(site, 0)}] * AT_ONCE)
    assert sorted(codes) == [200] + [401] * (AT_ONCE - 1)
    assert user(site, "eve@example.com") is not None


def test_of_many_who_accept_one_invitation_one_gets_the_account(made):
    site = made(more=["mail", "api"], auth=Auth(sign_up="invitation"))
    run = site.app.test_cli_runner().invoke
    assert run(args=["kit", "users", "invite", "new@example.com", "--role", "editor"]).exit_code == 0
    bodies = [{"token": token(site), "password": f"battery staple {number}"} for number in range(AT_ONCE)]
    codes = answers(site, "invitation", bodies)
    assert sorted(codes) == [200] + [401] * (AT_ONCE - 1)
    winner = bodies[codes.index(200)]["password"]
    assert site.log_in(site.client(), "new@example.com", password=winner).status_code == 303
    with site.app.app_context():
        assert [role.name for role in accounts.by_email("new@example.com").roles] == ["editor"]
        assert db.session.query(accounts.user_model()).count() == 1
