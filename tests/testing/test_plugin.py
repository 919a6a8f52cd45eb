"""The plugin in a project of its own: fixtures, workers, migrations that run once for each state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

APP = """
features = ["db", "migrate", "forms", "auth", "mail", "api", "pages", "limits"]
modules = ["depot"]

[limits]
api = ["40 per hour by address"]
"""

PACKAGE = """
from flaskkit import IntegerKey, Model, Module, Resource, User, login, owner, public, role
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Crate(IntegerKey, Model):
    __tablename__ = "crates"
    name: Mapped[str] = mapped_column(String(20), unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    owner: Mapped[User] = relationship()


crates = Resource(
    Crate, fields=["name"], read_only=["owner"], read=public, create=owner("owner_id"), write=role("clerk"),
)
module = Module("depot", resources=[crates])
"""

CONFTEST = """
import pytest
from sqlalchemy import make_url
from flaskkit import db


@pytest.fixture(scope="session")
def seed():
    def store(app):
        from depot import Crate
        from flaskkit import User
        with app.app_context():
            db.session.add(Crate(name="seeded", owner=User(email="seed@example.com")))
            db.session.commit()
    return store
"""

TESTS = """
from datetime import UTC, datetime

import pytest
from sqlalchemy import make_url
from depot import Crate
from flaskkit import User, send_mail
from flaskkit.testing import count_queries, no_lazy_loads
from sqlalchemy import func, select


@pytest.mark.parametrize("time", [1, 2, 3])
def test_each_finds_what_was_seeded_and_nothing_else(db, api, as_user, factory, outbox, app, time):
    assert db.session.scalars(select(Crate.name)).all() == ["seeded"]
    assert outbox == []
    assert "MINE" not in app.config
    app.config["MINE"] = True
    ada = factory(User)
    factory(Crate, 3, owner=ada)
    factory(Crate, owner_id=ada.id)
    made = api.as_user(ada).post("crates", {"name": "mine"})
    assert made.status_code == 201
    assert api.post("crates", {"name": "other"}).status_code == 401
    assert api.get("crates").json[-1]["owner"] == ada.id
    assert as_user("").patch(f"/api/crates/{made.json['id']}", json={"name": "x"}).status_code == 403
    assert as_user("clerk").patch(f"/api/crates/{made.json['id']}", json={"name": "x"}).status_code == 200
    assert db.session.get(Crate, made.json["id"]).name == "x"
    assert as_user(ada).get("/api/auth/me").json["email"] == ada.email
    app.test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert [message["To"] for message in outbox] == ["ada@example.com"]


@pytest.mark.parametrize("time", [1, 2])
def test_limits_begin_anew(client, time):
    assert {client.get("/api/crates").status_code for _ in range(30)} == {200}


def test_queries_are_counted(db, factory):
    factory(Crate, 2)
    with count_queries() as seen:
        db.session.scalars(select(Crate)).all()
    assert len(seen) == 1
    with pytest.raises(AssertionError, match="1 statements where exactly 2 were expected:\\n   1. SELECT"):
        with count_queries(2):
            db.session.scalar(select(func.count()).select_from(Crate))


def test_lazy_loads_are_refused(db, factory):
    factory(Crate)
    db.session.expire_all()
    crates = db.session.scalars(select(Crate)).all()
    with pytest.raises(AssertionError, match="Crate.owner was loaded lazily"), no_lazy_loads():
        crates[0].owner.email
    db.session.expunge_all()
    with no_lazy_loads():
        crates = db.session.scalars(select(Crate)).all()


@pytest.mark.parametrize("role", ["", "clerk"])
def test_a_new_user_logs_in_where_relationships_must_be_there(as_user, role):
    with no_lazy_loads():
        assert as_user(role).get("/api/crates").status_code == 200


def test_the_clock_stands(freeze_time):
    clock = freeze_time("2030-01-01 12:00Z")
    assert datetime.now(UTC) == datetime(2030, 1, 1, 12, tzinfo=UTC)
    clock.shift(60)
    assert datetime.now(UTC) == datetime(2030, 1, 1, 12, 1, tzinfo=UTC)


def test_the_clock_goes_on():
    assert datetime.now(UTC).year < 2030


def test_a_role_may_be_named_more_than_once(as_user, app):
    assert as_user("clerk").get("/api/auth/me").json["roles"] == as_user("clerk").get("/api/auth/me").json["roles"]
"""


def in_folder(folder: Path, *command: str, **environ: str) -> str:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "COV_", "PYTEST_"))}
    if server := outside.get("FLASKKIT_TEST_URL"):
        # Its workers are called as ours are, and so would their databases be.
        own = make_url(server).set(database=f"depot_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
        outside["FLASKKIT_TEST_URL"] = own.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=outside | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    for name, text in {
        "app.toml": APP,
        "depot/__init__.py": PACKAGE,
        "tests/conftest.py": CONFTEST,
        "tests/test_depot.py": TESTS,
        "pytest.ini": "[pytest]\nfilterwarnings = error\npythonpath = .\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def count_runs(migrations: Path) -> Any:
    """Let *migrations* note each time that they run; return what counts them."""
    notes = migrations.parent / "runs"
    [first] = migrations.glob("versions/*.py")
    first.write_text(first.read_text() + f"\nwith open({str(notes)!r}, 'a') as file:\n    file.write('x')\n")
    return lambda: len(notes.read_text()) if notes.exists() else 0


def test_in_a_project_with_migrations(depot):
    (depot / "wsgi.py").write_text(
        "from flaskkit import Config, create_app\n"
        "app = create_app(Config.load('depot', toml='app.toml', environ={'APP_ENV': 'development'}))\n"
    )
    flask = ["flask", "--app", "wsgi"]
    in_folder(depot, *flask, "db", "init")
    in_folder(depot, *flask, "db", "migrate", "-m", "first")
    runs = count_runs(depot / "migrations")
    assert "12 passed" in in_folder(depot, "pytest", "-q", "-n", "2")
    assert runs() == 1
    assert "2 passed" in in_folder(depot, "pytest", "-q", "-k", "clock")
    assert runs() == 1
    [version] = (depot / "migrations").glob("versions/*.py")
    version.write_text(version.read_text() + "\n# another state\n")
    assert "5 passed" in in_folder(depot, "pytest", "-q", "-k", "each or queries or lazy")
    assert runs() == 2


def test_without_a_fixture_nothing_is_imported():
    program = (
        "import sys; import flaskkit.testing.plugin;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'flask', 'sqlalchemy', 'polyfactory'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_who_has_no_config_is_told_where_it_goes(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one(app): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"There is no {tmp_path}/app.toml. Set flaskkit_config" in done.stdout
