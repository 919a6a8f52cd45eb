"""What the test kit costs on SQLite: a project with 100 migrations and 500 tests that write to the database.

python bench/testkit.py          prints the table of docs/testing.md
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

TESTS, MIGRATIONS = 500, 100

PACKAGE = """
from flaskkit import IntegerKey, Model, Module, Resource, public
from sqlalchemy.orm import Mapped


class Thing(IntegerKey, Model):
    __tablename__ = "thing"
    name: Mapped[str]


module = Module("depot", resources=[Resource(Thing, name="things", fields=["name"], read=public, write=public)])
"""
TEST = f"""
import pytest
from depot import Thing
from flaskkit import db
from sqlalchemy import func, select


@pytest.mark.parametrize("number", range({TESTS}))
def test_one(app, number):
    with app.app_context():
        db.session.add(Thing(name="one"))
        db.session.commit()
        assert db.session.scalar(select(func.count()).select_from(Thing)) == 1
"""
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{this}", {before}

with open("runs", "a") as file:
    file.write("x")


def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(255)))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write_project(project)
        first = timed(project)
        loaded = len((project / "runs").read_text())
        second = timed(project)
        again = len((project / "runs").read_text()) - loaded
        resets = resets_of(project)
    print("| | |\n|---|---|")
    print(f"| {TESTS} tests with {MIGRATIONS} migrations, first run | {first:.1f} s |")
    print(f"| the same again: {again or 'no'} migration is looked at | {second:.1f} s |")
    print(f"| to begin and roll back one test, median of {len(resets)} | {median(resets):.2f} ms |")


def write_project(project: Path) -> None:
    files = {
        "app.toml": 'features = ["db", "migrate", "forms", "api"]\nmodules = ["depot"]\n',
        "depot/__init__.py": PACKAGE,
        "tests/test_depot.py": TEST,
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "wsgi.py": "from flaskkit import Config, create_app\n"
        "app = create_app(Config.load('depot', toml='app.toml', environ={'APP_ENV': 'development'}))\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    subprocess.run([sys.executable, "-m", "flask", "db", "init"], cwd=project, check=True, capture_output=True)
    for number in range(MIGRATIONS):
        table = "thing" if number == MIGRATIONS - 1 else f"table{number}"
        before = repr(f"r{number - 1:03}") if number else None
        text = MIGRATION.format(this=f"r{number:03}", before=before, table=table)
        (project / f"migrations/versions/r{number:03}.py").write_text(text)


def timed(project: Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=project, check=False, capture_output=True, text=True
    )
    assert f"{TESTS} passed" in done.stdout, done.stdout + done.stderr
    return time.perf_counter() - start


def resets_of(project: Path) -> list[float]:
    """Return how many milliseconds each test of a run spends on its database, before and after."""
    os.chdir(project)
    sys.path.insert(0, str(project))
    from flaskkit import db
    from flaskkit.testing.databases import Place
    from flaskkit.testing.setup import config_of, fresh, started

    found = []
    place = Place(root=project, cache=project / "cache", folder=project / "own")
    place.folder.mkdir()
    with started(config_of(project / "app.toml"), place, None) as app:
        from depot import Thing

        for _ in range(TESTS):
            start = time.perf_counter()
            with fresh(app):
                began = time.perf_counter()
                with app.app_context():
                    db.session.add(Thing(name="one"))
                    db.session.commit()
                done = time.perf_counter()
            found.append((time.perf_counter() - done + began - start) * 1000)
    return found


if __name__ == "__main__":
    main()
