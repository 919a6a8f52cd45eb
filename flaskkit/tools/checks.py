"""Check: one thing that may be wrong with an app, with why it matters and the fix.

    @check("shop.W001", "A product has no price.", why="It is sold for nothing.", fix="Give it one.")
    def without_price(app: Flask) -> Iterator[str]:
        yield "Product 'Tea' has no price."

Features return theirs from ``Feature.checks``, modules from ``contributions={"checks": [without_price]}``. The letter
after the dot is the level: E is an error, W a warning. An id stays what it is for ever: silencing names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

# The native key that silences checks: {"db.W001": "The table has ten rows."}.
SILENCED = "SILENCED_CHECKS"
Find = Callable[[Flask], Iterable[str]]


@dataclass(frozen=True)
class Check:
    """What is looked for (``title``), why it matters, the fix, and ``find``, which yields a sentence for each case.

    ``deploy`` is whether it is looked for with ``--deploy`` only.
    """

    id: str
    title: str
    why: str
    fix: str
    find: Find
    deploy: bool = False

    @property
    def level(self) -> str:
        """Either "error" or "warning"."""
        return "error" if self.id.rpartition(".")[2].startswith("E") else "warning"


@dataclass(frozen=True)
class Finding:
    """One case of what *check* looks for. ``silenced`` is the reason why nobody is told; "" where there is none."""

    check: Check
    what: str
    silenced: str = ""


def check(id: str, title: str, *, why: str, fix: str, deploy: bool = False) -> Callable[[Find], Check]:
    """Make a ``Check`` of a function that yields a sentence for each thing wrong with the app it is given."""
    return lambda find: Check(id, title, why, fix, find, deploy)


def checks_of(app: Flask) -> list[Check]:
    """Return the checks that concern *app*: the common ones, and those of its features and modules."""
    from flaskkit.tools import sound

    kit = app.extensions["flaskkit"]
    found = [*sound.CHECKS]
    for feature in kit.features:
        found += feature.checks()
    for module in kit.modules:
        found += module.contributions.get("checks", ())
    return found


def run(app: Flask, checks: Iterable[Check], *, deploy: bool) -> Iterator[Finding]:
    """Yield what *checks* find in *app*, with *deploy* those for deployment, too. Needs an app context."""
    silenced = silenced_in(app)
    for one in checks:
        if deploy or not one.deploy:
            for what in one.find(app):
                yield Finding(one, what, str(silenced.get(one.id) or "").strip())


def silenced_in(app: Flask) -> Mapping[str, Any]:
    """Return the reasons by id of the checks that *app* silences."""
    found = app.config.get(SILENCED) or {}
    return found if isinstance(found, Mapping) else dict.fromkeys(found, "")


def deployed(app: Flask, key: str, default: Any = None) -> Any:
    """Return the native config *key* as it would be in production; *default* is what flaskkit sets there."""
    config = app.extensions["flaskkit"].config
    return app.config.get(key, default) if config.env == "production" else config.flask.get(key, default)
