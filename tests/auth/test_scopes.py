"""Tokens that are limited to scopes, permissions that roles hold, and proving anew who one is."""

from __future__ import annotations

from datetime import timedelta

import flask_login
import pytest
import time_machine
from flask import Blueprint
from flask.views import MethodView
from flask_smorest import Blueprint as SmorestBlueprint
from sqlalchemy.orm import Mapped

from flaskkit import Auth, IntegerKey, Model, Module, Resource, db, login, permission, public, recently, requires, role
from flaskkit.auth import accounts, tokens
from flaskkit.auth.models import Role
from flaskkit.db.models import now
from flaskkit.errors import Rejected


class ScopeNote(IntegerKey, Model):
    __tablename__ = "scope_note"
    text: Mapped[str]


notes = Resource(ScopeNote, name="notes", fields=["text"], read=login, write=login)
open_notes = Resource(ScopeNote, name="open-notes", fields=["text"], read=public, write=permission("notes.publish"))
PUBLISH = permission("notes.publish")


def operations() -> SmorestBlueprint:
    blueprint = SmorestBlueprint("desk", __name__, url_prefix="/desk")

    @blueprint.route("/")
    class Desk(MethodView):
        @requires(role("editor") & PUBLISH)
        @blueprint.response(200)
        def get(self):
            return {}

        @requires(login, scope="desk:clean")
        @blueprint.response(200)
        def post(self):
            return {}

    return blueprint


@pytest.fixture
def site(made):
    views = Blueprint("views", __name__)
    guarded = {
        "publish": requires(PUBLISH),
        "both": requires(login & PUBLISH),
        "either": requires(role("editor") | PUBLISH),
        "own": requires(login, scope="reports:read"),
        "known": requires(login),
        "open": requires(public),
        "any": requires(login, scope="*"),
    }
    for name, guard in guarded.items():
        views.add_url_rule(f"/{name}", name, guard(lambda: "in"))
    site = made(more=["api"], modules=[Module("m", blueprints=[views, operations()], resources=[notes, open_notes])])
    site.add("ada@example.com", "editor")
    with site.app.app_context():
        editor = db.session.scalars(db.select(Role)).one()
        editor.permissions = "notes.publish  notes.delete"
        db.session.commit()
    return site


@pytest.fixture
def limited(site):
    """Return a function that gives a client with a token limited to these scopes."""

    def limited(*scopes, email="ada@example.com"):
        with site.app.app_context():
            token, _ = tokens.issue(accounts.by_email(email), "test", 1, scopes)
        client = site.client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return limited


def test_a_role_holds_permissions_by_name(site):
    site.add("eve@example.com")
    with site.app.app_context():
        ada, eve = accounts.by_email("ada@example.com"), accounts.by_email("eve@example.com")
        assert [user.may("notes.publish") for user in (ada, eve)] == [True, False]
        assert not ada.may("notes")
        assert ada.roles[0].permissions == "notes.delete notes.publish"
    assert [site.logged_in(user).get("/publish").status_code for user in (ada.email, eve.email)] == [200, 403]
    assert site.client().get("/publish").status_code == 303


def test_a_permission_costs_no_query_of_its_own(site):
    client = site.logged_in()
    with site.queries() as sent:
        assert client.get("/publish").status_code == 200
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("scope", "opened"),
    [
        ("notes.publish", ["any", "both", "either", "open", "publish"]),
        ("notes.delete", ["any", "open"]),
        ("notes:read", ["any", "open"]),
        (None, ["any", "both", "either", "known", "open", "own", "publish"]),
    ],
)
def test_a_limited_token_opens_what_its_scopes_name_and_what_is_public(site, limited, scope, opened):
    client = limited(*([scope] if scope else []))
    names = ["any", "both", "either", "known", "open", "own", "publish"]
    assert [name for name in names if client.get(f"/{name}").status_code == 200] == opened


def test_a_refusal_names_the_scope(limited):
    client = limited("notes:read")
    refused = client.post("/api/notes/", json={"text": "x"})
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    assert refused.json["detail"] == "The scopes of this token do not open this. It needs notes:write."
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="notes:write"'
    refused = client.get("/known")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
    assert "It needs one that is not limited to scopes." in refused.text


def test_resources_are_read_and_written_by_scope(limited):
    reader, writer = limited("notes:read"), limited("notes:write", "notes:read")
    made = writer.post("/api/notes/", json={"text": "mine"})
    assert made.status_code == 201
    where = made.headers["Location"]
    assert [reader.get(path).status_code for path in ("/api/notes/", where)] == [200, 200]
    assert [reader.patch(where, json={"text": "x"}).status_code, reader.delete(where).status_code] == [403, 403]
    assert writer.patch(where, json={"text": "x"}).status_code == 200
    assert limited("notes:write").get(where).status_code == 403
    assert limited("open-notes:write").get("/api/open-notes/").status_code == 200
    assert limited("open-notes:write").delete(where).status_code == 403


def test_a_scope_gives_nobody_more_than_they_may(site, limited):
    site.add("eve@example.com")
    client = limited("notes.publish", "open-notes:write", email="eve@example.com")
    assert client.get("/publish").status_code == 403
    assert client.post("/api/open-notes/", json={"text": "x"}).status_code == 403


def test_a_view_that_says_nothing_is_closed_to_limited_tokens(site, limited):
    site.app.add_url_rule("/unsaid", "unsaid", lambda: "in")
    site.app.add_url_rule("/theirs", "theirs", flask_login.login_required(lambda: "in"))
    client = limited("notes:read")
    assert [client.get(path).status_code for path in ("/unsaid", "/theirs", "/auth/account")] == [403, 403, 403]
    assert [limited().get(path).status_code for path in ("/unsaid", "/theirs")] == [200, 200]


def test_a_limited_token_learns_and_changes_nothing_of_the_second_factor(made):
    site = made(more=["api"], auth=Auth(second_factor="optional"))
    with site.app.app_context():
        db.session.add(Role(name="press", permissions="notes.publish"))
        token, _ = tokens.issue(accounts.by_email(site.add()), "test", 1, ["notes.publish"])
    headers = {"Authorization": f"Bearer {token}"}
    client = site.client()
    asked = [
        client.get("/api/auth/second-factor", headers=headers),
        client.post("/api/auth/totp/propose", headers=headers),
        client.post("/api/auth/totp", json={"setup": "", "password": "correct horse", "code": "1"}, headers=headers),
    ]
    assert [answer.status_code for answer in asked] == [403, 403, 403]


def test_a_scope_that_opens_nothing_is_refused_when_the_token_is_made(site):
    with site.app.app_context(), pytest.raises(Rejected) as refused:
        tokens.issue(accounts.by_email("ada@example.com"), "x", 0, ["notes:raed", "a b"])
    assert refused.value.errors == {
        "days": ["Use 1 to 3650."],
        "scopes": ["'a b' is no name for a scope.", "There is no scope 'notes:raed'. Did you mean 'notes:read'?"],
    }


def test_the_document_lists_scopes_for_each_operation(site):
    paths = site.client().get("/api/openapi.json").json["paths"]
    assert paths["/api/notes"]["post"]["security"] == [
        {"cookieAuth": [], "csrfToken": []},
        {"bearerAuth": ["notes:write"]},
    ]
    assert paths["/api/notes"]["get"]["security"] == [{"cookieAuth": []}, {"bearerAuth": ["notes:read"]}]
    assert "security" not in paths["/api/open-notes"]["get"] or paths["/api/open-notes"]["get"]["security"] == []
    desk = paths["/api/desk/"]
    assert desk["get"]["security"] == [{"cookieAuth": []}, {"bearerAuth": ["notes.publish"]}]
    assert desk["post"]["security"][1] == {"bearerAuth": ["desk:clean"]}
    assert {"401", "403"} <= set(desk["get"]["responses"]) & set(desk["post"]["responses"])


@pytest.fixture
def safe(site):
    @site.app.route("/safe", methods=["GET", "POST"])
    @requires(recently(minutes=10))
    def safe():
        return "opened"

    @site.app.route("/api/safe", methods=["GET"])
    @requires(recently(minutes=10))
    def safe_json():
        return {}

    return site


def later(minutes):
    return time_machine.travel(now() + timedelta(minutes=minutes), tick=False)


def test_who_has_just_logged_in_is_not_asked_again(safe):
    assert safe.logged_in().get("/safe").text == "opened"
    assert safe.client().get("/safe").location == "/auth/login?next=/safe"


def test_later_the_password_is_asked_for_and_the_way_leads_back(safe):
    client = safe.logged_in()
    with client.session_transaction() as held:
        before = held["_session"]
    with later(11):
        sent = client.get("/safe?a=1")
        assert (sent.status_code, sent.location) == (303, "/auth/confirm-password?next=/safe?a%3D1")
        wrong = safe.submit(client, sent.location, password="wrong horse")
        assert wrong.status_code == 422
        assert "The password is wrong." in wrong.text
        assert client.get("/safe").status_code == 303
        assert safe.submit(client, sent.location, password="correct horse").location == "/safe?a=1"
        assert client.get("/safe").text == "opened"
        with client.session_transaction() as held:
            assert held["_session"] != before
    with later(22):
        assert client.get("/safe").status_code == 303


def test_who_is_only_remembered_is_asked(safe):
    safe.app.add_url_rule("/theirs", "theirs", flask_login.fresh_login_required(lambda: "theirs"))
    client = safe.logged_in(remember="y")
    client.delete_cookie("session")
    assert client.get("/safe").location == "/auth/confirm-password?next=/safe"
    safe.submit(client, "/auth/confirm-password", password="correct horse")
    assert client.get("/safe").text == "opened"
    assert client.get("/theirs").text == "theirs"


def test_a_program_is_told_what_is_missing(safe, limited):
    client = safe.logged_in()
    with later(11):
        refused = client.get("/api/safe")
        assert (refused.status_code, refused.json["detail"]) == (403, "Confirm first that it is you.")
        missing = 'Bearer error="insufficient_user_authentication", max_age="600"'
        assert refused.headers["WWW-Authenticate"] == missing
        token = client.get("/api/auth/csrf").json
        body = {"password": "correct horse"}
        done = client.post("/api/auth/confirm-password", json=body, headers={token["header"]: token["token"]})
        assert done.status_code == 200
        assert client.get("/api/safe").status_code == 200
    assert limited().get("/api/safe").status_code == 403
    assert limited().post("/api/auth/confirm-password", json=body).status_code == 400


def test_permissions_of_a_role_are_set_in_the_admin(made):
    site = made(more=["pages", "admin"])
    site.add("root@example.com", "admin")
    site.add("eve@example.com", "editor")
    client = site.logged_in("root@example.com")
    with site.app.app_context():
        editor = db.session.scalars(db.select(Role).where(Role.name == "editor")).one().id
    path = f"/admin/roles/{editor}/edit"
    assert site.submit(client, path, name="editor", permissions="notes.publish  a\nb").status_code == 422
    assert site.submit(client, path, name="editor", permissions="notes.publish").status_code in (302, 303)
    with site.app.app_context():
        assert accounts.by_email("eve@example.com").may("notes.publish")
