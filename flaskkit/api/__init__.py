"""REST for every Resource, on flask-smorest: operations, problems as RFC 9457 has them, an OpenAPI document.

values.py     one value in JSON, exact
schemas.py    the schemas of a Resource, for bodies and queries
bodies.py     reading JSON that wants to break the reader
dump.py       rows to JSON without a schema
views.py      list, create, read, update, replace, delete
problem.py    errors as application/problem+json
csrf.py       who must show a token
document.py   what the OpenAPI document says without being told
docs.py       Swagger UI, from local files
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import proxy

import flask_smorest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flaskkit.api import bodies, csrf, docs, document, problem
from flaskkit.api.schemas import name_of, schemas_for
from flaskkit.api.views import blueprint_for
from flaskkit.errors import ResourceError
from flaskkit.feature import Feature, setting
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.config import Config
    from flaskkit.module import Module

__all__ = ["Api"]


@dataclass(frozen=True)
class Api(Feature):
    """A REST API with an OpenAPI document for every resource."""

    name: ClassVar[str] = "api"
    requires: ClassVar[tuple[str, ...]] = ("db",)
    after: ClassVar[tuple[str, ...]] = ("auth", "forms")

    title: str = setting("API", key="API_TITLE", help="The name of the API, in its document.")
    version: str = setting("1", key="API_VERSION", help="The version of the API, in its document.")
    url_prefix: str = setting("/api", help="Where the API is: the beginning of its paths.")
    docs: bool = setting(True, help="Whether /docs below the prefix shows the document and lets people try it.")
    page_size: int = setting(20, help="How many items a page of a list has, unless the request says.")
    max_page_size: int = setting(100, help="How many items a request may ask for in one page.")

    def mistakes(self, config: Config) -> Iterable[str]:
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/") or "<" in self.url_prefix:
            yield f"'url_prefix' of feature 'api' is {self.url_prefix!r}; write it like '/api'."
        if not 1 <= self.page_size <= self.max_page_size:
            limits = f"it must be from 1 to max_page_size, {self.max_page_size}"
            yield f"'page_size' of feature 'api' is {self.page_size}; {limits}."

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        app.config.setdefault("OPENAPI_VERSION", "3.1.0")
        app.config.setdefault("OPENAPI_URL_PREFIX", self.url_prefix)
        app.config.setdefault("OPENAPI_JSON_PATH", "openapi.json")
        api = flask_smorest.Api()
        api.ERROR_SCHEMA = problem.Problem
        with _keeping_error_handlers(app):
            # Both keep what they are given; with a proxy an app that is dropped is freed at once.
            kept: Any = proxy(app)
            api.init_app(kept, spec_kwargs={"extra_plugins": [document.Facts(kept)]})
        document.add_components(app, api)
        kit.error_views[self.url_prefix] = problem.answer
        app.before_request(bodies.check)
        if csrf.takes_over(app):
            app.before_request(csrf.check)
        if self.docs and app.config["OPENAPI_URL_PREFIX"] is not None:
            app.register_blueprint(docs.blueprint_for(self.url_prefix))

    def init_module(self, app: Flask, module: Module) -> None:
        api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
        before = set(app.blueprints)
        # Before the resources, so that an operation written by hand wins.
        for blueprint in module.blueprints:
            if isinstance(blueprint, flask_smorest.Blueprint):
                given = blueprint.url_prefix or ""
                below = given == self.url_prefix or given.startswith(f"{self.url_prefix}/")
                api.register_blueprint(blueprint, url_prefix=given if below else self.url_prefix + given)
        for resource in module.resources:
            self._add_resource(app, api, resource)
        if csrf.takes_over(app):
            app.extensions["flaskkit"].own_csrf.update(set(app.blueprints) - before)

    def _add_resource(self, app: Flask, api: flask_smorest.Api, resource: Resource) -> None:
        if resource.name == "docs" and self.docs:
            raise ResourceError(f"Resource 'docs' needs another name: the API's docs are at {self.url_prefix}/docs.")
        schemas = schemas_for(
            resource, name_of(resource, app.extensions["flaskkit"].resources), self.page_size, self.max_page_size
        )
        blueprint = blueprint_for(resource, schemas)
        name = f"api.{resource.name}"
        # What Api.register_blueprint does, but for the tag: that is the resource's name without our "api.".
        app.extensions["flask-smorest"]["blp_name_to_api"][name] = api
        app.register_blueprint(blueprint, name=name, url_prefix=f"{self.url_prefix}/{resource.name}")
        blueprint.register_views_in_doc(api, app, api.spec, name=name, parameters=None)
        api.spec.tag({"name": resource.name, "description": resource.label})


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
