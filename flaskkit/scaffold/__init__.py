"""The command ``flaskkit new``: a project to begin with, a folder of at most ten files.

    flaskkit new shop                        everything on, on SQLite
    flaskkit new shop --preset api --database postgresql --without migrate

add.py         flask kit add, with columns.py, code.py and changes.py
upgrade.py     flask kit upgrade

The files are the templates beside this one, as they are named in ``FILES``. Nothing of this is imported by an app.
"""

from __future__ import annotations

import json
import keyword
import sys
from collections.abc import Iterable
from importlib.metadata import distribution, version
from pathlib import Path

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flaskkit.errors import FeatureError, did_you_mean
from flaskkit.feature import Feature, available, find

# A folder for each generation of templates, called 1, 2, …. Before a change that projects should get, the newest is
# copied to the next number and changed there: flask kit upgrade compares what both make.
TEMPLATES = Path(__file__).with_name("templates")
PRESETS = {
    "full": (
        *("db", "migrate", "forms", "auth", "mail", "files", "api", "pages", "admin", "history", "i18n"),
        *("security", "limits", "debugbar"),
    ),
    "api": ("db", "migrate", "forms", "auth", "api", "security", "limits"),
    "site": (
        *("db", "migrate", "forms", "auth", "mail", "pages", "admin", "history", "i18n"),
        *("security", "limits", "debugbar"),
    ),
}
DATABASES = {
    "sqlite": "",
    "postgresql": "postgresql://postgres@127.0.0.1:5432/{name}",
    "mariadb": "mariadb://root@127.0.0.1:3306/{name}",
}
# How the database is made that such a URL names.
MAKING = {
    "postgresql": "createdb --host 127.0.0.1 --username postgres {name}",
    "mariadb": "mariadb --host 127.0.0.1 --user root --execute 'CREATE DATABASE {name}'",
}
EXTRAS = {"postgresql": "postgres", "mariadb": "mariadb"}
# Where each template is written to, in all generations.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "app.toml": "app.toml",
    "wsgi.py": "wsgi.py",
    "package/__init__.py": "{name}/__init__.py",
    "tests/test_products.py": "tests/test_products.py",
    "Makefile": "Makefile",
    "gitignore": ".gitignore",
    "env": ".env.example",
    "Containerfile": "Containerfile",
    "ci.yml": ".github/workflows/ci.yml",
}


@click.group()
@click.version_option(version("flaskkit"), prog_name="flaskkit")
def main() -> None:
    """Full-stack apps on Flask. Inside a project, see also: flask kit."""


@main.command()
@click.argument("name")
@click.option("--preset", type=click.Choice([*PRESETS]), help="What the app is made of; full, unless you say.")
@click.option("--database", type=click.Choice([*DATABASES]), help="Where its rows are; sqlite, unless you say.")
@click.option("--with", "wanted", multiple=True, metavar="FEATURE", help="A feature to add. Repeatable.")
@click.option("--without", "unwanted", multiple=True, metavar="FEATURE", help="A feature to leave out. Repeatable.")
def new(
    name: str, preset: str | None, database: str | None, wanted: tuple[str, ...], unwanted: tuple[str, ...]
) -> None:
    """Make the project NAME, in a new folder of that name."""
    folder = Path(name)
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{name} is there already, and not an empty folder. Choose another name.")
    if preset is None:
        preset = _asked("What shall it be made of?", [*PRESETS])
    if database is None:
        database = _asked("Where shall its rows be?", [*DATABASES])
    features = _chosen(preset, wanted, unwanted)
    for path, text in files(name, database, features).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        click.echo(f"  {file}")
    if database in MAKING:
        click.echo(f"\nIts database is in .env.example. To make it:  {MAKING[database].format(name=name)}")
    click.echo(f"\nNow:  cd {name} && make dev")


def files(
    name: str, database: str, features: Iterable[str], *, scaffold: int = 0, requirement: str = ""
) -> dict[str, str]:
    """Return the text of each file of the project *name*, by path, without writing one.

    *scaffold* is which generation of templates they are made from, the newest unless you say; *requirement* which
    flaskkit they ask for.
    """
    scaffold = scaffold or newest()
    made = templates(scaffold)
    extras = ["all"] if database == "sqlite" else ["all", EXTRAS[database]]
    requirement = requirement or f"flaskkit[{','.join(extras)}]{_this_flaskkit()}"
    values = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "features": list(features),
        "flaskkit": requirement,
        "testkit": f"flaskkit[testing]{requirement.partition(']')[2]}",
        "url": DATABASES[database].format(name=name),
        "making": MAKING.get(database, "").format(name=name),
        "database": database,
        "scaffold": scaffold,
    }
    return {
        path.format(name=name): made.get_template(f"{file}.jinja").render(values)
        for file, path in FILES.items()
        if f"{file}.jinja" in made.list_templates()
    }


def newest() -> int:
    """Return the number of the newest generation of templates."""
    return max(int(folder.name) for folder in TEMPLATES.iterdir() if folder.name.isdecimal())


def templates(scaffold: int = 0) -> Environment:
    """Return the environment of the templates of that generation; of the newest unless you say."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES / str(scaffold or newest())),
        autoescape=False,  # noqa: S701  (not HTML)
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def _this_flaskkit() -> str:
    """Return what makes "flaskkit" the requirement (PEP 508) of the one that runs here: ">=1.2" or " @ file:///…"."""
    origin = distribution("flaskkit").read_text("direct_url.json")
    if origin is None:
        return f">={version('flaskkit')}"
    # PEP 610: from a folder, a file or a repository rather than from an index.
    came = json.loads(origin)
    vcs = came.get("vcs_info")
    return f" @ {vcs['vcs']}+{came['url']}@{vcs['commit_id']}" if vcs else f" @ {came['url']}"


def check_name(name: str) -> None:
    """Raise unless a package can have that *name*."""
    wrong = ""
    if not (name.isidentifier() and name.isascii() and name == name.lower()) or keyword.iskeyword(name):
        wrong = "is no name for a package: use lower-case letters, digits and '_', beginning with a letter"
    elif name in {*sys.stdlib_module_names, "flask", "flaskkit", "tests", "wsgi"}:
        wrong = "is the name of another package"
    if wrong:
        raise click.ClickException(f"{name!r} {wrong}.")


def _asked(question: str, choices: list[str]) -> str:
    """Return what is chosen on a terminal; where nobody can be asked, the first of *choices*."""
    if not sys.stdin.isatty():
        return choices[0]
    answer: str = click.prompt(question, type=click.Choice(choices), default=choices[0])
    return answer


def _chosen(preset: str, wanted: Iterable[str], unwanted: Iterable[str]) -> list[str]:
    """Return the names of the features of *preset*, with those wanted and without those that are not."""
    names = list(dict.fromkeys([*PRESETS[preset], *wanted]))
    for name in unwanted:
        if name not in names:
            raise click.ClickException(f"--without {name}: it is not among them.{did_you_mean(name, names)}")
        names.remove(name)
    for name in wanted:
        if name not in available():
            raise click.ClickException(f"--with {name}: there is no such feature.{did_you_mean(name, available())}")
    # With flaskkit alone, not all can be imported: the project brings what they need, and looks again when it starts.
    needed = {one: found.requires for one in names if (found := _found(one))}
    for name, others in needed.items():
        for other in others:
            if other not in names:
                raise click.ClickException(f"Feature {name!r} needs feature {other!r}, which is switched off.")
    return names


def _found(name: str) -> type[Feature] | None:
    try:
        return find(name)
    except FeatureError:
        return None
