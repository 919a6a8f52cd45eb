"""public, login, role and owner, on hand-written views and on resources, for each kind of caller."""

from __future__ import annotations

import pytest
from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import IntegerKey, Model, Module, Resource, login, nobody, owner, public, requires, role


class AuthNote(IntegerKey, Model):
    __tablename__ = "auth_note"

    author_id: Mapped[int]
    text: Mapped[str] = mapped_column(Text)


notes = Resource(
    AuthNote,
    name="notes",
    fields=["text"],
    read_only=["id"],
    read=public,
    create=owner("author_id"),
    update=owner("author_id") | role("editor"),
    delete=owner("author_id"),
)
drafts = Resource(AuthNote, name="drafts", fields=["text"], read_only=["id"], read=owner("author_id"))
POLICIES = {"public": public, "login": login, "editor": role("editor"), "nobody": nobody}


@pytest.fixture
def site(made):
    site = made(more=["api"], modules=[Module("notes", resources=[notes, drafts])])
    for name, policy in POLICIES.items():
        site.app.add_url_rule(f"/{name}", name, requires(policy)(lambda: "in"))
    site.add("ada@example.com")
    site.add("eve@example.com", "editor")
    return site


@pytest.fixture(params=["session", "token"])
def known(site, request):
    """Return a function that gives a client known by its session or by its token."""

    def known(email):
        if request.param == "session":
            client = site.logged_in(email)
            client.environ_base["HTTP_X_CSRFTOKEN"] = client.get("/token").text
        else:
            client = site.client()
            client.environ_base["HTTP_AUTHORIZATION"] = site.token(email)["Authorization"]
        return client

    return known


@pytest.mark.parametrize(
    ("name", "stranger", "ada", "editor"),
    [("public", 200, 200, 200), ("login", 303, 200, 200), ("editor", 303, 403, 200), ("nobody", 303, 403, 403)],
)
def test_a_view_lets_in_whom_its_policy_allows(site, known, name, stranger, ada, editor):
    clients = site.client(), known("ada@example.com"), known("eve@example.com")
    assert [client.get(f"/{name}").status_code for client in clients] == [stranger, ada, editor]


def test_below_the_api_a_stranger_gets_a_problem_instead_of_the_login_page(site):
    refused = site.client().post("/api/notes/", json={"text": "x"})
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "Set-Cookie" not in refused.headers
    unknown = site.client().post("/api/notes/", json={"text": "x"}, headers={"Authorization": "Bearer x"})
    assert (unknown.status_code, unknown.mimetype) == (401, "application/problem+json")
    assert unknown.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_owners_change_their_rows_editors_all_and_others_none(site, known):
    ada, eve, stranger = known("ada@example.com"), known("eve@example.com"), site.client()
    site.add("bob@example.com")
    bob = known("bob@example.com")
    made = ada.post("/api/notes/", json={"text": "mine"})
    assert made.status_code == 201
    note = made.headers["Location"]
    statuses = {
        who: (client.patch(note, json={"text": who}).status_code, client.get(note).json["text"])
        for who, client in {"stranger": stranger, "bob": bob, "eve": eve, "ada": ada}.items()
    }
    assert statuses == {"stranger": (401, "mine"), "bob": (403, "mine"), "eve": (200, "eve"), "ada": (200, "ada")}
    assert [client.delete(note).status_code for client in (stranger, bob, eve, ada)] == [401, 403, 403, 204]


def test_rows_of_others_are_hidden(site, known):
    ada, eve = known("ada@example.com"), known("eve@example.com")
    key = ada.post("/api/notes/", json={"text": "mine"}).json["id"]
    assert ada.get(f"/api/drafts/{key}").json["text"] == "mine"
    assert eve.get(f"/api/drafts/{key}").status_code == 404
    assert site.client().get(f"/api/drafts/{key}").status_code == 401


def test_a_session_needs_a_csrf_token_on_the_api_and_a_bearer_token_none(site):
    client = site.logged_in()
    refused = client.post("/api/notes/", json={"text": "forged"})
    assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")
    assert site.client().post("/api/notes/", json={"text": "x"}, headers=site.token()).status_code == 201


def test_a_request_of_a_program_costs_one_query_for_the_user(site):
    site.app.add_url_rule("/count", "count", requires(role("editor") | role("admin") | login)(lambda: "in"))
    header = site.token()
    site.client().get("/count", headers=header)
    with site.queries() as sent:
        assert site.client().get("/count", headers=header).status_code == 200
    assert len(sent) == 1


def test_routes_show_who_may_use_the_pages(site):
    shown = site.app.test_cli_runner().invoke(args=["kit", "routes"]).output
    lines = {" ".join(line.split()[:2]): line.split()[2:4] for line in shown.splitlines() if "/auth/" in line}
    assert lines == {
        "/api/auth/confirm-password POST": ["auth", "login"],
        "/api/auth/sessions GET": ["auth", "login"],
        "/api/auth/sessions POST": ["auth", "login"],
        "/api/auth/tokens GET": ["auth", "login"],
        "/api/auth/tokens POST": ["auth", "recently(10)"],
        "/api/auth/tokens/revoke POST": ["auth", "login"],
        "/auth/confirm-password GET,POST": ["auth", "login"],
        "/auth/sessions GET,POST": ["auth", "login"],
        "/auth/tokens GET,POST": ["auth", "recently(10)"],
        "/auth/tokens/revoke GET,POST": ["auth", "login"],
        "/api/auth/change-password POST": ["auth", "login"],
        "/api/auth/csrf GET": ["auth", "public"],
        "/api/auth/login POST": ["auth", "public"],
        "/api/auth/logout POST": ["auth", "public"],
        "/api/auth/me GET": ["auth", "login"],
        "/api/auth/sign-up POST": ["auth", "public"],
        "/auth/account GET": ["auth", "login"],
        "/auth/change-password GET,POST": ["auth", "login"],
        "/auth/login GET,POST": ["auth", "public"],
        "/auth/logout POST": ["auth", "public"],
        "/auth/sign-up GET,POST": ["auth", "public"],
    }
