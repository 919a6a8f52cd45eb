"""Makes every ``flask.Flask(...)`` of an upstream test suite an app of flaskkit with all features on.

run.py has it imported when Python starts, so it also holds in the programs that a suite starts. Afterwards the
name ``flask.Flask`` stands for ``Made``:

    Flask(...)               create_app(Config(...)): a real flask.Flask
    class App(Flask): ...    App(...) is an App, put together by create_app as well
    isinstance(app, Flask)   as before

The suites expect Flask's own defaults, so those are given as native keys, and most post without a CSRF token.
"""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import flask

import flaskkit.app
from flaskkit import Config, create_app

SUITE = os.environ["FLASKKIT_SUITE"]
FEATURES = os.environ["FLASKKIT_FEATURES"].split(",")

# What a suite wires itself, and the features that need that. Nearly all need the database, so for the suites that
# bring their own ours is wired and then makes room.
LEFT_OUT = {
    "Flask-WTF": {"forms", "auth", "pages", "admin"},
    "Flask-Login": {"auth", "admin"},
    "flask-smorest": {"api"},
}
OWN_DATABASE = ("Flask-SQLAlchemy", "Flask-Migrate")

# Tests that claim what a feature brings, and go without it: they compare the list of all routes or templates of an
# app, or have a blueprint "admin" or a view at "/admin" of their own.
HAVE_ROUTES = {"auth", "api", "pages", "admin", "i18n"}
HAVE_TEMPLATES = HAVE_ROUTES | {"mail"}
CLAIMS = {
    "TestRoutes::": HAVE_ROUTES,
    "::test_templates_list": HAVE_TEMPLATES,
    "::test_template_loader_debugging": HAVE_TEMPLATES,
    "::test_templates_and_static": {"admin"},
    "::test_context_available": {"admin"},
}

Flask = flask.Flask


class _Making(type(Flask)):  # type: ignore[misc]
    def __call__(cls, *args: Any, **options: Any) -> Flask:
        if flaskkit.app.Flask is cls:
            return super().__call__(*args, **options)
        with mock.patch.object(flaskkit.app, "Flask", Flask if cls is Made else cls):
            return made(*args, **options)

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, Flask) if cls is Made else super().__instancecheck__(thing)


class Made(Flask, metaclass=_Making):
    """Stands where ``flask.Flask`` stood."""


def made(import_name: str, **options: Any) -> Flask:
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    on = set(FEATURES).difference(LEFT_OUT.get(SUITE, ()), *(CLAIMS[name] for name in CLAIMS if name in test))
    native = {key: value for key, value in Flask.default_config.items() if key != "DEBUG"}
    if SUITE != "Flask-WTF":
        native["WTF_CSRF_ENABLED"] = False
    app = create_app(Config(import_name, env="testing", features=sorted(on), flask=native, flask_options=options))
    if SUITE in OWN_DATABASE:
        del app.extensions["sqlalchemy"]
        for key in [key for key in app.config if key.startswith("SQLALCHEMY_")]:
            del app.config[key]
    return app


flask.Flask = Made  # type: ignore[misc]
