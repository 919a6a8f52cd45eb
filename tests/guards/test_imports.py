"""Who may import whom, read from the source.

    a core file         the standard library, Flask with what it brings, msgspec, and the core files before it
    texts/              core files, and its own
    resource/           the same, and texts/
    scaffold/           the same, for the command that makes a project; no app imports it
    tools/              the same, and packaging, for `flask kit …`; no app imports it
    testing/            everything, as the tests of an app do; no app imports it
    a feature's folder  core files, texts/, resource/, its own, those of features it names in `requires`, any package;
                        tools/ where it speaks to those commands: see test_light_import.py
    flaskkit/__init__   the standard library: names are imported when they are first used

Lines under TYPE_CHECKING cost nothing and make no circle, so there core files may name each other in any order.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flaskkit
from flaskkit.feature import available, find

PACKAGE = Path(flaskkit.__file__).parent
# Each may import those before it.
CORE = ("errors", "access", "module", "feature", "config", "cli", "app")
# Folders that are no feature.
BESIDE = ("texts", "resource", "scaffold", "tools")
BELOW_FLASK = {"flask", "werkzeug", "jinja2", "click", "markupsafe", "itsdangerous", "blinker", "msgspec"}
FEATURES = {name: find(name).requires for name, point in available().items() if point.module.startswith("flaskkit.")}


def part_of(file: Path) -> str:
    """Return "app" for flaskkit/app.py and "db" for anything in flaskkit/db/."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, *, typing: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, dotted name, whether it is under TYPE_CHECKING) of each import in *tree*, nested ones too."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name, typing) for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                names = [f"{module}.{alias.name}" for alias in node.names] if module == "flaskkit" else [module]
                yield from ((node.lineno, name, typing) for name in names)
            case ast.ImportFrom():
                yield node.lineno, "flaskkit.(relative)", typing
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from imports(ast.Module(node.body, []), typing=True)
                yield from imports(ast.Module(node.orelse, []), typing=typing)
            case _:
                yield from imports(node, typing=typing)


def breaches(part: str, source: str) -> list[str]:
    """Return "line: name" of each import that the *source* of a file in *part* may not have."""
    found = []
    for line, name, typing in imports(ast.parse(source)):
        package, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if package != "flaskkit":
            fine = (
                part in (*FEATURES, "testing")
                or package in sys.stdlib_module_names
                or (part in (*CORE, *BESIDE) and package in BELOW_FLASK)
                or (part, package) == ("tools", "packaging")
            )
        elif part in FEATURES:
            fine = target in (*CORE, "texts", "resource", "tools", part, *FEATURES[part])
        elif part == "testing":
            fine = True
        elif part in BESIDE:
            fine = target in (*CORE, "texts", part)
        elif part in CORE:
            here = CORE[: CORE.index(part)] if not typing else (*CORE, "resource")
            fine = target in here or (part, target) == ("module", "resource")
        else:
            fine = False
        if not fine:
            found.append(f"{line}: {name}")
    return found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_place_allows(file):
    part = part_of(file)
    places = (*CORE, *BESIDE, *FEATURES, "testing", "__init__")
    assert part in places, f"{part} is neither a core file nor a feature with an entry point"
    assert breaches(part, file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("part", "source", "breach"),
    [
        ("access", "from flaskkit.config import Config", ["1: flaskkit.config"]),
        ("access", "def f():\n    from flaskkit.db import db", ["2: flaskkit.db"]),
        ("access", "import sqlalchemy.orm", ["1: sqlalchemy.orm"]),
        ("access", "if TYPE_CHECKING:\n    from flaskkit.db import db", ["2: flaskkit.db"]),
        ("app", "from flaskkit import db, config", ["1: flaskkit.db"]),
        ("forms", "from flaskkit.db import rows", ["1: flaskkit.db"]),
        (
            "forms",
            "if x:\n    try:\n        import flaskkit.auth.models\n    finally: ...",
            ["3: flaskkit.auth.models"],
        ),
        ("api", "from ..pages import Pages", ["1: flaskkit.(relative)"]),
        ("db", "from flaskkit.testing import isolated", ["1: flaskkit.testing"]),
        ("__init__", "import flask", ["1: flask"]),
        ("__init__", "from flaskkit.app import create_app", ["1: flaskkit.app"]),
    ],
)
def test_the_guard_sees_a_breach(part, source, breach):
    assert breaches(part, source) == breach


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("access", "import os, flask, werkzeug.exceptions\nfrom flaskkit.errors import LoginRequired"),
        ("feature", "if TYPE_CHECKING:\n    from flaskkit.config import Config"),
        (
            "auth",
            "import flask_login\nfrom flaskkit.texts import say\nfrom flaskkit.db.rows import page",
        ),
        ("__init__", "import sys"),
    ],
)
def test_the_guard_lets_pass_what_is_allowed(part, source):
    assert breaches(part, source) == []
