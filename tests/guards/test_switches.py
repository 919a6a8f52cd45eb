"""Combinations of the feature switches start, or say what is missing; and off means absent.

Of three features, whichever they are, each way to switch them that can be had is in some combination tried here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import combinations

import pytest
from flask import Blueprint
from sqlalchemy.orm import Mapped

from flaskkit import Config, FeatureError, IntegerKey, Model, Module, Resource, create_app, public
from flaskkit.feature import available, find

REQUIRES = {name: find(name).requires for name, point in available().items() if point.module.startswith("flaskkit.")}


def complete() -> Iterator[tuple[str, ...]]:
    """Yield every combination of features in which each has what it requires."""
    for size in range(len(REQUIRES) + 1):
        for names in combinations(REQUIRES, size):
            if all({*REQUIRES[name]} <= {*names} for name in names):
                yield names


def covering(found: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield some of *found* that together switch any three features in each way in which *found* switches them."""
    ways = {names: {*combinations([(name, name in names) for name in REQUIRES], 3)} for names in found}
    uncovered = set().union(*ways.values())
    while uncovered:
        best = max(ways, key=lambda names: len(ways[names] & uncovered))
        uncovered -= ways[best]
        yield best


VALID = [*complete()]
TRIED = sorted({(), *covering(VALID), tuple(REQUIRES)}, key=lambda names: (len(names), names))
NEEDED = sorted({needed for names in REQUIRES.values() for needed in names})
INVALID = [(name,) for name in REQUIRES if REQUIRES[name]] + [
    tuple(name for name in REQUIRES if name != needed) for needed in NEEDED
]


class GuardsSwitchThing(IntegerKey, Model):
    __tablename__ = "guards_switch_thing"
    name: Mapped[str]


def module() -> Module:
    views = Blueprint("views", __name__)
    views.add_url_rule("/hello", view_func=lambda: "Hello!", endpoint="hello")
    things = Resource(GuardsSwitchThing, name="things", fields=["name"], read=public, write=public)
    return Module("switches", blueprints=[views], resources=[things])


@pytest.mark.parametrize("on", TRIED, ids=lambda names: "+".join(names) or "nothing")
def test_the_features_that_are_on_answer_and_the_others_do_not(on):
    app = create_app(Config("app", env="testing", features=on, modules=[module()]))
    if "db" in on:
        made = app.test_cli_runner().invoke(args=["kit", "create-tables"])
        assert made.exit_code == 0, made.output
        assert "guards_switch_thing" in made.output
        assert (" users," in made.output) is ("auth" in on)
    client = app.test_client()
    faces = {"/api/things/": "api", "/api/openapi.json": "api", "/things/": "pages", "/auth/login": "auth"}
    assert client.get("/hello").text == "Hello!"
    assert {path: client.get(path).status_code for path in faces} == {
        path: 200 if feature in on else 404 for path, feature in faces.items()
    }
    # The admin lets no stranger in, and sends them to the login page.
    assert client.get("/admin/").status_code in ((302, 303) if "admin" in on else (404,))


@pytest.mark.parametrize("on", INVALID, ids="+".join)
def test_a_combination_that_lacks_something_says_what(on):
    with pytest.raises(FeatureError) as refused:
        create_app(Config("app", env="testing", features=on))
    assert refused.value.mistakes == [
        f"Feature {name!r} needs feature {needed!r}, which is switched off."
        for name in on
        for needed in REQUIRES[name]
        if needed not in on
    ]


WHAT_IS_THERE = """
import json, sys
from flaskkit import Config, create_app
app = create_app(Config("app", env="testing", features=sys.argv[1:]))
commands = app.extensions["flaskkit"].commands.commands
print(json.dumps({
    "modules": list(sys.modules),
    "extensions": [*app.extensions, *(name for name in vars(app) if name == "login_manager")],
    "routes": [rule.rule for rule in app.url_map.iter_rules()],
    "commands": [*app.cli.commands, *(f"kit {name}" for name in commands)],
    "tables": app.test_cli_runner().invoke(args=["kit", "create-tables"]).output if "db" in sys.argv else "",
}))
"""

# What each feature brings, and nobody brings when it is off. It must be there when it is on, so this list is true.
BRINGS = {
    "db": {
        "modules": ["flaskkit.db", "flask_sqlalchemy", "sqlalchemy"],
        "extensions": ["sqlalchemy"],
        "commands": ["kit create-tables"],
    },
    "migrate": {"modules": ["flaskkit.migrate"], "extensions": ["migrate"]},
    "forms": {"modules": ["flaskkit.forms", "flask_wtf", "wtforms"], "extensions": ["csrf"]},
    "auth": {
        "modules": ["flaskkit.auth", "flask_login", "argon2"],
        "extensions": ["login_manager"],
        "routes": ["/auth/login"],
        "commands": ["kit users"],
        "tables": "users",
    },
    "api": {
        "modules": ["flaskkit.api", "flask_smorest", "marshmallow", "webargs", "apispec", "flask_swagger_ui"],
        "extensions": ["flask-smorest"],
        "routes": ["/api/openapi.json"],
        "commands": ["openapi"],
    },
    "pages": {"modules": ["flaskkit.pages", "flask_bootstrap"], "extensions": ["bootstrap"]},
    "admin": {"modules": ["flaskkit.admin"], "routes": ["/admin/"]},
    "history": {
        "modules": ["flaskkit.history"],
        "extensions": ["flaskkit.history"],
        "commands": ["kit prune-history"],
        "tables": "history_changes",
    },
    "mail": {
        "modules": ["flaskkit.mail", "smtplib"],
        "extensions": ["flaskkit.mail"],
        "commands": ["kit mail"],
        "tables": "mail_outbox",
    },
    "files": {"modules": ["flaskkit.files"], "extensions": ["flaskkit.files"], "commands": ["kit sweep-files"]},
    "security": {"modules": ["flaskkit.security"], "extensions": ["flaskkit.security"]},
    "i18n": {"modules": ["flaskkit.i18n"], "extensions": ["babel", "flaskkit.speech"], "routes": ["/language"]},
    "limits": {"modules": ["flaskkit.limits", "limits"], "extensions": ["flaskkit.limits"]},
    "debugbar": {"modules": ["flaskkit.debugbar"]},
}


def what_is_there(names) -> dict:
    done = subprocess.run([sys.executable, "-c", WHAT_IS_THERE, *names], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def everything():
    return what_is_there(REQUIRES)


@pytest.mark.parametrize("off", REQUIRES)
def test_off_means_absent(off, everything):
    without = max((names for names in VALID if off not in names), key=len)
    there = what_is_there(without)
    for kind, names in BRINGS[off].items():
        for name in [names] if isinstance(names, str) else names:
            assert name in everything[kind]
            assert name not in there[kind], f"{name} among the {kind}"
    assert not [name for name in there["modules"] if name.startswith(f"flaskkit.{off}.")]
