"""Versions: each part of the API that has a prefix and a document of its own.

    /api       what modules list as resources and blueprints       api.notes.list       native keys: API_TITLE, …
    /api/v1    contributions={"api": {"/api/v1": [old_notes]}}     api.v1.notes.list    V1_API_TITLE, …

Each is a ``flask_smorest.Api``, told apart as flask-smorest does it: by a prefix of its native keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import proxy

import flask_smorest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flaskkit.access import Policy, requires
from flaskkit.api import document, problem
from flaskkit.db import filters
from flaskkit.errors import Mistakes, ModuleError
from flaskkit.module import Module
from flaskkit.resource import Resource

CONTRIBUTED = "Module {!r} contributes {!r} to feature 'api'; write it like {{'/api/v1': [old_notes]}}."


@dataclass(frozen=True)
class Version:
    """What stands below *prefix*. *name* begins its endpoints, *keys* its native keys; the current one has none."""

    prefix: str
    name: str = "api"
    keys: str = ""

    def smorest(self, app: Flask) -> Any:
        """Return the ``flask_smorest.Api`` of *app* for this version."""
        return app.extensions["flask-smorest"]["apis"][self.keys]["ext_obj"]

    @property
    def document(self) -> str:
        """The endpoint of the document."""
        return f"{self.keys.lower().replace('_', '-')}api-docs.openapi_json"

    def parts(self, module: Module) -> list[Any]:
        """Return the blueprints and then the resources of *module*: an operation written by hand wins."""
        if not self.keys:
            return [*_smorest(module.blueprints), *module.resources]
        given = module.contributions.get("api", {}).get(self.prefix, ())
        return [*_smorest(given), *(one for one in given if isinstance(one, Resource))]

    def resources(self, modules: Iterable[Module]) -> list[Resource]:
        """Return the resources of all *modules* in this version."""
        return [one for module in modules for one in self.parts(module) if isinstance(one, Resource)]


def versions_of(modules: Iterable[Module], prefix: str) -> tuple[Version, ...]:
    """Return the versions that *modules* have parts of, the current one first: that is at *prefix*.

    Raises:
        ModuleError: a contribution that is none, or an older version where the current one is.
        ResourceError: what a resource of an older version names, its model lacks.
    """
    mistakes = Mistakes()
    older = {}
    for module in modules:
        given = module.contributions.get("api", {})
        if not isinstance(given, dict):
            mistakes.append(ModuleError(CONTRIBUTED.format(module.name, type(given).__name__)))
            continue
        for place, parts in given.items():
            with mistakes.noted():
                _check(module, place, parts, prefix)
                name = re.sub(r"\W", "_", place.removeprefix(f"{prefix}/").strip("/"))
                older[place] = Version(place, f"api.{name}", f"{name.upper()}_")
    mistakes.report()
    return Version(prefix), *older.values()


def _check(module: Module, place: Any, parts: Any, prefix: str) -> None:
    if not isinstance(place, str) or not re.fullmatch(r"(/[\w.-]+)+", place) or place == prefix:
        raise ModuleError(CONTRIBUTED.format(module.name, place))
    mistakes = Mistakes()
    for part in parts:
        if isinstance(part, Resource):
            with mistakes.noted():
                part.check()
                filters.check(part)
        elif not isinstance(part, flask_smorest.Blueprint):
            known = "which takes resources and flask-smorest's blueprints"
            mistakes.append(ModuleError(f"Module {module.name!r} has {part!r} in {place}, {known}."))
    mistakes.report()


def open_version(app: Flask, version: Version, readers: Policy | None) -> None:
    """Make the API of *version*, with a document for *readers*; without one where there are none."""
    native = {
        "API_TITLE": app.config["API_TITLE"],
        "API_VERSION": app.config["API_VERSION"] if not version.keys else version.name.removeprefix("api."),
        "API_SPEC_OPTIONS": app.config.get("API_SPEC_OPTIONS", {}),
        "OPENAPI_VERSION": app.config.get("OPENAPI_VERSION", "3.1.0"),
        "OPENAPI_URL_PREFIX": version.prefix if readers else None,
        "OPENAPI_JSON_PATH": app.config.get("OPENAPI_JSON_PATH", "openapi.json"),
    }
    for key, value in native.items():
        app.config.setdefault(f"{version.keys}{key}", value)
    api = flask_smorest.Api(config_prefix=version.keys)
    api.ERROR_SCHEMA = problem.PROBLEM
    with _keeping_error_handlers(app):
        # Both keep what they are given; with a proxy an app that is dropped is freed at once.
        kept: Any = proxy(app)
        options: dict[str, Any] = {"extra_plugins": [document.Facts(kept)]}
        if not app.config["OPENAPI_VERSION"].startswith("2"):
            options["servers"] = [{"url": app.config["APPLICATION_ROOT"]}]
        api.init_app(kept, spec_kwargs=options)
    for told in (document.object_properties, document.one_example, document.sendable_default):
        api.ma_plugin.converter.add_attribute_function(told)
    document.add_components(app, api)
    app.extensions["flaskkit"].error_views[version.prefix] = problem.answer
    if readers and version.document in app.view_functions:
        view: Any = app.view_functions[version.document]
        app.view_functions[version.document] = requires(readers)(view)


@contextmanager
def _keeping_error_handlers(app: Flask) -> Iterator[None]:
    """Undo that flask-smorest answers every HTTP error of the app, pages included, with JSON of its own.

    It registers one handler for HTTPException on the whole app and has no switch for it. That would hide the
    pages' errors and any handler that the app's author registers for Exception.
    """
    handlers = app.error_handler_spec[None][None]
    before = handlers.get(HTTPException)
    yield
    del handlers[HTTPException]
    if before is not None:
        handlers[HTTPException] = before


def _smorest(parts: Iterable[Any]) -> list[Any]:
    return [part for part in parts if isinstance(part, flask_smorest.Blueprint)]
