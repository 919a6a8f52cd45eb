"""Forged requests: a session cookie can be sent by another site, so a caller known by one needs a CSRF token here.

Callers known by a bearer token, and strangers, need none.
"""

from __future__ import annotations

from flask import Flask, current_app, request

from flaskkit.access import caller


def takes_over(app: Flask) -> bool:
    """Return whether this feature decides for its own blueprints.

    With False or True in WTF_CSRF_CHECK_DEFAULT the app's author has decided: nobody checks, or Flask-WTF does.
    """
    return "csrf" in app.extensions and app.config["WTF_CSRF_CHECK_DEFAULT"] is None


def guard(app: Flask, blueprints: set[str]) -> None:
    """Decide for *blueprints* from now on."""
    app.extensions["flaskkit"].own_csrf.update(blueprints)
    app.extensions.setdefault("flaskkit.api_csrf", set()).update(blueprints)


def guarded(app: Flask) -> set[str]:
    """Return the blueprints for which this feature decides; other features decide for some of theirs."""
    known: set[str] = app.extensions.get("flaskkit.api_csrf", set())
    return known


def check() -> None:
    """Before each request: ask for the token where a session cookie wants to change something through the API.

    Raises:
        flask_wtf.csrf.CSRFError: 400, with the reason.
    """
    config = current_app.config
    if request.method not in config["WTF_CSRF_METHODS"] or not config["WTF_CSRF_ENABLED"]:
        return
    if not guarded(current_app).isdisjoint(request.blueprints) and caller().by == "session":
        current_app.extensions["csrf"].protect()
