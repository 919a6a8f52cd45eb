"""What is mine: downloaded as JSON, and deleted with the account."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import Auth, IntegerKey, Model, Module, Resource, db, nobody, owner
from flaskkit.auth import accounts
from flaskkit.auth.identity import start_session
from flaskkit.db.models import now

PASSWORD = "correct horse"


class LeavingNote(IntegerKey, Model):
    __tablename__ = "auth_leaving_note"
    text: Mapped[str]
    secret: Mapped[str] = mapped_column(default="hidden")
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))


class LeavingVote(IntegerKey, Model):
    __tablename__ = "auth_leaving_vote"
    voter_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class LeavingInvoice(IntegerKey, Model):
    __tablename__ = "auth_leaving_invoice"
    payer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


MINE = Module(
    "leaving",
    resources=[
        Resource(LeavingNote, name="leaving-notes", label="Notes", fields=["text"], read=owner("owner_id")),
        Resource(LeavingVote, name="leaving-votes", label="Votes", fields=["voter_id"], read=nobody),
    ],
)


@pytest.fixture
def site(made):
    site = made(more=["api", "mail"], auth=Auth(delete_account=True, export=True), modules=[MINE])
    site.add("ada@example.com", "editor")
    site.add("bob@example.com")
    return site


def store(site, email="ada@example.com", model=LeavingNote, **values):
    with site.app.app_context():
        key = accounts.by_email(email).id
        column = next(column.name for column in model.__table__.columns if column.foreign_keys)
        db.session.add(model(**{column: key}, **values))
        db.session.commit()


def count(site, model):
    with site.app.app_context():
        return len(db.session.scalars(select(model)).all())


def test_the_account_goes_with_what_is_its_own(site):
    store(site, text="mine")
    store(site, "bob@example.com", text="Bob's")
    store(site, model=LeavingVote)
    site.token()
    client, elsewhere = site.logged_in(), site.logged_in()
    page = client.get("/auth/delete-account").text
    assert "Notes (1): deleted" in page
    assert "Votes (1): kept, without your name" in page
    done = site.submit(client, "/auth/delete-account", password=PASSWORD)
    assert (done.status_code, done.location) == (303, "/")
    assert client.get("/who").text == elsewhere.get("/who").text == "nobody"
    assert site.log_in(site.client()).status_code == 422
    assert (count(site, LeavingNote), count(site, LeavingVote)) == (1, 1)
    sent = site.app.extensions["flaskkit.mail"].outbox
    assert [(mail["To"], mail["Subject"]) for mail in sent] == [
        ("ada@example.com", "Your account at testapp is deleted")
    ]


def test_a_program_deletes_it_in_json(site):
    client = site.client()
    client.post("/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD})
    token = {"X-CSRFToken": client.get("/api/auth/csrf").json["token"]}
    refused = client.post("/api/auth/delete-account", json={"password": "wrong horse"}, headers=token)
    assert refused.json["errors"] == [{"detail": "This is not your password.", "pointer": "#/password"}]
    done = client.post("/api/auth/delete-account", json={"password": PASSWORD}, headers=token)
    assert done.json == {"message": "Your account is deleted.", "next": ""}
    assert client.get("/api/auth/me").status_code == 401


def test_what_must_stay_keeps_the_account_and_everything(site):
    store(site, text="mine")
    store(site, model=LeavingInvoice)
    client = site.logged_in()
    assert "auth leaving invoice (1): in the way: delete them first" in client.get("/auth/delete-account").text
    refused = site.submit(client, "/auth/delete-account", password=PASSWORD)
    assert refused.status_code == 422
    assert "Something that must stay refers to your account, so it cannot be deleted." in refused.text
    assert client.get("/who").text == "ada@example.com by session"
    assert count(site, LeavingNote) == 1
    assert site.app.extensions["flaskkit.mail"].outbox == []


def test_only_with_the_password_and_a_session(site):
    refused = site.submit(site.logged_in(), "/auth/delete-account", password="wrong horse")
    assert 'id="password-error">This is not your password.</div>' in refused.text
    body = {"password": PASSWORD}
    assert site.client().post("/api/auth/delete-account", json=body, headers=site.token()).status_code == 403
    assert site.client().post("/api/auth/delete-account", json=body).status_code == 401
    assert site.log_in(site.client()).status_code == 303


def test_what_could_take_the_account_wants_a_fresh_session(site):
    client = site.logged_in()
    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        for path in ("/auth/delete-account", "/auth/change-email"):
            assert client.get(path).location == f"/auth/confirm-password?next={path}"
            refused = api(client, path, password=PASSWORD)
            assert refused.status_code == 403, refused.json
            assert "insufficient_user_authentication" in refused.headers["WWW-Authenticate"]
            assert site.client().post(f"/api{path}", json={"no": "such field"}).status_code == 401
        site.submit(client, "/auth/confirm-password", password=PASSWORD)
        changed = site.submit(client, "/auth/change-email", email="eve@example.com", password=PASSWORD)
        assert changed.status_code == 303
        assert api(client, "/auth/delete-account", password=PASSWORD).status_code == 200


def test_who_has_no_password_needs_no_more_than_a_fresh_session(site):
    client = site.client()
    site.app.add_url_rule("/in", "in", lambda: str(start_session(accounts.create("oauth@example.com"))))
    client.get("/in")
    assert 'name="password"' not in client.get("/auth/delete-account").text
    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        assert api(client, "/auth/delete-account").status_code == 403
        assert site.submit(client, "/auth/change-password", old_password="", new_password=PASSWORD).status_code == 422
    assert api(client, "/auth/change-email", email="eve@example.com").status_code == 200
    assert site.submit(client, "/auth/delete-account").status_code == 303
    assert client.get("/who").text == "nobody"


def api(client, path, **values):
    told = client.get("/api/auth/csrf").json
    return client.post(f"/api{path}", json=values, headers={told["header"]: told["token"]})


@pytest.mark.parametrize("path", ["/auth/export", "/api/auth/export"])
def test_the_export_holds_what_one_may_read_of_ones_own(site, path):
    store(site, text="mine")
    store(site, "bob@example.com", text="Bob's")
    store(site, model=LeavingVote)
    answer = site.logged_in().get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    shown = answer.json
    assert (shown["account"]["email"], shown["account"]["roles"]) == ("ada@example.com", ["editor"])
    assert shown["leaving-notes"] == [{"id": 1, "text": "mine"}]
    assert shown["leaving-votes"] == []
    assert "argon2" not in answer.text


def test_a_stranger_exports_nothing_and_a_token_neither(site):
    assert site.client().get("/api/auth/export").status_code == 401
    assert site.client().get("/auth/export").status_code == 303
    assert site.client().get("/api/auth/export", headers=site.token()).status_code == 403


def test_both_are_on_the_page_of_the_account(site):
    page = site.logged_in().get("/auth/account").text
    assert 'href="/auth/export"' in page
    assert 'href="/auth/delete-account"' in page


def test_neither_is_there_unless_asked_for(made):
    site = made(more=["api"])
    client = site.client()
    for path in ("delete-account", "export"):
        assert client.get(f"/auth/{path}").status_code == 404
        assert f"/api/auth/{path}" not in client.get("/api/openapi.json").json["paths"]
