"""What forms do with a request, for `flask kit explain`."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from flaskkit.forms.protection import csrf, protect
from flaskkit.tools.steps import Step, place_of


def steps(app: Flask, endpoint: str, method: str) -> Iterator[Step]:
    """Yield who must show a CSRF token for *endpoint*; blueprints that decide themselves say so themselves."""
    blueprint = endpoint.rpartition(".")[0]
    if blueprint in app.extensions["flaskkit"].own_csrf:
        return
    yield Step("csrf", _asked(app, endpoint, blueprint, method), place_of(protect))


def _asked(app: Flask, endpoint: str, blueprint: str, method: str) -> str:
    view = app.view_functions[endpoint]
    if not app.config["WTF_CSRF_ENABLED"] or app.config["WTF_CSRF_CHECK_DEFAULT"] is False:
        return "none: the config switches it off"
    if method not in app.config["WTF_CSRF_METHODS"]:
        return f"none: {method} changes nothing"
    exempt = app.blueprints.get(blueprint) in csrf._exempt_blueprints
    if exempt or f"{view.__module__}.{view.__name__}" in csrf._exempt_views:
        return "none: it is exempt"
    if getattr(view, "keeps_typed", False):
        return "a token, of all but callers with a bearer token; without a good one the form is shown again"
    return "a token, of all but callers with a bearer token"
