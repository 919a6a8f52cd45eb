"""flask kit check: every check finds what it is for, and a sound app hears nothing of any."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Blueprint
from sqlalchemy import DateTime, Float, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import (
    Config,
    FileType,
    IntegerKey,
    Model,
    Module,
    Resource,
    create_app,
    login,
    owner,
    public,
    requires,
    text_index,
)
from flaskkit.auth import passwords
from flaskkit.feature import available, find
from flaskkit.tools import sound
from flaskkit.tools.checks import check

SECRET = "5f0c" * 3 + "9e71b2d8a46c3f5e70d1"
ALL = tuple(name for name, point in available().items() if point.module.startswith("flaskkit."))


class ToolsAuthor(IntegerKey, Model):
    __tablename__ = "tools_authors"
    name: Mapped[str] = mapped_column(String(80), unique=True)

    def __str__(self) -> str:
        return self.name


class ToolsBook(IntegerKey, Model):
    __tablename__ = "tools_books"
    __table_args__ = (text_index("title", name="tools_books_words"),)
    title: Mapped[str] = mapped_column(String(80), index=True)
    price: Mapped[Decimal] = mapped_column(Numeric(12, 2), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("tools_authors.id"), index=True)

    def __str__(self) -> str:
        return self.title


class ToolsMess(IntegerKey, Model):
    __tablename__ = "tools_messes"
    title: Mapped[str] = mapped_column(String)
    cost: Mapped[float] = mapped_column(Float)
    api_token: Mapped[str] = mapped_column(String(80))
    opened: Mapped[datetime] = mapped_column(DateTime)
    author_id: Mapped[int] = mapped_column(ForeignKey("tools_authors.id"))
    scan: Mapped[str | None] = mapped_column(FileType())


SOUND = Module(
    "sound",
    resources=[
        Resource(ToolsAuthor, name="authors", fields=["name"], sorts=["name"], search=["name"], read=public),
        Resource(
            ToolsBook,
            name="books",
            fields=["title", "price", "author_id"],
            filters=["price", "author_id"],
            sorts=["title"],
            search=["title"],
            read=public,
            write=login,
        ),
    ],
)
MESS = Resource(
    ToolsMess,
    name="messes",
    fields=["title", "cost", "api_token", "opened", "author_id", "scan"],
    filters=["title"],
    sorts=["cost"],
    search=["title"],
    bulk=5000,
    read=owner("author_id"),
    create=login,
    update=public,
    delete=public,
)


def own_tables(app):
    """The tables of this file and of features: a process that runs more tests knows those of others, too."""
    models = {resource.model for resource in app.extensions["flaskkit"].resources}
    return {
        table.name
        for table in app.extensions["sqlalchemy"].metadata.sorted_tables
        if table.name.startswith(("tools_authors", "tools_books", "users", "roles", "mail_", "api_", "history_"))
        or (table is ToolsMess.__table__ and ToolsMess in models)
    }


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Only the tables of this file belong to these apps."""
    from flaskkit.db import tables

    every = tables.tables_of

    def tables_of(app, bind=None):
        return [table for table in every(app, bind) if table.name in own_tables(app)]

    for module in ("flaskkit.db.tables", "flaskkit.db.checks", "flaskkit.migrate.autogenerate"):
        __import__(module)
        monkeypatch.setattr(sys.modules[module], "tables_of", tables_of)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("APP_", "FLASK_")):
            monkeypatch.delenv(name)
    return tmp_path


def app_of(folder, *, features=("db", "migrate"), modules=(), environ=None, **config):
    options = {"instance_path": str(folder / "instance"), "static_folder": str(folder / "static")}
    url = f"sqlite:///{folder}/app.db"
    return create_app(
        Config.load(
            "sound",
            **{"env": "development", "features": features, "modules": modules, "flask_options": options, **config},
            environ={"APP_DB_URL": url, **(environ or {})},
        )
    )


def found(app, *options):
    """Return the ids of what is found, once each, and what the command says in JSON."""
    done = app.test_cli_runner().invoke(args=["kit", "check", "--json", *options])
    said = json.loads(done.output)
    assert done.exit_code == (1 if said["errors"] else 0)
    assert said["errors"] + said["warnings"] == len(said["findings"])
    # Models of other folders are in this process, too, and not all of them are sound.
    said["findings"] = [
        one
        for one in said["findings"]
        if one["id"] != "db.W001" or one["what"].startswith(("tools_", "users_", "roles_"))
    ]
    return {one["id"] for one in said["findings"]}, said


def loose(folder):
    """An app that lets everybody do everything."""
    views = Blueprint("views", __name__)
    views.add_url_rule("/unsaid", "unsaid", lambda: "")
    views.add_url_rule("/rows/<int:row>", "rows", requires(public)(lambda row: ""), methods=["POST"])
    views.add_url_rule("/rows/<int:key>", "again", requires(public)(lambda key: ""), methods=["POST"])
    (folder / "static").mkdir()
    (folder / "static" / "app.db").touch()
    return app_of(
        folder,
        features=ALL,
        modules=[
            Module(
                "loose",
                blueprints=[views],
                resources=[MESS, Resource(ToolsAuthor, name="authors", fields=["name"])],
            )
        ],
        environ={"APP_DB_URL": "sqlite://"},
        db={"lazy": "plain"},
        auth={"undeclared": "allow", "session_idle": 10 * 24 * 3600},
        api={"max_page_size": 100_000},
        files={"folder": str(folder / "static" / "files")},
        mail={"backend": "console", "public_url": "https://other.example"},
        limits={"login": []},
        security={
            "cors_origins": ["*"],
            "csp": {"script-src": "'self' 'unsafe-inline'"},
            "headers": {"Referrer-Policy": "no-referrer", "Strict-Transport-Security": ""},
            "https_redirect": True,
            "trusted_hosts": ["shop.example"],
        },
        flask={
            "SESSION_COOKIE_HTTPONLY": False,
            "SESSION_COOKIE_SECURE": False,
            "SESSION_COOKIE_SAMESITE": None,
            "SESSION_COOKIE_DOMAIN": "shop.example",
            "SESION_COOKIE_NAME": "shop",
            "REMEMBER_COOKIE_HTTPONLY": False,
            "SECRET_KEY": "secret",
            "TRAP_HTTP_EXCEPTIONS": True,
            "SQLALCHEMY_ECHO": True,
            "WTF_CSRF_ENABLED": False,
            "WTF_CSRF_TIME_LIMIT": None,
            "SILENCED_CHECKS": {"db.W005": "", "db.W999": "There is none."},
        },
    )


LOOSE = {
    *("core.E001", "core.E003", "core.E004", "core.E005", "core.E006", "core.E007", "core.E008", "core.E009"),
    *("core.W001", "core.W002", "core.W003", "core.W004", "core.W006", "core.W007", "core.W010"),
    *("resource.E001", "resource.W001", "resource.W002"),
    *("db.E003", "db.E004", "db.W001", "db.W002", "db.W003", "db.W004", "db.W008", "db.W009", "db.W010", "db.W011"),
    *("migrate.E001", "auth.E001", "auth.E002", "auth.W001", "auth.W002", "auth.W003", "auth.W005"),
    *("forms.E001", "forms.W001", "api.W001", "api.W002", "pages.W001", "files.E001", "files.W001"),
    *("security.E001", "security.W002", "security.W003", "security.W004", "security.W005"),
    *("limits.W001", "limits.W002", "limits.W003", "mail.E001", "mail.W001", "admin.W001"),
}


def bare(folder):
    """An app on a server that is not there, without what protects it."""
    (folder / ".env").touch()
    shutil.rmtree(folder / "instance", ignore_errors=True)
    (folder / "instance").mkdir()
    (folder / "instance" / "files").write_text("not a folder")
    (folder / "late").mkdir()
    (folder / "late" / "__init__.py").write_text("from flaskkit import Module\nmodule = Module('late')\n")
    (folder / "late" / "models.py").write_text("class Late(IntegerKey, Model):\n    pass\n")
    sys.path.insert(0, str(folder))
    try:
        return app_of(
            folder,
            features=["db", "forms", "auth", "mail", "files", "api"],
            modules=["late", Module("bare", resources=[MESS])],
            environ={"APP_DB_URL": "mariadb://root@127.0.0.2:1/shop"},
            auth={"passkeys": "https://shop.example"},
            mail={"public_url": "https://mail.example"},
            flask={"DEBUG": True},
        )
    finally:
        sys.path.remove(str(folder))


BARE = {
    *("core.E002", "core.W005", "core.W008", "core.W009", "db.E001", "db.E002", "db.E005", "db.W006", "db.W007"),
    *("db.W012", "auth.W004", "auth.W006", "files.E002"),
}


def open_site(folder):
    return app_of(
        folder, features=["db", "security", "migrate", "forms", "auth", "pages", "admin"], security={"proxy_hops": 9}
    )


OPEN = {"security.W001", "security.W006", "db.W005", "core.E010"}


@pytest.mark.parametrize(("make", "ids"), [(loose, LOOSE), (bare, BARE), (open_site, OPEN)])
def test_each_check_finds_what_it_is_for(make, ids, folder, monkeypatch):
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=1, memory_cost=1024))
    monkeypatch.setattr("flaskkit.tools.sound.find_spec", lambda name: None)
    monkeypatch.setattr("flaskkit.tools.sound.Requirement", _wanting_more)
    app = make(folder)
    there, said = found(app, "--deploy")
    assert ids - there == set()
    assert said["errors"] > 0
    known = {one.id: one for one in sound.CHECKS} | {
        one.id: one for feature in app.extensions["flaskkit"].features for one in feature.checks()
    }
    assert {one for one in found(app)[0] if known[one].deploy} == set()


def _wanting_more(text):
    from packaging.requirements import Requirement

    wanted = Requirement(text)
    return Requirement("flask>=1000") if wanted.name == "flask" and wanted.marker is None else wanted


def test_a_sound_app_and_its_migrations():
    beside = Path(__file__).with_name("checks_alone.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(beside)]
    done = subprocess.run(command, cwd=beside.parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_many_each_with_an_id_a_reason_and_a_fix():
    every = [*sound.CHECKS, *(one for name in ALL for one in find(name)().checks())]
    ids = [one.id for one in every]
    assert len(ids) == len(set(ids)) >= 40
    assert [one.id for one in every if not (one.title and one.why and one.fix)] == []
    tried = LOOSE | BARE | OPEN | {"migrate.E002", "migrate.E003", "migrate.E004", "migrate.E005", "admin.W002"}
    assert {*ids} - tried == set()


def test_an_app_adds_checks_of_its_own(folder):
    @check("shop.E001", "No shop.", why="It is a shop.", fix="Open one.")
    def closed(app):
        yield f"{app.name} has none."

    app = app_of(folder, features=[], environ={}, modules=[Module("shop", contributions={"checks": [closed]})])
    shown = app.test_cli_runner().invoke(args=["kit", "check"])
    assert shown.exit_code == 1
    assert "shop.E001  error: No shop.\n    sound has none.\n  Why: It is a shop.\n  Fix: Open one.\n" in shown.output
    listed = app.test_cli_runner().invoke(args=["kit", "check", "--list", "--json"])
    assert json.loads(listed.output)[-1] == {
        "id": "shop.E001",
        "level": "error",
        "deploy": False,
        "title": "No shop.",
        "why": "It is a shop.",
        "fix": "Open one.",
    }
