"""What is loaded, and when."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import flaskkit

STANDARD = {*sys.stdlib_module_names, "__main__", "__mp_main__"}
ALL_ON = """
from flaskkit import Config, create_app
from flaskkit.feature import available
app = create_app(Config("app", env="testing", features=list(available())))
"""


def loaded_by(code: str) -> set[str]:
    """Return the names of the modules that *code* loads in a new process beyond what Python starts with."""
    program = f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps([*set(sys.modules) - before]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} - STANDARD


def test_importing_flaskkit_loads_nothing_else():
    loaded = loaded_by("import flaskkit")
    assert packages(loaded) == {"flaskkit"}
    assert {name for name in loaded if name.startswith("flaskkit")} == {"flaskkit"}


def test_every_public_name_can_be_imported():
    loaded_by("import flaskkit\nfor name in flaskkit.__all__: getattr(flaskkit, name)")


def test_type_checkers_see_each_public_name_where_it_is():
    stub = ast.parse(Path(flaskkit.__file__).with_suffix(".pyi").read_text("utf-8"))
    lines = [line for line in stub.body if isinstance(line, ast.ImportFrom)]
    seen = {alias.asname: (line.module, alias.name) for line in lines for alias in line.names}
    assert seen.keys() == {*flaskkit.__all__}
    for name, (module, there) in seen.items():
        assert getattr(flaskkit, name) is getattr(import_module(module), there)


def test_the_core_loads_no_feature():
    loaded = loaded_by("from flaskkit import Config, Module, create_app\ncreate_app(Config('app', env='testing'))")
    below_flask = {
        "flask",
        "werkzeug",
        "jinja2",
        "click",
        "markupsafe",
        "itsdangerous",
        "blinker",
        "msgspec",
        "typing_extensions",
    }
    assert packages(loaded) <= {"flaskkit", *below_flask}
    assert not [name for name in loaded if name.startswith("flaskkit.") and name.count(".") > 1]


def test_serving_loads_no_tool():
    """With every feature on: nothing that only commands, tests, other databases or features not asked for need."""
    client = "from werkzeug.test import Client\nassert Client(app).get('/nowhere').status_code == 404"
    loaded = loaded_by(f"{ALL_ON}\n{client}")
    tools = {"alembic", "flask_migrate", "mako", "pygments", "pytest", "hypothesis"}
    later = {"cryptography", "authlib", "requests", "webauthn", "pyotp", "segno", "zxcvbn", "redis", "PIL"}
    drivers = {"psycopg", "pymysql"}
    assert packages(loaded) & (tools | later | drivers) == set()
    unused = ("flaskkit.tools", "flaskkit.scaffold", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql")
    assert [name for name in loaded if name.startswith(unused)] == []
    assert [name for name in loaded if name.startswith("flaskkit.") and name.endswith(".checks")] == []
