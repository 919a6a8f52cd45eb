"""flask kit explain, models, shell, seed and routes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from enum import Enum

import click
import flask_login
import pytest
from flask import Blueprint
from flask.views import MethodView
from sqlalchemy import ForeignKey, Numeric, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, UUIDKey, csrf, db, owner, public, requires, role


class ToolsCover(Enum):
    hard = "hard"
    soft = "soft"


class ToolsShelf(UUIDKey, Model):
    __tablename__ = "tools_shelves"
    code: Mapped[str] = mapped_column(String(2), unique=True)


class ToolsVolume(IntegerKey, Model):
    __tablename__ = "tools_volumes"
    title: Mapped[str] = mapped_column(String(40), unique=True)
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2), info={"minimum": 5, "maximum": 9})
    printed: Mapped[date]
    cover: Mapped[ToolsCover]
    lent: Mapped[bool] = mapped_column(default=False)
    shelf_id: Mapped[object] = mapped_column(ForeignKey("tools_shelves.id"))
    spare_id: Mapped[object | None] = mapped_column(ForeignKey("tools_shelves.id"))
    # No foreign key: tests of other folders have apps without users.
    keeper_id: Mapped[int | None]
    shelf: Mapped[ToolsShelf] = relationship(foreign_keys=[shelf_id])


class ToolsPart(IntegerKey, Model):
    __tablename__ = "tools_parts"
    number: Mapped[str] = mapped_column(info={"pattern": "[A-Z]{3}"})


VOLUMES = Resource(
    ToolsVolume,
    name="volumes",
    fields=["title", "price", "printed", "cover", "shelf_id"],
    read=public,
    create=owner("keeper_id"),
    update=owner("keeper_id") | role("editor"),
    delete=role("editor"),
)


class Desk(MethodView):
    decorators = [flask_login.login_required]  # noqa: RUF012

    def get(self):
        return ""


@pytest.fixture
def made(start):
    views = Blueprint("views", __name__)
    views.add_url_rule("/hello/<name>", "hello", requires(public)(lambda name: ""), methods=["GET", "POST"])
    views.add_url_rule("/desk", view_func=Desk.as_view("desk"))
    csrf.exempt(views)

    def made(**config):
        resources = [VOLUMES, *config.pop("more", ())]
        module = Module("shop", blueprints=[views], resources=resources, **config.pop("module", {}))
        return start(features=["db", "forms", "auth", "api", "pages", "admin", "security"], modules=[module], **config)

    return made


def kit(app, *arguments, fails=False):
    done = app.test_cli_runner().invoke(args=["kit", *arguments])
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def explained(app, request):
    told = json.loads(kit(app, "explain", request, "--json"))
    return {stage: [s for s in told["steps"] if s["stage"] == stage] for stage in {s["stage"] for s in told["steps"]}}


def test_what_happens_with_a_request(made):
    app = made()
    steps = explained(app, "POST /api/volumes/")
    assert steps["route"][0]["what"] == "/api/volumes is 'api.volumes.create'"
    assert steps["from"][1]["what"] == "resource 'volumes' of ToolsVolume, in module 'shop'"
    assert "tests/tools/test_commands.py:" in steps["from"][1]["where"]
    assert [one["what"] for one in steps["before"]][-1] == "flaskkit.auth.closed.wire.check"
    assert steps["csrf"][0]["what"].startswith("a token, where a session cookie says who")
    assert steps["policy"][0]["what"] == "owner('keeper_id')"
    assert steps["policy"][0]["details"] == ["a token limited to scopes needs volumes:write"]
    assert "price: Decimal, required, from 5, to 9" in steps["validation"][0]["details"]
    assert steps["sql"][0]["details"][0].startswith("INSERT INTO tools_volumes (")
    assert "keeper_id" in steps["sql"][0]["details"][0]
    assert steps["view"][0]["where"].startswith("flaskkit/api/views.py:")
    assert steps["serializer"][0]["what"].startswith("201 ToolsVolume")
    assert steps["errors"][0]["what"] == "flaskkit.api.problem.answer"
    update = explained(app, "PATCH /api/volumes/7")
    assert [line.split()[0] for line in update["sql"][0]["details"]] == ["SELECT", "UPDATE"]
    listed = explained(app, "/volumes/")
    assert "LIMIT" in listed["sql"][0]["details"][0]
    assert listed["csrf"][0]["what"] == "none: GET changes nothing"
    assert listed["serializer"][0]["where"].endswith("flaskkit/list.html")
    admin = explained(app, "POST /admin/volumes/new")
    assert admin["policy"][0]["what"] == "role('admin')"
    own = explained(app, "POST /hello/Ann")
    assert own["route"][0]["details"] == ["name = 'Ann'"]
    assert own["csrf"][0]["what"] == "none: it is exempt"
    assert own["from"][0]["what"] == "module 'shop'"
    assert explained(app, "GET /desk")["policy"][0]["what"] == "login"
    assert "sql         create" in kit(app, "explain", "POST", "/api/volumes/")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("GET /nowhere", "404: no route leads to /nowhere. See: flask kit routes"),
        ("DELETE /volumes/new", "405: /volumes/new takes GET, HEAD, OPTIONS, POST, not DELETE."),
        ("GET /volumes", "/volumes is sent on to http://localhost/volumes/."),
        ("volumes", 'Write it like "POST /api/notes/".'),
    ],
)
def test_a_request_that_leads_nowhere_is_told(made, request_, told):
    assert told in kit(made(tables=False), "explain", request_, fails=True)


def test_models_as_text_json_and_pictures(made):
    app = made(tables=False)
    models = {one["name"]: one for one in json.loads(kit(app, "models", "--json"))}
    columns = {one["name"]: one for one in models["ToolsVolume"]["columns"]}
    assert columns["shelf_id"]["refers_to"] == "ToolsShelf"
    assert columns["id"]["key"]
    assert "tests/tools/test_commands.py:" in models["ToolsVolume"]["where"]
    assert "ToolsVolume (tools_volumes)" in kit(app, "models")
    mermaid = kit(app, "models", "--mermaid")
    assert mermaid.startswith("erDiagram\n")
    assert "    ToolsShelf ||--o{ ToolsVolume : shelf_id" in mermaid
    assert "    ToolsShelf |o--o{ ToolsVolume : spare_id" in mermaid
    picture = ET.fromstring(kit(app, "models", "--svg"))
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ToolsVolume", "ToolsShelf", "users_roles"} <= {*texts}


def test_a_shell_has_the_models(made):
    app = made()
    names = json.loads(kit(app, "shell", "--json"))
    assert {"app", "db", "g", "ToolsVolume", "User"} <= names.keys()
    assert kit(app, "shell", "-c", "print(app.name, db.session.query(ToolsVolume).count())") == "testapp 0\n"


def rows(app, model):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model))


def test_rows_are_made_up_once(made):
    parts = Resource(ToolsPart, name="parts", fields=["number"], read=public)
    app = made(more=[parts])
    told = json.loads(kit(app, "seed", "--rows", "12", "--json"))
    assert told["made"] == {"tools_shelves": 12, "tools_volumes": 12}
    assert told["left_out"] == {
        "tools_parts": "'number' has a pattern. Give it an example, or the module a seed function."
    }
    shown = app.test_client().get("/api/volumes/?page_size=100").json
    assert len({one["title"] for one in shown}) == 12
    assert all(5 <= Decimal(one["price"]) <= 9 for one in shown)
    assert json.loads(kit(app, "seed", "--rows", "12", "--json"))["made"] == {}
    assert rows(app, ToolsVolume) == 12


def test_functions_of_modules_make_rows_once_and_all_or_none(made):
    def shelves(put):
        first = put(ToolsShelf, {"code": "A1"})
        assert put(ToolsShelf, {"code": "A1"}) is first

    broken = []

    def fails(put):
        put(ToolsShelf, {"code": f"B{len(broken)}"})
        if broken:
            put(ToolsVolume, {"title": "No shelf"})

    app = made(module={"contributions": {"seed": [shelves, fails]}})
    assert kit(app, "seed") == "tools_shelves: 2 made\n"
    assert kit(app, "seed") == "Everything is there already.\n"
    broken.append(True)
    assert "Error: Nothing was stored: " in kit(app, "seed", fails=True)
    assert rows(app, ToolsShelf) == 2


def test_production_is_left_alone(made, tmp_path):
    app = made(
        env="production",
        secret_key="5f0c9e71b2d8a46c3f5e70d1ab36c9e2",
        flask_options={"instance_path": str(tmp_path)},
        tables=False,
    )
    assert "This is production" in kit(app, "seed", fails=True)


def test_routes_for_strangers_only(made):
    app = made(tables=False)
    every, some = (json.loads(kit(app, "routes", "--json", *more)) for more in ((), ("--public",)))
    assert {"/desk", "/hello/<name>", "/volumes/<key>/edit"} <= {one["route"] for one in every}
    shown = {one["route"] for one in some}
    assert "/hello/<name>" in shown
    assert "/volumes/" in shown
    assert not shown & {"/desk", "/volumes/<key>/edit", "/admin/"}
    assert {one["policy"] for one in some} <= {"public", "not stated"}
    assert json.loads(kit(app, "features", "--json"))[0].keys() == {"feature", "state", "what it does"}
    assert {"setting": "env", "value": "testing", "from": "code"} in json.loads(kit(app, "settings", "--json"))
    assert json.loads(kit(app, "templates", "--json"))[0].keys() == {"template", "shows", "replaced_by"}


def test_users_as_json(made):
    app = made()
    kit(app, "users", "create", "ada@example.com", "--role", "editor", "--generate")
    assert json.loads(kit(app, "users", "list", "--json")) == [
        {"email": "ada@example.com", "active": True, "roles": ["editor"]}
    ]


def test_with_json_there_is_json_or_nothing(made):
    """Whatever goes wrong, a program that reads stdout never meets anything else; here there are no tables."""
    app = made(tables=False)
    runner = app.test_cli_runner()
    with app.app_context():
        found = {" ".join(path) for path, command in commands(app.cli.commands["kit"]) if takes_json(command)}
    assert {
        "check",
        "dev",
        "explain",
        "features",
        "models",
        "routes",
        "seed",
        "settings",
        "shell",
        "users list",
    } <= found
    for path in sorted(found):
        about = {"explain": ["/hello/Ann"], "users tokens": ["nobody@example.com"]}.get(path, [])
        done = runner.invoke(args=["kit", *path.split(), *about, "--json"])
        if done.exit_code and not done.stdout:
            assert done.stderr.startswith("Error: "), (path, done.stderr)
        else:
            json.loads(done.stdout)


def commands(group, path=()):
    with click.Context(group) as context:
        for name in group.list_commands(context):
            one = group.get_command(context, name)
            if isinstance(one, click.Group):
                yield from commands(one, (*path, name))
            else:
                yield (*path, name), one


def takes_json(command):
    return any("--json" in one.opts for one in command.params)
