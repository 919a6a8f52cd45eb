"""REST for every Resource, on flask-smorest: operations, problems as RFC 9457 has them, an OpenAPI document.

values.py     one value in JSON, exact
schemas.py    the schemas of a Resource, for bodies
parameters.py the parameters of its lists
paging.py     the headers of its lists
bodies.py     reading JSON that wants to break the reader
parts.py      bodies in parts, with files among them
dump.py       rows to JSON without a schema
names.py      errors name fields as they were sent
views.py      list, create, read, update, replace, delete
bulk.py       create, update and delete of many at once
conditional.py, idempotency.py     what may be sent again, and what has changed since
representation.py                  what an answer shows of a row, as bytes
files.py      upload, download and remove, for fields that hold files
problem.py    errors as application/problem+json
csrf.py       who must show a token
document.py   what the OpenAPI document says without being told
versions.py   one API, or several side by side
docs.py       Swagger UI, from local files
breaking.py   flask kit openapi: what a change of the document would break
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flask import Flask

from flaskkit.access import Policy, login, public
from flaskkit.api import bodies, csrf, docs, files
from flaskkit.api.breaking import openapi
from flaskkit.api.parameters import parameters_for
from flaskkit.api.representation import Shown
from flaskkit.api.schemas import name_of, schemas_for
from flaskkit.api.versions import Version, open_version, versions_of
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
    after: ClassVar[tuple[str, ...]] = ("forms", "security")
    tables: ClassVar[tuple[str, ...]] = ("api_idempotency_keys",)

    title: str = setting("API", key="API_TITLE", help="The name of the API, in its document.")
    version: str = setting("1", key="API_VERSION", help="The version of the API, in its document.")
    url_prefix: str = setting("/api", help="Where the API is: the beginning of its paths.")
    docs: Literal["public", "login", "off"] = setting(
        "public", help="Who sees the document, and the page /docs below the prefix: everybody, users, or nobody."
    )
    page_size: int = setting(20, help="How many items a page of a list has, unless the request says.")
    max_page_size: int = setting(100, help="How many items a request may ask for in one page.")
    idempotency_hours: int = setting(
        24, help="How many hours the answer to a POST with an Idempotency-Key is kept; 0 takes no such keys."
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/") or "<" in self.url_prefix:
            yield f"'url_prefix' of feature 'api' is {self.url_prefix!r}; write it like '/api'."
        if not 1 <= self.page_size <= self.max_page_size:
            limits = f"it must be from 1 to max_page_size, {self.max_page_size}"
            yield f"'page_size' of feature 'api' is {self.page_size}; {limits}."
        if self.idempotency_hours < 0:
            yield f"'idempotency_hours' of feature 'api' is {self.idempotency_hours}; it must be at least 0."

    def unused_tables(self) -> Iterable[str]:
        return () if self.idempotency_hours else self.tables

    def init_app(self, app: Flask) -> None:
        app.extensions["flaskkit.api"] = versions_of(app.extensions["flaskkit"].modules, self.url_prefix)
        for version in app.extensions["flaskkit.api"]:
            open_version(app, version, _READERS[self.docs])
        if self.idempotency_hours:
            # Here, so that no app has the table that has no use for it.
            from flaskkit.api.idempotency import Idempotent

            app.extensions["flaskkit.idempotency"] = Idempotent(self.idempotency_hours)
        app.before_request(bodies.check)
        if csrf.takes_over(app):
            app.before_request(csrf.check)
        readers = _READERS[self.docs]
        if readers:
            for version in app.extensions["flaskkit.api"]:
                if version.document in app.view_functions:
                    docs.add_page(app, version, readers)
        app.extensions["flaskkit"].commands.add_command(openapi)

    def init_module(self, app: Flask, module: Module) -> None:
        before = set(app.blueprints)
        for version in app.extensions["flaskkit.api"]:
            for part in version.parts(module):
                if isinstance(part, Resource):
                    self._add_resource(app, version, part)
                else:
                    given = part.url_prefix or ""
                    below = given == version.prefix or given.startswith(f"{version.prefix}/")
                    prefix = given if below else version.prefix + given
                    version.smorest(app).register_blueprint(part, url_prefix=prefix)
        added = set(app.blueprints) - before
        _take_either_slash(app, added)
        if csrf.takes_over(app):
            csrf.guard(app, added)

    def checks(self) -> Iterable[Any]:
        from flaskkit.api import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.api import explain

        return explain.steps(app, endpoint, method)

    def _add_resource(self, app: Flask, version: Version, resource: Resource) -> None:
        place = f"{version.prefix}/{resource.name}"
        taken = {other.prefix: "an older version of the API is" for other in app.extensions["flaskkit.api"]}
        if self.docs != "off":
            taken[f"{version.prefix}/docs"] = "the API's docs are"
        if "auth_api" in app.blueprints:
            taken[f"{self.url_prefix}/auth"] = "logging in is"
        if place in taken:
            raise ResourceError(f"Resource {resource.name!r} needs another name: {taken[place]} at {place}.")
        api = version.smorest(app)
        others = version.resources(app.extensions["flaskkit"].modules)
        words = name_of(resource, others)
        schemas = schemas_for(resource, words, others)
        blueprint = blueprint_for(
            resource,
            schemas,
            parameters_for(resource, words, self.page_size, self.max_page_size),
            by_hand=set(_below(app, place)),
            idempotent=app.extensions.get("flaskkit.idempotency"),
        )
        if any(field.file for field in (*resource.readable, *resource.writable)):
            files.add_operations(blueprint, resource, Shown(resource, schemas.shown()))
        name = f"{version.name}.{resource.name}"
        # What Api.register_blueprint does, but for the tag: that is the resource's name without our "api.".
        app.extensions["flask-smorest"]["blp_name_to_api"][name] = api
        app.register_blueprint(blueprint, name=name, url_prefix=place)
        blueprint.register_views_in_doc(api, app, api.spec, name=name, parameters=None)
        api.spec.tag({"name": resource.name, "description": resource.label})


def _take_either_slash(app: Flask, blueprints: set[str]) -> None:
    """Let hand-written operations in *blueprints* be what generated ones are: the same with and without a final slash.

    Flask would redirect, which few clients follow with the body of a POST.
    """
    for rule in app.url_map.iter_rules():
        if rule.endpoint.rpartition(".")[0] in blueprints:
            rule.strict_slashes = rule.merge_slashes = False


def _below(app: Flask, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield (method, path below *prefix*) of the views that are there already, as "/", "/<key>" and "/bulk"."""
    for rule in app.url_map.iter_rules():
        path = rule.rule.removeprefix(prefix)
        if path != rule.rule and path[:1] in ("", "/"):
            shape = re.sub(r"^<[^/]*>$", "<key>", path.strip("/"))
            yield from ((method, f"/{shape}") for method in rule.methods or ())


_READERS: dict[str, Policy | None] = {"public": public, "login": login, "off": None}
