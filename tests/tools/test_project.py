"""flask kit add, dev and upgrade, in a project that flaskkit new made."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flaskkit import Config, create_app, scaffold
from flaskkit.scaffold import code, main, upgrade
from flaskkit.scaffold.changes import with_entry
from flaskkit.scaffold.columns import column_of
from tests.warm import EVERYTHING, warm

BIN = Path(sys.executable).parent
# Kept between runs: a first look at SQLAlchemy takes mypy half a minute.
CACHE = str(Path(__file__).parents[2] / ".mypy_cache" / "projects")


class Project:
    """A folder in which commands are run as a user would."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs

    @property
    def environ(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "FLASK_", "PYTEST_"))}
        return kept | {"APP_ENV": "development", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command, fails=False):
        done = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def flask(self, *arguments, fails=False):
        return self.run(self.programs / "flask", *arguments, fails=fails)

    def texts(self):
        kept = [one for one in self.folder.rglob("*") if one.suffix in (".py", ".toml") and one.is_file()]
        return {str(file.relative_to(self.folder)): file.read_text() for file in kept}


@pytest.fixture(scope="module")
def programs():
    """The folder of `flask` and `python`."""
    # Files change within a second, which bytecode would not show.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "FLASK_"))}
    with warm(kept | {"PYTHONDONTWRITEBYTECODE": "1"}, EVERYTHING) as folder:
        yield folder


@pytest.fixture
def project(tmp_path, monkeypatch, programs):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["new", "shop", "--without", "files"])
    assert done.exit_code == 0, done.output
    return Project(tmp_path / "shop", programs)


def test_a_project_grows_and_passes_its_own_tests_lint_and_types(project):
    project.flask("db", "init")
    project.flask("db", "migrate", "-m", "first")
    project.flask("db", "upgrade")
    project.flask("kit", "add", "resource", "Category", "name:str:unique")
    project.flask("db", "upgrade")
    review = [
        "kit",
        "add",
        "resource",
        "Review",
        "title",
        "stars:int",
        "price:decimal",
        "seen:date:optional",
    ]
    review += ["product:ref", "category:ref"]

    before = project.texts()
    shown = project.flask(*review, "author:ref:User:optional", "more:json", "--dry-run")
    assert project.texts() == before
    assert '+    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"), index=True)' in shown
    assert "+from flaskkit import IntegerKey, Model, Resource, Timestamps, User, login, public" in shown
    assert '+    assert_isolated(app, changed=["products", "categories", "reviews"])' in shown
    assert '+module = Module("shop", resources=[products, categories, reviews])' in shown
    assert 'flask db migrate -m "Add reviews"' in shown

    project.flask(*review)
    project.flask("db", "upgrade")
    grown = project.texts()
    assert "Nothing is changed" in project.flask(*review)
    assert project.texts() == grown
    assert {"shop/reviews.py", "tests/test_reviews.py"} <= grown.keys()
    assert len([path for path in grown if path.startswith("migrations/versions/")]) == 3

    project.flask("kit", "add", "module", "blog")
    project.flask("kit", "add", "feature", "files")
    before = project.texts()
    alarm = ["kit", "add", "feature", "price_alarm", "--module", "shop"]
    shown = project.flask(*alarm, "--dry-run")
    assert project.texts() == before
    assert "+class PriceAlarm(Feature):" in shown
    assert "shop.price_alarm:PriceAlarm" in shown
    project.flask(*alarm)
    grown = project.texts()
    assert "price_alarm is on already. Nothing is changed." in project.flask(*alarm)
    assert project.texts() == grown
    assert "price_alarm" in project.flask("kit", "features")
    settings = tomllib.loads((project.folder / "app.toml").read_text())
    assert settings["modules"] == ["shop", "blog"]
    assert settings["features"][-2:] == ["files", "shop.price_alarm:PriceAlarm"]
    assert "COPY blog/ blog/\nCOPY shop/ shop/\n" in (project.folder / "Containerfile").read_text()

    project.run(sys.executable, "-m", "pytest", "-q")
    project.run(str(BIN / "ruff"), "format", "--check", ".")
    project.run(str(BIN / "ruff"), "check", ".")
    project.run(str(BIN / "mypy"), "--cache-dir", CACHE, "shop", "blog", "tests", "wsgi.py")
    # What it made is sound: nothing but what only a server decides.
    assert json.loads(project.flask("kit", "check", "--json"))["findings"] == []
    _serves(project)


def _serves(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        told = json.loads(project.flask("kit", "dev", "--port", str(busy), "--json"))
        assert told["port"] > busy
        assert told["places"]["mail that was sent"].endswith("/_mail/")
        assert told["database"][1] == "Its tables are as the models say."
        assert "Nobody can log in yet" in told["log in"][0]
        command = [sys.executable, "-m", "flask", "kit", "dev", "--port", str(busy), "--no-reload"]
        server = subprocess.Popen(
            command,
            cwd=project.folder,
            env=project.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            page = _answer(f"http://127.0.0.1:{told['port']}/products/", server)
        finally:
            server.send_signal(signal.SIGTERM)
            output, _ = server.communicate(timeout=60)
    assert 'class="flaskkit-debugbar"' in page
    assert f"http://127.0.0.1:{told['port']}/api/docs" in output


def _answer(url, server):
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError("The server gave no answer.")


class Part:
    """Stands for a model."""


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("size:inti", "'inti' is no type. Did you mean 'int'?"),
        ("owner:ref:Prt", "there is no model Prt. Did you mean 'Part'?"),
        ("owner:ref", "Add it first: flask kit add resource Owner name:str"),
        ("id:int", "'id' is there already"),
        ("class:int", "'class' is no name for a column"),
        ("size:int:uniqe", "'uniqe' is no rule. Did you mean 'unique'?"),
    ],
)
def test_a_column_that_cannot_be_read_is_told(column, told):
    with pytest.raises(click.ClickException) as refused:
        column_of(column, {"Part": Part})
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["resource", "part", "size:int"], "'part' is no name for a model"),
        (["resource", "Part"], "Which columns?"),
        (["resource", "Part", "size:int"], "No module of this app is in a package below this folder."),
        (
            ["feature", "fils"],
            "There is no feature 'fils'. Did you mean 'files'? To write a new one: flask kit add feature fils --new",
        ),
        (["feature", "fils", "--new"], "The features of this app come from code: add it there by hand."),
        (["feature", "json"], "'json' is the name of another package."),
        (["feature", "files"], "The features of this app come from code: add it there by hand."),
        (["feature", "db"], "db is on already. Nothing is changed."),
        (["module", "json"], "'json' is the name of another package."),
    ],
)
def test_a_wrong_wish_is_refused(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = create_app(Config("shop", env="testing", features=["db"]))
    assert told in app.test_cli_runner().invoke(args=["kit", "add", *arguments]).output
    assert [*tmp_path.iterdir()] == []


def test_production_is_served_otherwise(tmp_path):
    options = {"instance_path": str(tmp_path)}
    app = create_app(
        Config("shop", env="production", secret_key="5f0c9e71b2d8a46c3f5e70d1ab36c9e2", flask_options=options)
    )
    assert "This is production" in app.test_cli_runner().invoke(args=["kit", "dev"]).output


# What a next generation could change: lines in the middle and at the end of files, a file that goes and one that comes.
SECOND = {
    "Makefile.jinja": [
        ("$(BIN)/pytest\n", "$(BIN)/pytest --quiet\n"),
        ("# make check  format, lint, types\n", "# make check  format, lint, types, and what is unsafe\n"),
        ("tests wsgi.py\n", "tests wsgi.py\n\t$(BIN)/flask kit check\n"),
    ],
    "pyproject.toml.jinja": [('"gunicorn>=23"', '"granian>=2"')],
    "Containerfile.jinja": [('"gunicorn", "--bind", "0.0.0.0:8000"', '"granian", "--host", "0.0.0.0"')],
    "package/__init__.py.jinja": [("String(80)", "String(100)"), ("Something that can be bought.", "What is sold.")],
    "app.toml.jinja": [('modules = ["{{ name }}"]\n', 'modules = ["{{ name }}"]\nflask = { TESTING = false }\n')],
    "gitignore.jinja": [(".env\n", ".env\n*.log\n")],
}


@pytest.fixture
def second(project, tmp_path, monkeypatch):
    """A flaskkit with a next generation of templates, and a project that the first one made; they may differ in git."""
    monkeypatch.chdir(project.folder)
    folder = tmp_path / "templates"
    shutil.copytree(scaffold.TEMPLATES / "1", folder / "1")
    shutil.copytree(scaffold.TEMPLATES / "1", folder / "2")
    for name, changes in SECOND.items():
        file = folder / "2" / name
        for old, new in changes:
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
    (folder / "2/ci.yml.jinja").unlink()
    (folder / "2/forge.jinja").write_text("image: python\nscript: make test check\n")
    monkeypatch.setattr(scaffold, "TEMPLATES", folder)
    monkeypatch.setitem(scaffold.FILES, "forge", ".forge.yml")


def upgraded(*options):
    done = CliRunner().invoke(upgrade.upgrade, options)
    return done.exit_code, done.output


def edit(path, old, new):
    file = Path(path)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def contents():
    return {str(file): file.read_text() for file in Path().rglob("*") if file.is_file()}


def test_a_project_nobody_changed_becomes_what_is_made_today(second):
    assert upgraded("--apply")[0] == 0
    made = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["flaskkit"]
    fresh = scaffold.files("shop", made["database"], made["features"])
    old = ".github/workflows/ci.yml"
    assert contents().keys() == {*fresh, old}
    assert {path: text for path, text in contents().items() if path != old} == fresh
    assert upgraded() == (0, "This project is as the installed flaskkit would make it. There is nothing to upgrade.\n")


def test_an_upgrade_keeps_every_edit(second):
    edit("Makefile", "PORT ?= 5000", "PORT ?= 8000")
    edit("Makefile", "\n.env:\n", "\nmine:\n\techo mine\n\n.env:\n")
    edit("pyproject.toml", 'version = "0.1.0"', 'version = "3.2.1"')
    edit("shop/__init__.py", 'sorts=["name", "price"]', 'sorts=["price"]')
    edit("app.toml", "[pages]", '[auth]\nsign_up = "closed"\n\n[pages]')
    Path(".gitignore").unlink()
    Path("shop/mine.py").write_text("MINE = 1\n")
    before = contents()

    code, shown = upgraded()
    assert (code, contents()) == (0, before)
    assert "+\t$(BIN)/pytest --quiet" in shown
    assert "Nothing is changed yet. To do it: flask kit upgrade --apply" in shown
    assert ".gitignore changes, but you removed it. It stays so." in shown
    assert ".github/workflows/ci.yml is not made any more. It stays; delete it" in shown

    assert upgraded("--apply")[0] == 0
    after = contents()
    made = tomllib.loads(before["pyproject.toml"])["tool"]["flaskkit"]
    first = scaffold.files("shop", "sqlite", made["features"], scaffold=1, requirement=made["flaskkit"])
    for path, text in before.items():
        mine = {*text.splitlines()} - {*first.get(path, "").splitlines()}
        assert mine <= {*after[path].splitlines()}, path
    assert "mine:\n\techo mine\n" in after["Makefile"]
    assert "PORT ?= 8000" in after["Makefile"]
    assert "\t$(BIN)/flask kit check\n" in after["Makefile"]
    assert 'sorts=["price"]' in after["shop/__init__.py"]
    assert "String(100)" in after["shop/__init__.py"]
    assert after["shop/mine.py"] == "MINE = 1\n"
    assert ".gitignore" not in after
    assert after[".forge.yml"] == "image: python\nscript: make test check\n"
    settings = tomllib.loads(after["app.toml"])
    assert (settings["auth"], settings["flask"]) == ({"sign_up": "closed"}, {"TESTING": False})
    project = tomllib.loads(after["pyproject.toml"])
    assert (project["project"]["version"], project["tool"]["flaskkit"]["scaffold"]) == ("3.2.1", 2)
    assert any("granian" in one for one in project["project"]["dependencies"])


def test_where_both_changed_the_same_lines_both_stay(second):
    edit("shop/__init__.py", "String(80)", "String(60)")
    Path(".forge.yml").write_text("mine\n")
    code, told = upgraded("--apply")
    assert code == 1
    assert "look for <<<<<<<:\n  shop/__init__.py\n  .forge.yml\n" in told
    package = Path("shop/__init__.py").read_text()
    [conflict] = re.findall(r"<<<<<<< yours\n(.*?)=======\n(.*?)>>>>>>> upgrade\n", package, re.DOTALL)
    assert ["String(60)" in conflict[0], "String(100)" in conflict[1]] == [True, True]
    # What nobody disputes is merged all the same.
    assert '"""What is sold."""' in package
    assert Path(".forge.yml").read_text().startswith("<<<<<<< yours\nmine\n=======\nimage: python\n")
    assert "There is nothing to upgrade." in upgraded()[1]


def test_a_project_of_a_newer_flaskkit_is_left_alone(second):
    edit("pyproject.toml", "scaffold = 1", "scaffold = 9")
    assert upgraded("--apply") == (
        1,
        "Error: A newer flaskkit than the installed one made this project. Install that.\n",
    )


def test_an_upgrade_needs_to_know_what_made_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no table [tool.flaskkit]" in CliRunner().invoke(upgrade.upgrade).output


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = ["a"]\n', 'x = ["a", "b"]\n'),
        ("x = []\n", 'x = ["b"]\n'),
        ('x = [\n    "a",\n]\n', 'x = [\n    "a",\n    "b",\n]\n'),
        ('x = ["b"]\n', 'x = ["b"]\n'),
    ],
)
def test_an_entry_of_toml_is_added_in_place(before, after):
    assert with_entry(before, "x", "b") == after


def test_an_entry_that_cannot_be_added_is_told():
    with pytest.raises(click.ClickException, match="no line x = "):
        with_entry("y = 1\n", "x", "b")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("module = Module('é', resources=[a])\n", "module = Module('é', resources=[a, b])\n"),
        ("module = Module('s', resources=[a,\n  c,\n])\n", "module = Module('s', resources=[a,\n  c, b,\n])\n"),
        ("module = Module('s', resources=[])\n", "module = Module('s', resources=[b])\n"),
        ("module = Module('s')\n", "module = Module('s', resources=[b])\n"),
    ],
)
def test_a_resource_is_added_to_its_module(before, after):
    assert code.with_resource(before, "b") == after


def test_an_import_is_added_behind_the_others():
    assert (
        code.with_import('"""Doc."""\nx = 1\n', "from shop.b import b") == '"""Doc."""\n\nfrom shop.b import b\nx = 1\n'
    )
    assert code.with_import("import os\n", "from shop.b import b") == "import os\n\nfrom shop.b import b\n"
    assert (
        code.with_import("from shop.a import a\n", "from shop.b import b")
        == "from shop.a import a\nfrom shop.b import b\n"
    )
