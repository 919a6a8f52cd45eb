"""How a caller is known, for `flask kit explain`."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from flaskkit.auth import identity
from flaskkit.auth.closed import undeclared_views
from flaskkit.tools.steps import Step, place_of


def steps(app: Flask, endpoint: str, method: str) -> Iterator[Step]:
    """Yield who the caller of *endpoint* is taken for."""
    yield Step(
        "caller", "a bearer token decides alone; else the session cookie, if anybody asks", place_of(identity.caller)
    )
    if any(view.endswith(f"({endpoint})") and method in view.partition(" ")[0] for view in undeclared_views(app)):
        how = app.extensions["flaskkit.auth"].undeclared
        yield Step(
            "policy", f"views that do not say who may use them: 'undeclared' is {how!r}", place_of(undeclared_views)
        )
