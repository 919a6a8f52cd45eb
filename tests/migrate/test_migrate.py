"""flask db …: as Flask-Migrate documents, with models always seen and no accidents."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flaskkit.db.engine import understood
from tests.warm import warm

MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column
from flaskkit import IntegerKey, Model, Module, Timestamps

class Maker(IntegerKey, Timestamps, Model):
    name: Mapped[str] = mapped_column(unique=True)

class Thing(IntegerKey, Model):
    name: Mapped[str]
    maker_id: Mapped[int] = mapped_column(ForeignKey("maker.id", ondelete="CASCADE"))

module = Module("shop")
"""
APP = """
import os
from flaskkit import Config, create_app
config = Config.load("app", env="testing", features=["db", "migrate"], modules=["shop"], environ=os.environ)
app = create_app(config)
"""


class Project:
    """A folder with an app, in which ``flask`` is run as a user would."""

    def __init__(self, folder: Path, url: str, programs: Path) -> None:
        self.folder, self.url, self.programs = folder, url, programs
        self.write("app.py", APP)
        self.write("shop.py", MODELS)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def flask(self, *arguments, fails=False):
        environ = {**os.environ, "APP_DB_URL": self.url}
        command = [self.programs / "flask", "--app", "app", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        assert "Warning" not in said
        return said

    def python(self, code):
        code = f"from app import app\nfrom shop import *\nfrom flaskkit import db\nwith app.app_context():\n    {code}"
        environ = {**os.environ, "APP_DB_URL": self.url}
        command = [self.programs / "python", "-c", code]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @property
    def migrations(self):
        return sorted(self.folder.glob("migrations/versions/*.py"))


@pytest.fixture(scope="module")
def programs():
    """The folder of `flask` and `python`. What they have imported declares no model."""
    # Files change within a second, which bytecode would not show.
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with warm(environ, ["flask.cli", "flask_migrate", "flask_smorest", "flask_sqlalchemy", "flaskkit.app"]) as folder:
        yield folder


@pytest.fixture
def project(tmp_path, database_url, programs):
    return Project(tmp_path, database_url, programs)


def test_a_project_lives_with_migrations(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    first = project.migrations[0].read_text()
    assert "name=op.f('uq_maker_name')" in first
    assert "from flaskkit import UTCDateTime" in first
    project.flask("db", "upgrade")
    assert "No new upgrade operations detected" in project.flask("db", "check")
    assert "No changes in schema detected" in project.flask("db", "migrate")
    assert len(project.migrations) == 1

    project.python(
        "m = Maker(name='a'); db.session.add(m); db.session.flush(); "
        "db.session.add(Thing(name='t', maker_id=m.id)); db.session.commit()"
    )
    changed = MODELS.replace(
        "name: Mapped[str] = mapped_column(unique=True)", "name: Mapped[str]\n    town: Mapped[str | None]"
    )
    project.write("shop.py", changed)
    assert "New upgrade operations detected" in project.flask("db", "check", fails=True)
    project.flask("db", "migrate", "-m", "second")
    project.flask("db", "upgrade")
    assert project.python("print(db.session.query(Thing).count())") == "1"
    project.flask("db", "downgrade")
    assert project.python("print(db.session.query(Thing).count())") == "1"


def test_types_of_other_features_are_written_so_that_migrations_can_import_them(project):
    project.write("app.py", APP.replace('"migrate"]', '"migrate", "api"]'))
    project.write(
        "shop.py",
        "from sqlalchemy.orm import Mapped, mapped_column\n"
        "from flaskkit import File, FileType, IntegerKey, Model, Module\n"
        "class Thing(IntegerKey, Model):\n"
        "    picture: Mapped[File | None] = mapped_column(FileType(types=['image/png']))\n"
        "module = Module('shop')\n",
    )
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    first = project.migrations[0].read_text()
    assert "from flaskkit import FileType" in first
    assert "sa.Column('picture', FileType(), nullable=True)" in first
    assert 'sa.Column(\'body\', sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")' in first
    project.flask("db", "upgrade")
    assert "No new upgrade operations detected" in project.flask("db", "check")


def test_an_index_of_words_is_made_once_and_for_every_database(project):
    project.write(
        "shop.py",
        "from sqlalchemy.orm import Mapped\n"
        "from flaskkit import IntegerKey, Model, Module, text_index\n"
        "class Thing(IntegerKey, Model):\n"
        "    __table_args__ = (text_index('title', 'body'),)\n"
        "    title: Mapped[str]\n"
        "    body: Mapped[str]\n"
        "module = Module('shop')\n",
    )
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    first = project.migrations[0].read_text()
    for words in ("postgresql_using='gin'", "gin_trgm_ops", "mariadb_prefix='FULLTEXT'", "sqlite_where"):
        assert words in first
    if project.url.startswith("postgresql"):
        engine = create_engine(understood(project.url))
        with engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        engine.dispose()
    project.flask("db", "upgrade")
    assert "No new upgrade operations detected" in project.flask("db", "check")
    names = "print([one['name'] for one in __import__('sqlalchemy').inspect(db.engine).get_indexes('thing')])"
    assert "ix_thing_title_body" in project.python(names)


FILLED = """
import enum
from datetime import datetime
from decimal import Decimal
from sqlalchemy import Numeric, String
from sqlalchemy.orm import Mapped, mapped_column
from flaskkit import IntegerKey, Model, Module, Timestamps

class State(enum.Enum):
    new = 1
    used = 2

class Maker(IntegerKey, Timestamps, Model):
    name: Mapped[str]

class Thing(IntegerKey, Timestamps, Model):
    name: Mapped[str]
    label: Mapped[str] = mapped_column(String(20), default="it's new")
    pieces: Mapped[int] = mapped_column(default=3)
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2), default=Decimal("2.50"))
    sold: Mapped[bool] = mapped_column(default=False)

module = Module("shop")
"""


def test_rows_that_are_there_get_the_default_of_a_new_column(project):
    project.write(
        "shop.py",
        MODELS.replace(
            "maker_id: Mapped[int] = mapped_column(ForeignKey",
            "maker_id: Mapped[int | None] = mapped_column(ForeignKey",
        ),
    )
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.python('db.session.add(Thing(name="Cup")); db.session.commit()')
    project.write("shop.py", FILLED)
    project.flask("db", "migrate", "-m", "second")
    project.flask("db", "upgrade")
    said = project.python(
        "cup = db.session.query(Thing).one(); print(cup.label, cup.pieces, cup.price, cup.sold, cup.created_at.tzinfo)"
    )
    assert said == "it's new 3 2.50 False UTC"
    assert "No new upgrade operations detected." in project.flask("db", "check")


def test_a_new_column_without_a_value_for_rows_that_are_there_is_told(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.write(
        "shop.py", MODELS.replace("    name: Mapped[str]\n", "    name: Mapped[str]\n    code: Mapped[str]\n")
    )
    said = project.flask("db", "migrate", "-m", "second")
    assert "thing.code must not be null, and rows that are there have no value for it" in said


def test_a_column_that_may_have_been_renamed_is_told_before_its_values_are_lost(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    renamed = MODELS.replace("    name: Mapped[str]\n", "    title: Mapped[str | None]\n")
    project.write("shop.py", renamed)
    said = project.flask("db", "migrate", "-m", "second")
    assert "thing.name is dropped with all that it holds." in said
    assert "batch_op.alter_column('name', new_column_name='title')" in said


def test_a_new_member_of_an_enum_is_stored_after_a_migration(project):
    first = FILLED.replace(
        "    name: Mapped[str]\n    label", "    name: Mapped[str]\n    state: Mapped[State]\n    label"
    )
    project.write("shop.py", first)
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.write("shop.py", first.replace("    used = 2", "    used = 2\n    gone = 3"))
    if project.url.startswith("postgresql"):
        assert "enum state lacks 'gone'" in project.flask("kit", "check", fails=True)
        assert "gone" in project.flask("db", "check", fails=True)
        project.flask("db", "migrate", "-m", "second")
        project.flask("db", "upgrade")
    elif not project.url.startswith("sqlite"):
        project.flask("db", "migrate", "-m", "second")
        project.flask("db", "upgrade")
    assert (
        project.python('db.session.add(Thing(name="Cup", state=State.gone)); db.session.commit(); print("yes")')
        == "yes"
    )
    assert "No new upgrade operations detected." in project.flask("db", "check")


def test_an_app_without_models_is_refused_a_migration(project):
    project.flask("db", "init")
    project.write("shop.py", "from flaskkit import Module\nmodule = Module('shop')\n")
    said = project.flask("db", "migrate", fails=True)
    assert "This app has no models" in said
    assert "Modules imported: shop. Name yours in Config(modules=[…])." in said
    assert project.migrations == []
    assert "This app has no models" in project.flask("db", "check", fails=True)
    project.flask("db", "revision", "-m", "by hand")
    assert len(project.migrations) == 1


def test_a_migration_that_would_drop_every_table_is_refused(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.write(
        "shop.py",
        MODELS.replace("class Maker", "class Builder")
        .replace("class Thing", "class Piece")
        .replace("maker.id", "builder.id"),
    )
    said = project.flask("db", "migrate", fails=True)
    assert "This migration would drop every table (maker, thing). Modules imported: shop." in said
    assert "would drop every table (maker, thing)" in project.flask("db", "check", fails=True)
    assert len(project.migrations) == 1


def test_tables_are_not_made_beside_migrations(project):
    project.flask("db", "init")
    assert "This app has migrations in migrations/. Run: flask db upgrade" in project.flask(
        "kit", "create-tables", fails=True
    )


def test_a_migration_that_fails_half_way_leaves_nothing_behind(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    file = project.migrations[0]
    file.write_text(file.read_text().replace("def downgrade", "    raise SystemError('half way')\n\ndef downgrade"))
    project.flask("db", "upgrade", fails=True)
    left = set(project.python("print(*db.inspect(db.engine).get_table_names())").split()) - {"alembic_version"}
    # MariaDB commits each CREATE TABLE by itself.
    assert left == ({"maker", "thing"} if project.url.startswith(("mysql", "mariadb")) else set())


def test_an_unreachable_database_is_named_without_its_password(project):
    project.flask("db", "init")
    project.url = "postgresql://me:hush-hush@127.0.0.1:1/none"
    said = project.flask("db", "upgrade", fails=True)
    assert "The database postgresql+psycopg://me:***@127.0.0.1:1/none cannot be used" in said
    assert "hush-hush" not in said
    assert "Traceback" not in said


def test_tables_of_a_feature_that_was_switched_off_stay(project):
    project.write("app.py", APP.replace('"migrate"]', '"migrate", "forms", "auth"]'))
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.write("app.py", APP)
    assert "No changes in schema detected" in project.flask("db", "migrate")


def test_the_table_of_a_setting_that_was_switched_off_stays(project):
    with_api = APP.replace('"migrate"]', '"migrate", "api"]')
    project.write("app.py", with_api)
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    tables = "print(*db.inspect(db.engine).get_table_names())"
    assert "api_idempotency_keys" in project.python(tables).split()
    project.flask("db", "check")
    project.write(
        "app.py", with_api.replace("create_app(config)", 'create_app(config.replace(api={"idempotency_hours": 0}))')
    )
    project.flask("db", "check")
    assert "No changes in schema detected" in project.flask("db", "migrate")
