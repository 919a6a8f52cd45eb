"""The REST operations of a Resource, as a plain flask-smorest blueprint.

    GET    /notes/         list       page, page_size, sort, q and the declared filters
    POST   /notes/         create     201 with Location
    GET    /notes/<key>    read
    PATCH  /notes/<key>    update     what is sent changes, the rest stays
    PUT    /notes/<key>    replace    what is left out goes back to its default
    DELETE /notes/<key>    delete     204

The order in each is route, who may, arguments, response: a stranger learns nothing about bodies.
"""

# mypy: disable-error-code="untyped-decorator"
# flask-smorest has no types.

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, current_app, request, url_for
from flask_smorest import Blueprint

from flaskkit.access import Policy, nobody, public, requires, user_for
from flaskkit.api.bodies import Parser
from flaskkit.api.dump import Writer, answer, writer_for
from flaskkit.api.schemas import Query, Schemas
from flaskkit.api.values import described
from flaskkit.db import rows
from flaskkit.db.compiled import Reader, reader_for
from flaskkit.resource import Resource

View = Callable[..., Any]


def blueprint_for(resource: Resource, schemas: Schemas) -> Blueprint:
    """Return a blueprint with the operations of *resource* that a policy opens to somebody."""
    blueprint = Blueprint(resource.name, __name__)
    blueprint.ARGUMENTS_PARSER = Parser()
    # What cannot be read can be created, but not be found again to be changed.
    if resource.read != nobody:
        _add_reading(blueprint, resource, schemas)
    if resource.policy("create") != nobody:
        _add_create(blueprint, resource, schemas)
    if resource.read != nobody and resource.policy("update") != nobody and schemas.patch().fields:
        _add_changing(blueprint, resource, schemas)
    if resource.read != nobody and resource.policy("delete") != nobody:
        _add_delete(blueprint, resource)
    return blueprint


def _add_reading(blueprint: Blueprint, resource: Resource, schemas: Schemas) -> None:
    compiled = _compiled(resource)

    @_operation(blueprint, resource, "GET", "list", "list")
    @requires(resource.read)
    @blueprint.arguments(schemas.query(), location="query", unknown=Query.Meta.unknown)
    @blueprint.response(200, schemas.shown(many=True), headers={"X-Pagination": "PAGINATION", "Link": "LINK"})
    def list_(query: dict[str, Any]) -> Any:
        asked = {
            "number": query.pop("page"),
            "size": query.pop("page_size"),
            "sorts": query.pop("sort", ()),
            "q": query.pop("q", ""),
            "filters": query,
        }
        page = compiled.reader.page(**asked) if compiled else rows.page(resource, **asked)
        headers = {"X-Pagination": _numbers_of(page), "Link": _links_of(page)}
        return answer(compiled.writer.many(page.items)) if compiled else page.items, headers

    @_operation(blueprint, resource, "GET", "read", "read one")
    @requires(resource.read)
    @blueprint.response(200, schemas.shown)
    def read(key: str) -> Any:
        return answer(compiled.writer.one(compiled.reader.get(key))) if compiled else rows.get(resource, key)


def _add_create(blueprint: Blueprint, resource: Resource, schemas: Schemas) -> None:
    readable = resource.read != nobody
    compiled = _compiled_for_items(resource)
    headers = {
        "Location": {"description": "Where the new one is.", "schema": {"type": "string", "format": "uri-reference"}}
    }

    @_operation(blueprint, resource, "POST", "create", "add one")
    @requires(resource.policy("create"))
    @blueprint.arguments(schemas.create())
    @blueprint.response(201, schemas.shown if readable else None, headers=headers if readable else None)
    def create(values: dict[str, Any]) -> Any:
        item = rows.create(resource, values, keep=compiled is not None)
        if not resource.read.allows(user_for(resource.read), item):
            return Response(status=201)
        shown = answer(compiled.writer.one(compiled.reader.of(item)), 201) if compiled else item
        return shown, {"Location": url_for(".read", key=rows.key_of(item))}


def _add_changing(blueprint: Blueprint, resource: Resource, schemas: Schemas) -> None:
    policy = _also_read(resource, "update")
    compiled = _compiled_for_items(resource)

    def change(values: dict[str, Any], key: str) -> Any:
        item = rows.update(resource, key, values, keep=compiled is not None)
        return answer(compiled.writer.one(compiled.reader.of(item))) if compiled else item

    @_operation(blueprint, resource, "PATCH", "update", "change one")
    @requires(policy)
    @blueprint.arguments(schemas.patch())
    @blueprint.response(200, schemas.shown)
    def update(values: dict[str, Any], key: str) -> Any:
        return change(values, key)

    @_operation(blueprint, resource, "PUT", "replace", "replace one")
    @requires(policy)
    @blueprint.arguments(schemas.replace())
    @blueprint.response(200, schemas.shown)
    def replace(values: dict[str, Any], key: str) -> Any:
        return change(values, key)


def _add_delete(blueprint: Blueprint, resource: Resource) -> None:
    @_operation(blueprint, resource, "DELETE", "delete", "delete one")
    @requires(_also_read(resource, "delete"))
    @blueprint.response(204)
    def delete(key: str) -> None:
        rows.delete(resource, key)


@dataclass(frozen=True)
class _Compiled:
    """What makes the answers of one resource without model objects and schemas."""

    reader: Reader
    writer: Writer


def _compiled(resource: Resource) -> _Compiled | None:
    """Return how rows are read and written fast, or None where that takes model objects and the schema."""
    reader = reader_for(resource)
    writer = writer_for(reader.fields) if reader else None
    return _Compiled(reader, writer) if reader and writer else None


def _compiled_for_items(resource: Resource) -> _Compiled | None:
    """Return the same for rows that were just stored, where they hold what reading them again would give."""
    compiled = _compiled(resource)
    return compiled if compiled and compiled.reader.exact else None


def _operation(blueprint: Blueprint, resource: Resource, method: str, name: str, words: str) -> Callable[[View], View]:
    """Add a view for *method* at the list's or one row's URL, which may be written with or without a final slash."""
    on_list = name in ("list", "create")
    key = {"name": "key", "in": "path", "description": resource.key.label, "schema": described(resource.key)}
    route = blueprint.route(
        "/" if on_list else "/<key>",
        methods=[method],
        endpoint=name,
        strict_slashes=False,
        tags=[resource.name],
        parameters=None if on_list else [key],
    )
    facts: dict[str, Any] = {
        "operationId": re.sub(r"\W", "_", f"{name}_{resource.name}"),
        "summary": f"{resource.label}: {words}",
    }
    if method not in ("GET", "HEAD"):
        facts["responses"] = {"409": "CONFLICT"}
    document = blueprint.doc(**facts)
    return lambda view: route(document(view))


def _also_read(resource: Resource, action: str) -> Policy:
    """Return the policy for *action* on rows that the caller must be able to see as well."""
    policy = resource.policy(action)
    return policy if resource.read in (public, policy) else resource.read & policy


def _numbers_of(page: rows.Page) -> str:
    """Return X-Pagination as flask-smorest writes it."""
    numbers = {"total": page.total, "total_pages": page.pages if page.total else 0}
    if page.total:
        numbers |= {"first_page": 1, "last_page": page.pages}
        around = {"page": page.number, "previous_page": page.number - 1, "next_page": page.number + 1}
        if page.number <= page.pages:
            numbers |= {name: number for name, number in around.items() if 1 <= number <= page.pages}
    return current_app.json.dumps(numbers)


def _links_of(page: rows.Page) -> str:
    """Return the other pages as RFC 8288 links; the relations are those of its section 2.1.1."""
    numbers = {"first": 1, "prev": min(page.number - 1, page.pages), "next": page.number + 1, "last": page.pages}
    path = quote(request.root_path + request.path)

    def links() -> Iterator[str]:
        for relation, number in numbers.items():
            if 1 <= number <= page.pages:
                yield f'<{path}?{urlencode({**request.args.to_dict(), "page": number})}>; rel="{relation}"'

    return ", ".join(links())
