"""The REST operations of a Resource, as a plain flask-smorest blueprint.

    GET    /notes          list       the parameters of parameters.py
    POST   /notes          create     201 with Location
    GET    /notes/<key>    read
    PATCH  /notes/<key>    update     what is sent changes, the rest stays
    PUT    /notes/<key>    replace    what is left out goes back to its default
    DELETE /notes/<key>    delete     204

and those of bulk.py. Answers with a body have an ETag, see conditional.py; a POST may have a key, see idempotency.py.
The order in each is route, who may, arguments, response: a stranger learns nothing about bodies.
"""

# mypy: disable-error-code="untyped-decorator"
# flask-smorest has no types.

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, request, url_for
from flask_smorest import Blueprint
from marshmallow import Schema
from werkzeug.exceptions import MethodNotAllowed

from flaskkit.access import Policy, declare, nobody, public, requires
from flaskkit.api import bulk, parts
from flaskkit.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, is_known, on_match, tagged, unchanged
from flaskkit.api.document import FACTS, TAG
from flaskkit.api.names import in_public_names
from flaskkit.api.paging import headers_of
from flaskkit.api.parameters import Parameters, Query, without_parameters
from flaskkit.api.representation import Shapes, hashed
from flaskkit.api.schemas import Schemas
from flaskkit.api.values import described
from flaskkit.db import rows
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.api.idempotency import Idempotent

View = Callable[..., Any]
PATHS = {"list": "/", "create": "/", "bulk_create": "/bulk", "bulk_update": "/bulk", "bulk_delete": "/bulk"}
ONE = "/<key>"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What an unknown parameter is answered with.
REFUSED = HTTPStatus.UNPROCESSABLE_ENTITY
NO_SUCH_ROW = {"404": "NOT_FOUND", "412": "PRECONDITION_FAILED"}
# With and without a final slash; with two it is another URL. Nothing is ever redirected.
EITHER_SLASH = {"strict_slashes": False, "merge_slashes": False}
# What may stand in a path as it is (RFC 3986, section 3.3).
IN_PATH = "!$&'()*+,:;=@"


def blueprint_for(
    resource: Resource,
    schemas: Schemas,
    parameters: Parameters,
    *,
    by_hand: Collection[tuple[str, str]] = (),
    idempotent: Idempotent | None = None,
) -> Blueprint:
    """Return a blueprint with the operations of *resource* that a policy opens to somebody.

    *by_hand* holds (method, path below the resource's) of operations that are there already. *idempotent* is what
    views of POST are wrapped in.
    """
    made = _Operations(resource, schemas, parameters, by_hand, idempotent)
    # What cannot be read can be created, but not be found again to be changed.
    if resource.read != nobody:
        made.add_reading()
    if resource.policy("create") != nobody:
        made.add_create()
    if resource.read != nobody and resource.policy("update") != nobody and schemas.patch().fields:
        made.add_changing()
    if resource.read != nobody and resource.policy("delete") != nobody:
        made.add_delete()
    if made.of_many:
        made.close_bulk()
    if schemas.forms:
        parts.make_room(made.blueprint, [*schemas.forms], resource.writable)
    return made.blueprint


@dataclass(frozen=True)
class _Operations:
    """Adds the operations of one resource to its blueprint."""

    resource: Resource
    schemas: Schemas
    parameters: Parameters
    by_hand: Collection[tuple[str, str]]
    idempotent: Idempotent | None
    of_many: list[str] = field(default_factory=list)
    """The methods of the operations on many rows."""

    @cached_property
    def blueprint(self) -> Blueprint:
        blueprint = Blueprint(self.resource.name, __name__)
        blueprint.ARGUMENTS_PARSER = parts.PartsParser()
        return blueprint

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes(self.resource, self.schemas.shown())

    def add_reading(self) -> None:
        resource, blueprint, schemas, shapes = self.resource, self.blueprint, self.schemas, self.shapes
        headers = {"X-Pagination": "PAGINATION", "Link": "LINK", "ETag": "ETAG"}

        @self.add("GET", "list", "list", headers=[IF_NONE_MATCH], responses=_not_modified(headers))
        @requires(resource.read)
        @blueprint.arguments(self.parameters.listed(), location="query", unknown=Query.Meta.unknown)
        @blueprint.response(200, schemas.some(many=True), headers=headers)
        def list_(asked: dict[str, Any]) -> Any:
            shown = shapes.asked(asked)
            page = shown.page(**asked)
            body, headers = shown.many(page.items), headers_of(resource, asked["sorts"], page)
            # The numbers may change while this page does not.
            return tagged(shown.answer(body), hashed(body, headers["X-Pagination"].encode())), headers

        @self.add("GET", "read", "read one", headers=[IF_NONE_MATCH], responses={"304": NOT_MODIFIED})
        @requires(resource.read)
        @self._asking
        @blueprint.response(200, schemas.some, headers={"ETag": "ETAG"})
        def read(asked: dict[str, Any] | None = None, *, key: str) -> Any:
            shown = shapes.asked(asked) if asked else shapes.whole
            tag = shown.tag_at(key) if "If-None-Match" in request.headers else None
            if tag and is_known(tag):
                return tagged(shown.answer(b""), tag)
            row = shown.get(key)
            body = shown.one(row)
            return tagged(shown.answer(body), shown.tag(row, body))

    def add_create(self) -> None:
        resource, blueprint, schemas, shown = self.resource, self.blueprint, self.schemas, self.shapes.whole
        keys = [self.idempotent.parameter] if self.idempotent else []
        once = self.idempotent or (lambda view: view)
        # Inside, because an answer that is kept is made from the error there.
        named = partial(in_public_names, resource)
        readable = resource.read != nobody
        located = readable and "read" not in resource.without
        location = {"description": "Where the new one is.", "schema": {"type": "string", "format": "uri-reference"}}
        # Without a new row that the caller may not see there is nothing of it.
        always = resource.read == public
        headers: dict[str, Any] = {"ETag": "ETAG" if always else TAG} if readable else {}
        headers |= {"Location": {**location, "required": always}} if located else {}

        # A file that must be there from the start cannot come with JSON.
        in_json = not any(one.file and one.required for one in resource.writable)

        @self.add("POST", "create", "add one", headers=keys, responses={201: {"links": self._links()}})
        @requires(resource.policy("create"))
        @without_parameters
        @self._body("create", schemas.create if in_json else None)
        @blueprint.response(201, schemas.shown if readable else None, headers=headers or None)
        @once
        @named
        def create(values: dict[str, Any]) -> Any:
            key, row = shown.created(values)
            if row is None:
                return Response(status=201)
            body = shown.one(row)
            response = tagged(shown.answer(body, 201), shown.tag(row, body))
            if located:
                response.headers["Location"] = f"{url_for('.create')}/{quote(key, safe=IN_PATH)}"
            return response

        if resource.bulk and in_json:

            @self.add("POST", "bulk_create", "add several", headers=keys, items=resource.bulk)
            @requires(resource.policy("create"))
            @without_parameters
            @bulk.at_most(resource.bulk)
            @blueprint.arguments(schemas.create(many=True))
            @blueprint.response(201, schemas.shown(many=True) if readable else None)
            @once
            @named
            def bulk_create(bodies: list[dict[str, Any]]) -> Any:
                return bulk.create(resource, shown, bodies)

    def add_changing(self) -> None:
        resource, blueprint, schemas, shown = self.resource, self.blueprint, self.schemas, self.shapes.whole
        policy = also_read(resource, "update")
        facts = on_match(resource)

        def change(values: dict[str, Any], key: str) -> Any:
            item = rows.update(resource, key, values, keep=True, check=unchanged(resource, shown))
            row = shown.stored(item)
            body = shown.one(row)
            return tagged(shown.answer(body), shown.tag(row, body))

        @self.add("PATCH", "update", "change one", **facts)
        @requires(policy)
        @without_parameters
        @self._body("update", schemas.patch)
        @blueprint.response(200, schemas.shown, headers={"ETag": "ETAG"})
        def update(values: dict[str, Any], key: str) -> Any:
            return change(values, key)

        @self.add("PUT", "replace", "replace one", **facts)
        @requires(policy)
        @without_parameters
        @self._body("replace", schemas.replace)
        @blueprint.response(200, schemas.shown, headers={"ETag": "ETAG"})
        def replace(values: dict[str, Any], key: str) -> Any:
            return change(values, key)

        if resource.bulk and not resource.require_match:

            @self.add("PATCH", "bulk_update", "change several", items=resource.bulk, responses=NO_SUCH_ROW)
            @requires(policy)
            @without_parameters
            @bulk.at_most(resource.bulk)
            @blueprint.arguments(bulk.patch_schema(resource, schemas)(many=True))
            @blueprint.response(200, schemas.shown(many=True))
            def bulk_update(bodies: list[dict[str, Any]]) -> Any:
                return bulk.update(resource, shown, bodies)

    def add_delete(self) -> None:
        resource, blueprint, shown = self.resource, self.blueprint, self.shapes.whole
        policy = also_read(resource, "delete")

        @self.add("DELETE", "delete", "delete one", **on_match(resource))
        @requires(policy)
        @without_parameters
        @blueprint.response(204)
        def delete(key: str) -> None:
            rows.delete(resource, key, check=unchanged(resource, shown))

        if resource.bulk and not resource.require_match:
            keys = bulk.keys_schema(resource, self.schemas)

            @self.add("DELETE", "bulk_delete", "delete several", responses=NO_SUCH_ROW)
            @requires(policy)
            @blueprint.arguments(keys(), location="query", unknown=Query.Meta.unknown)
            @blueprint.response(204)
            def bulk_delete(query: dict[str, Any]) -> None:
                bulk.delete(resource, query["keys"])

    def close_bulk(self) -> None:
        """Answer 405 to what there is not at the address of many rows, where "bulk" would be taken for a key."""
        path = PATHS["bulk_update"]
        allowed = sorted({*self.of_many, *(method for method, place in self.by_hand if place == path), "OPTIONS"})

        @requires(public)
        def bulk_closed() -> Response:
            if request.method != "OPTIONS":
                raise MethodNotAllowed(allowed)
            response = Response()
            response.allow.update(allowed)
            return response

        methods = [method for method in METHODS if method not in self.of_many and (method, path) not in self.by_hand]
        options: dict[str, Any] = {"methods": methods, "provide_automatic_options": False, **EITHER_SLASH}
        # Not by the blueprint's own way, which would put it into the document.
        self.blueprint.record(lambda state: state.add_url_rule(path, "bulk_closed", bulk_closed, **options))

    def add(
        self,
        method: str,
        name: str,
        words: str,
        *,
        headers: Sequence[Mapping[str, Any]] = (),
        items: int = 0,
        responses: Mapping[Any, Any] | None = None,
    ) -> Callable[[View], View]:
        """Add a view for *method*, at a URL that may be written with or without a final slash, unless it is left out.

        *headers* are parameters; *items* is how many items the body has at most.
        """
        resource, path = self.resource, PATHS.get(name, ONE)
        if name.removeprefix("bulk_") in resource.without or (method, path) in self.by_hand:
            return lambda view: view
        many = path == PATHS["bulk_update"]
        self.of_many.extend([method] if many else [])
        route = self.blueprint.route(
            path.rstrip("/"),
            methods=[method],
            endpoint=name,
            **EITHER_SLASH,
            tags=[resource.name],
            parameters=[{"name": "key", "in": "path", **_described_key(resource)}] if path == ONE else None,
        )
        facts: dict[str, Any] = {
            "operationId": self._id(name),
            "summary": f"{resource.label}: {words}",
            "responses": {
                REFUSED: REFUSED.name,
                **(responses or {}),
                **({} if method == "GET" else {"409": "CONFLICT"}),
            },
            FACTS: {"headers": list(headers), "items": items},
        }
        if name in self.schemas.forms:
            facts["requestBody"] = parts.described(self.schemas.forms[name]())
        document = self.blueprint.doc(**facts)
        scope = f"{resource.name}:{'read' if method == 'GET' else 'write'}"

        def added(view: View) -> View:
            whole: Any = document(declare(in_public_names(resource, view), scope=scope))
            if many:
                # close_bulk answers OPTIONS; flask-smorest does not pass the argument of this name on to Flask.
                whole.provide_automatic_options = False
            made: View = route(whole)
            return made

        return added

    def _body(self, name: str, schema: type[Schema] | None) -> Callable[[View], View]:
        """Give the view of operation *name* what a body of *schema* holds, or one in parts where there are files."""
        body, form = schema() if schema else None, self.schemas.forms.get(name)
        taking: Callable[[View], View] = (
            parts.reading(self.blueprint, body, form()) if form else self.blueprint.arguments(body)
        )
        return taking

    def _id(self, name: str) -> str:
        return re.sub(r"\W", "_", f"{name}_{self.resource.name}")

    def _links(self) -> dict[str, Any]:
        """Return what the document says can be done with a new row, by the key in the answer."""
        resource = self.resource
        if resource.read == nobody or len(resource.keys) > 1 or resource.key not in resource.readable:
            return {}
        here = {"parameters": {"key": f"$response.body#/{resource.key.public_name}"}}
        names = ("read", "update", "replace", "delete")
        return {name: {"operationId": self._id(name), **here} for name in names if name not in resource.without}

    def _asking(self, view: View) -> View:
        """Give *view* the parameters that say what of a row is wanted, where the resource has any."""
        if self.parameters.shown is None:
            return without_parameters(view)
        schema = self.parameters.shown()
        asking: View = self.blueprint.arguments(schema, location="query", unknown=Query.Meta.unknown)(view)
        return asking


def _not_modified(headers: Mapping[str, str]) -> dict[str, Any]:
    return {"304": {**NOT_MODIFIED, "headers": dict(headers)}}


def _described_key(resource: Resource) -> dict[str, Any]:
    if len(resource.keys) == 1:
        return {"description": resource.key.label, "schema": described(resource.key)}
    labels = ", ".join(field.label for field in resource.keys)
    return {"description": f"{labels}, with commas between.", "schema": {"type": "string"}}


def also_read(resource: Resource, action: str) -> Policy:
    """Return the policy for *action* on rows that the caller must be able to see as well."""
    policy = resource.policy(action)
    return policy if resource.read in (public, policy) else resource.read & policy
