"""The commands ``flask kit add …``: a resource, a module or a feature, written the way a person would.

    flask kit add resource Product name:str price:decimal category:ref
    flask kit add module blog
    flask kit add feature files

``--dry-run`` shows the changes and makes none. What is there already is left alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo, with_appcontext

from flaskkit.errors import FeatureError, did_you_mean
from flaskkit.feature import available, find
from flaskkit.scaffold import check_name, templates
from flaskkit.scaffold.changes import Changes, with_entry
from flaskkit.scaffold.code import with_import, with_resource
from flaskkit.scaffold.columns import Column, column_of

dry_run = click.option("--dry-run", is_flag=True, help="Show the changes instead of making them.")


@click.group()
def add() -> None:
    """Add a resource, a module or a feature to this project."""


@add.command()
@click.argument("name")
@click.argument("columns", nargs=-1)
@click.option("--module", "module_name", help="Which module gets it, where there are several.")
@dry_run
@click.pass_context
@with_appcontext
def resource(ctx: click.Context, name: str, columns: tuple[str, ...], module_name: str | None, dry_run: bool) -> None:
    """Add the resource NAME, such as Product, with COLUMNS like name:str price:decimal category:ref note:text:optional.

    This writes a model with its resource, tests, and a migration. Types: str, text, email, url, int, float, decimal,
    bool, date, datetime, time, uuid, json, and ref, which refers to another model: author:ref:User. Rules: optional,
    unique, index.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if "sqlalchemy" not in app.extensions:
        raise click.ClickException("A resource needs feature 'db'. Run: flask kit add feature db")
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise click.ClickException(f"{name!r} is no name for a model: write it like Product.")
    models = {one.class_.__name__: one.class_ for one in app.extensions["sqlalchemy"].Model.registry.mappers}
    if name in models:
        click.echo(f"{name} is there already, in {models[name].__module__}. Nothing is changed.")
        return
    if not columns:
        raise click.ClickException(f"Which columns? flask kit add resource {name} name:str price:decimal")
    read = [column_of(text, models) for text in columns]
    package, file = _package(app, module_name)
    changes = Changes(_resource_files(app, name, read, package, file))
    migrated = _is_migrated(app)
    if _show(changes, dry_run=dry_run):
        if migrated:
            click.echo(f'and run: flask db migrate -m "Add {plural_of(name)}"')
        return
    changes.make()
    if migrated:
        _migrate(ctx, f"Add {plural_of(name)}")
        click.echo("\nLook at the migration. Then:  flask db upgrade")


@add.command()
@click.argument("name")
@dry_run
@with_appcontext
def module(name: str, dry_run: bool) -> None:
    """Add the package NAME with a page, a test, and its line in app.toml."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    kit = app.extensions["flaskkit"]
    if name in {one.name for one in kit.modules} or Path(name).exists():
        click.echo(f"{name} is there already. Nothing is changed.")
        return
    check_name(name)
    toml = _toml(kit, "modules")
    given = {"name": name, "title": name.replace("_", " ").capitalize()}
    texts = {f"{name}/__init__.py": _rendered("added/module.py", given)}
    texts |= {str(toml): with_entry(toml.read_text("utf-8"), "modules", name)}
    texts |= _unless_there(f"tests/test_{name}.py", _rendered("added/test_module.py", given))
    pyproject = Path("pyproject.toml")
    if pyproject.is_file() and (line := re.search(r"(?m)^packages = \[.*\]$", pyproject.read_text("utf-8"))):
        old = pyproject.read_text("utf-8")
        texts["pyproject.toml"] = old.replace(line[0], with_entry(line[0] + "\n", "packages", name).rstrip("\n"))
    texts |= _copied(name)
    changes = Changes(texts)
    if not _show(changes, dry_run=dry_run):
        changes.make()


@add.command()
@click.argument("name")
@click.option("--new", is_flag=True, help="Write a new one, though there are some with a name like it.")
@click.option("--module", "module_name", help="Which module's package gets a new one, where there are several.")
@dry_run
@with_appcontext
def feature(name: str, new: bool, module_name: str | None, dry_run: bool) -> None:
    """Switch on the installed feature NAME, and what it needs; or write a new one, with tests.

    A new one is a folder in the package of the app: a frozen dataclass with a setting and a route, for you to change.
    Either is named in app.toml.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    kit = app.extensions["flaskkit"]
    if name in kit:
        click.echo(f"{name} is on already. Nothing is changed.")
        return
    if name not in available():
        _new_feature(app, name, module_name, meant=new, dry_run=dry_run)
        return
    wanted = [one for one in _needed(name) if one not in kit]
    toml = _toml(kit, "features")
    text = toml.read_text("utf-8")
    for one in wanted:
        text = with_entry(text, "features", one)
    changes = Changes({str(toml): text})
    if _show(changes, dry_run=dry_run):
        return
    changes.make()
    if any(find(one).tables for one in wanted) and _is_migrated(current_app):
        click.echo(f'\nIt has tables:  flask db migrate -m "Add {name}" && flask db upgrade')
    click.echo("\nWhat it does and its settings: see its page in the docs, and flask kit settings")


def _new_feature(app: Flask, name: str, module_name: str | None, *, meant: bool, dry_run: bool) -> None:
    if not meant and (hint := did_you_mean(name, available())):
        raise click.ClickException(
            f"There is no feature {name!r}.{hint} To write a new one: flask kit add feature {name} --new"
        )
    check_name(name)
    toml = _toml(app.extensions["flaskkit"], "features")
    package, file = _package(app, module_name)
    class_ = "".join(part.capitalize() for part in name.split("_"))
    given = {
        "name": name,
        "class_": class_,
        "title": name.replace("_", " ").capitalize(),
        "path": name.replace("_", "-"),
    }
    changes = Changes(
        {
            **_unless_there(f"{file.parent}/{name}/__init__.py", _rendered("added/feature.py", given)),
            **_unless_there(f"tests/test_{name}.py", _rendered("added/test_feature.py", given)),
            str(toml): with_entry(toml.read_text("utf-8"), "features", f"{package}.{name}:{class_}"),
        }
    )
    if not _show(changes, dry_run=dry_run):
        changes.make()
        click.echo("\nIt is on. What else it can do: see 'Features of your own' in the docs, and flask kit features")


def _copied(name: str) -> dict[str, str]:
    """Return the Containerfile in which the package *name* is copied, too; nothing where none is copied by name."""
    file = Path("Containerfile")
    text = file.read_text("utf-8") if file.is_file() else ""
    first = re.search(r"(?m)^COPY (\w+)/ \1/$", text)
    return {str(file): f"{text[: first.start()]}COPY {name}/ {name}/\n{text[first.start() :]}"} if first else {}


def plural_of(name: str) -> str:
    """Return the name of the table of a model: "order_lines" for OrderLine."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if re.search(r"[^aeiou]y$", snake):
        return f"{snake[:-1]}ies"
    return f"{snake}es" if re.search(r"(s|x|z|ch|sh)$", snake) else f"{snake}s"


def _needed(name: str) -> list[str]:
    """Return *name* after the features that it requires."""
    if name not in available():
        hint = did_you_mean(name, available()) or " See: flask kit features"
        raise click.ClickException(f"There is no feature {name!r}.{hint}")
    try:
        found = find(name)
    except FeatureError as error:
        raise click.ClickException(str(error)) from error
    return list(dict.fromkeys([*(more for one in found.requires for more in _needed(one)), name]))


def _toml(kit: Any, key: str) -> Path:
    """Return the file from which *key* of the config comes."""
    origin = kit.config.origins.get(key, "code")
    file = Path(origin.removeprefix("file "))
    if not origin.startswith("file ") or not file.is_file():
        where = f"come from {origin}" if not origin.startswith("file ") else f"are in {file}, which is not here"
        raise click.ClickException(f"The {key} of this app {where}: add it there by hand.")
    return file


def _package(app: Flask, name: str | None) -> tuple[str, Path]:
    """Return the dotted name and the file of the package to which a resource is added."""
    kit = app.extensions["flaskkit"]
    found = {}
    for known in kit.modules:
        for dotted, one in [*sys.modules.items()]:
            file = getattr(one, "__file__", None)
            its_own = getattr(one, "__dict__", {}).get("module") is known
            if its_own and file and Path(file).is_relative_to(Path.cwd()):
                found[known.name] = dotted, Path(file).relative_to(Path.cwd())
    if not found:
        raise click.ClickException(
            "No module of this app is in a package below this folder. Run: flask kit add module NAME"
        )
    if name is None and len(found) > 1:
        raise click.ClickException(f"Which module? Say --module with one of {', '.join(found)}.")
    if name is not None and name not in found:
        raise click.ClickException(f"There is no module {name!r}.{did_you_mean(name, found)}")
    package, path = found[name or next(iter(found))]
    if path.name != "__init__.py":
        raise click.ClickException(f"{path} is a single file. Make it a package first: {path.stem}/__init__.py")
    return package, path


def _resource_files(app: Flask, name: str, columns: Sequence[Column], package: str, file: Path) -> Mapping[str, str]:
    plural = plural_of(name)
    own = file.parent / f"{plural}.py"
    if own.exists():
        raise click.ClickException(f"{own} is there already, without a model {name}. Choose another name, or move it.")
    text = with_import(file.read_text("utf-8"), f"from {package}.{plural} import {plural}")
    given = {
        "name": name,
        "plural": plural,
        "noun": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower(),
        "title": plural.replace("_", " ").capitalize(),
        "columns": columns,
        "imports": _imports(columns),
        "targets": _targets(columns, name),
        "own": sorted({"IntegerKey", "Model", "Resource", "Timestamps", *_public(columns)}),
        "named": next((one.name for one in columns if one.kind.annotation == "str" and not one.optional), None),
        "package": package,
        "features": [feature.name for feature in app.extensions["flaskkit"].features],
        "required": [one for one in columns if not one.optional],
    }
    return {
        str(own): _rendered("added/resource.py", given),
        str(file): with_resource(text, plural),
        **_unless_there(f"tests/test_{plural}.py", _rendered("added/test_resource.py", given)),
        **_as_open_as_it_is(plural),
    }


def _imports(columns: Sequence[Column]) -> list[tuple[str, list[str]]]:
    """Return what the columns need, by package: the standard library first, then others, each in alphabetical order."""
    names: dict[str, set[str]] = {"sqlalchemy.orm": {"Mapped"}}
    for column in columns:
        for name, package in column.imports.items():
            names.setdefault(package, set()).add(name)
    return [
        (package, sorted(some, key=lambda one: (not one.isupper(), not one[0].isupper(), one)))
        for package, some in sorted(names.items())
    ]


def _targets(columns: Sequence[Column], name: str) -> list[tuple[str, str]]:
    """Return (package, model) of each other model of the app that is referred to; SQLAlchemy finds them by name."""
    found = {one.target for one in columns if one.target is not None and one.target.__name__ != name}
    return sorted((one.__module__, one.__name__) for one in found if not one.__module__.startswith("flaskkit."))


def _public(columns: Sequence[Column]) -> list[str]:
    """Return the models of flaskkit that are referred to: an app's modules are imported before they are."""
    found = (one.target for one in columns if one.target is not None)
    return [one.__name__ for one in found if one.__module__.startswith("flaskkit.")]


def _as_open_as_it_is(name: str) -> dict[str, str]:
    """Return the tests that list what every user may change, with *name* among them: it has write=login."""
    found = {}
    for file in sorted(Path("tests").glob("test_*.py")):
        text = file.read_text("utf-8")
        new = re.sub(r'(assert_isolated\(app, changed=\["[^]]*")\]', rf'\1, "{name}"]', text)
        if new != text:
            found[str(file)] = new
    return found


def _unless_there(path: str, text: str) -> dict[str, str]:
    """Return the new file, unless somebody has written one of that name."""
    return {} if Path(path).exists() else {path: text}


def _rendered(template: str, values: Mapping[str, Any]) -> str:
    return templates().get_template(f"{template}.jinja").render(values)


def _show(changes: Changes, *, dry_run: bool) -> bool:
    if dry_run:
        click.echo(changes.diff(), nl=False)
    return dry_run


def _is_migrated(app: Flask) -> bool:
    migrate = app.extensions.get("migrate")
    return migrate is not None and Path(migrate.directory).is_dir()


def _migrate(ctx: click.Context, message: str) -> None:
    """Write the migration in a new process, which knows the new model."""
    place = ctx.ensure_object(ScriptInfo).app_import_path
    command = [sys.executable, "-m", "flask", *(["--app", place] if place else []), "db", "migrate", "-m", message]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        told = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise click.ClickException(
            f'The files are there; the migration is not: {told}\nThen: flask db migrate -m "{message}"'
        )
    click.echo(
        "\n".join(
            f"  {Path(found).relative_to(Path.cwd())}"
            for found in re.findall(r"Generating (\S+)", done.stdout + done.stderr)
        )
    )
