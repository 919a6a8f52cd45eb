"""A new project passes its own tests, lint and types; a wrong wish is refused, and nothing is written."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from flaskkit import scaffold
from flaskkit.errors import FeatureError
from flaskkit.feature import available
from flaskkit.scaffold import main

BIN = Path(sys.executable).parent
# Kept between runs: a first look at SQLAlchemy takes mypy half a minute.
CACHE = str(Path(__file__).parents[2] / ".mypy_cache" / "projects")


@pytest.fixture
def new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["new", *arguments])


def in_project(folder: Path, *command: str) -> str:
    """Run *command* in *folder* as its Makefile does, and return what it prints."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "COV_", "PYTEST_"))}
    done = subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ten_files_of_two_hundred_lines_at_most(new, tmp_path):
    made = new("shop")
    assert made.exit_code == 0, made.output
    files = [file for file in (tmp_path / "shop").rglob("*") if file.is_file()]
    assert len(files) <= 10
    assert sum(len(file.read_text().splitlines()) for file in files) <= 200
    assert {f"  shop/{file.relative_to(tmp_path / 'shop')}" for file in files} <= {*made.output.splitlines()}
    assert made.output.endswith("Now:  cd shop && make dev\n")


# The full one does it in tests/smoke, from a wheel and with its own commands.
@pytest.mark.parametrize("preset", ["api", "site"])
def test_it_passes_its_own_tests_lint_and_types(new, tmp_path, preset):
    assert new("shop", "--preset", preset).exit_code == 0
    shop = tmp_path / "shop"
    in_project(shop, sys.executable, "-m", "pytest", "-q")
    in_project(shop, str(BIN / "ruff"), "format", "--check", ".")
    in_project(shop, str(BIN / "ruff"), "check", ".")
    in_project(shop, str(BIN / "mypy"), "--cache-dir", CACHE, "shop", "tests", "wsgi.py")


@pytest.mark.parametrize(
    ("arguments", "features"),
    [
        (["--preset", "api"], ["db", "migrate", "forms", "auth", "api", "security", "limits"]),
        (
            ["--preset", "api", "--with", "files", "--without", "limits"],
            ["db", "migrate", "forms", "auth", "api", "security", "files"],
        ),
        (
            ["--preset", "site", "--without", "admin", "--without", "migrate", "--without", "mail"],
            ["db", "forms", "auth", "pages", "history", "i18n", "security", "limits", "debugbar"],
        ),
    ],
)
def test_features_are_chosen(new, tmp_path, arguments, features):
    assert new("shop", *arguments).exit_code == 0
    assert tomllib.loads((tmp_path / "shop/app.toml").read_text())["features"] == features


def test_the_database_brings_its_driver_and_an_example_of_its_url(new, tmp_path):
    making = "createdb --host 127.0.0.1 --username postgres shop\n"
    assert f"To make it:  {making}" in new("shop", "--database", "postgresql").output
    assert f"# Made once by: {making}APP_DB_URL=" in (tmp_path / "shop/.env.example").read_text()
    assert "flaskkit[all,postgres]" in (tmp_path / "shop/pyproject.toml").read_text()
    assert "APP_DB_URL=postgresql://" in (tmp_path / "shop/.env.example").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["My-Shop"], "'My-Shop' is no name for a package"),
        (["class"], "'class' is no name for a package"),
        (["json"], "'json' is the name of another package."),
        (["shop", "--with", "page"], "--with page: there is no such feature. Did you mean 'pages'?"),
        (["shop", "--without", "adminn"], "--without adminn: it is not among them. Did you mean 'admin'?"),
        (["shop", "--without", "forms"], "Feature 'auth' needs feature 'forms', which is switched off."),
        (["shop", "--preset", "most"], "'most' is not one of 'full', 'api', 'site'"),
        (["../shop"], "'../shop' is no name for a package"),
    ],
)
def test_a_wrong_wish_is_refused(new, tmp_path, arguments, told):
    refused = new(*arguments)
    assert refused.exit_code != 0
    assert told in refused.output
    assert [*tmp_path.iterdir()] == []


def test_a_full_project_has_every_feature(new, tmp_path):
    assert new("shop", "--preset", "full").exit_code == 0
    ours = {name for name, point in available().items() if point.module.startswith("flaskkit.")}
    assert {*tomllib.loads((tmp_path / "shop/app.toml").read_text())["features"]} == ours


def test_an_image_holds_what_is_named_and_no_secret(new, tmp_path):
    assert new("shop", "--without", "migrate").exit_code == 0
    lines = (tmp_path / "shop/Containerfile").read_text().splitlines()
    copied = [line for line in lines if line.startswith("COPY")]
    assert copied == ["COPY pyproject.toml app.toml wsgi.py ./", "COPY shop/ shop/"]


def test_the_docs_show_the_containerfile_that_is_written(new, tmp_path):
    assert new("shop").exit_code == 0
    page = Path(__file__).parents[2] / "docs" / "deployment.md"
    assert f"```text\n{(tmp_path / 'shop/Containerfile').read_text()}```\n" in page.read_text("utf-8")


def test_on_a_terminal_it_asks(tmp_path):
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [BIN / "flaskkit", "new", "shop"], cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, text=True
    )
    os.write(ours, b"api\npostgresql\n")
    output, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "What shall it be made of? (full, api, site) [full]" in output
    assert "Where shall its rows be? (sqlite, postgresql, mariadb) [sqlite]" in output
    assert tomllib.loads((tmp_path / "shop/pyproject.toml").read_text())["tool"]["flaskkit"]["database"] == "postgresql"


def test_it_needs_no_package_but_flaskkit(new, tmp_path, monkeypatch):
    """As with a plain `pip install flaskkit`, or `uvx flaskkit new`."""
    missing = FeatureError("Feature 'auth' needs the package 'argon2'.")
    known = scaffold.find

    def without_argon2(name):
        if name in ("auth", "admin"):
            raise missing
        return known(name)

    monkeypatch.setattr(scaffold, "find", without_argon2)
    assert new("shop").exit_code == 0
    assert "Feature 'pages' needs feature 'forms', which is switched off." in new("other", "--without", "forms").output


def test_nothing_is_written_over(new, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/mine.txt").write_text("mine")
    refused = new("shop")
    assert refused.exit_code == 1
    assert "shop is there already, and not an empty folder." in refused.output
    assert [file.name for file in (tmp_path / "shop").iterdir()] == ["mine.txt"]
