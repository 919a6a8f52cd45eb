"""What the API does with a request, for `flask kit explain`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.api import csrf
from flaskkit.api.dump import writer_for
from flaskkit.api.schemas import Form
from flaskkit.db.compiled import reader_for
from flaskkit.db.explain import statements
from flaskkit.resource import Resource
from flaskkit.tools.steps import Step, field_lines, name_of, place_of, resource_step

OPERATIONS = {"replace": "update", "bulk_create": "create", "bulk_update": "update", "bulk_delete": "delete"}


def steps(app: Flask, endpoint: str, method: str) -> Iterator[Step]:
    """Yield what this feature does with a request for *endpoint*."""
    facts = getattr(app.view_functions[endpoint], "_apidoc", None)
    if facts is None:
        return
    blueprint, _, operation = endpoint.rpartition(".")
    if blueprint in app.extensions["flaskkit"].own_csrf:
        asked = method in app.config.get("WTF_CSRF_METHODS", ())
        what = "a token, where a session cookie says who; none of bearer tokens and strangers"
        yield Step("csrf", what if asked else f"none: {method} changes nothing", place_of(csrf.check))
    resource = _resource_of(app, blueprint)
    if resource is not None:
        yield resource_step(app.extensions["flaskkit"], resource)
        yield Step("sql", operation, "", statements(app, resource, OPERATIONS.get(operation, operation)))
    for parameter in facts.get("arguments", {}).get("parameters", ()):
        yield _validated(parameter, resource)
    yield from _forms(facts, resource)
    yield from _serialized(facts, resource)


def _resource_of(app: Flask, blueprint: str) -> Any:
    kit = app.extensions["flaskkit"]
    for version in app.extensions["flaskkit.api"]:
        for resource in version.resources(kit.modules):
            if blueprint == f"{version.name}.{resource.name}":
                return resource
    return None


def _validated(parameter: dict[str, Any], resource: Any) -> Step:
    schema, place = parameter["schema"], parameter["in"]
    if resource is not None and place == "json":
        sent = [field for field in resource.writable if not field.file]
        return Step("validation", f"JSON as {_named(schema)}", place_of(type(schema)), field_lines(sent))
    fields = tuple(
        f"{one.data_key or name}: {type(one).__name__}{', required' if one.required else ''}"
        for name, one in schema.fields.items()
    )
    return Step(
        "validation", f"{'JSON' if place == 'json' else place} as {_named(schema)}", place_of(type(schema)), fields
    )


def _forms(facts: dict[str, Any], resource: Resource | None) -> Iterator[Step]:
    contents = facts.get("manual_doc", {}).get("requestBody", {}).get("content", {})
    for kind, content in contents.items():
        schema = content.get("schema")
        if resource is not None and isinstance(schema, Form):
            what = f"{kind} as {_named(schema)}"
            yield Step("validation", what, place_of(type(schema)), field_lines(resource.writable))


def _serialized(facts: dict[str, Any], resource: Any) -> Iterator[Step]:
    reader = reader_for(resource) if resource is not None else None
    writer = writer_for(reader.fields) if reader is not None else None
    for status, shown in facts.get("response", {}).get("responses", {}).items():
        schema = shown[0].get("schema") if isinstance(shown, list) else shown.get("schema")
        if schema is None:
            yield Step("serializer", f"{status} without a body")
        elif writer is not None:
            what = f"{status} {_named(schema)}: tuples to JSON by {name_of(type(writer))}"
            names = tuple(f"{one.public_name}: {one.type.__name__}" for one in reader.fields) if reader else ()
            yield Step("serializer", what, place_of(type(writer)), names)
        else:
            fields = tuple(f"{one.data_key or name}: {type(one).__name__}" for name, one in schema.dump_fields.items())
            yield Step("serializer", f"{status} {_named(schema)}: marshmallow", place_of(type(schema)), fields)


def _named(schema: Any) -> str:
    name = type(schema).__name__
    return f"list of {name}" if schema.many else name
