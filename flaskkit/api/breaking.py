"""flask kit openapi --check FILE: which changes of the document break programs written for the one in FILE.

    breaking(old, new)  ->  ["GET /api/notes 200: property 'rating' is gone", …]

One rule for everything: what could be sent may still be sent, and what is answered is no more than was promised.
So a request may only get wider (a new optional parameter, a longer text, one more choice) and an answer only narrower.
Two exceptions, because well-made programs bear them: an answer may get new properties, and operations new errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import click
from flask import current_app
from flask.cli import with_appcontext

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# Whether another one is wider or narrower cannot be told; none at all is widest.
FIXED = ("pattern", "format", "multipleOf", "uniqueItems", "contentEncoding", "not")
TYPES = frozenset({"null", "boolean", "object", "array", "number", "string"})

Schema = Mapping[str, Any]


@click.command()
@click.option("--check", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--config-prefix", default="", help="Which version, as in flask openapi print.")
@with_appcontext
def openapi(file: Path, config_prefix: str) -> None:
    """List what in the app's document breaks programs written for the one in FILE. Exits with 1 if anything does."""
    apis = current_app.extensions["flask-smorest"]["apis"]
    keys = f"{config_prefix.rstrip('_').upper()}_" if config_prefix else ""
    if keys not in apis:
        known = ", ".join(one.rstrip("_") for one in apis if one) or "none but the current one"
        raise click.ClickException(f"There is no version {config_prefix!r}; there are: {known}.")
    try:
        old = json.loads(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is no JSON: {error}.") from None
    if not isinstance(old, dict) or "paths" not in old:
        raise click.ClickException(f"{file} is no OpenAPI document.")
    # As JSON, where keys are text and nothing is a tuple.
    found = breaking(old, json.loads(json.dumps(apis[keys]["ext_obj"].spec.to_dict())))
    for line in found:
        click.echo(line)
    if found:
        raise click.exceptions.Exit(1)
    click.echo("No breaking change.")


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each change from the document *old* to *new* that breaks programs written for *old*."""
    before, after = Document(old), Document(new)
    operations = after.operations()
    lines = []
    for place, operation in before.operations().items():
        if place not in operations:
            lines.append(f"{operation['name']}: is gone")
            continue
        changes = _Changes(before, after)
        lines += [f"{operation['name']}{text}" for text in changes.of_operation(operation, operations[place])]
    return list(dict.fromkeys(lines))


class Document(NamedTuple):
    """An OpenAPI document, read with its references."""

    content: Mapping[str, Any]

    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return each operation by method and path, whatever the values in the path are called."""
        found = {}
        for path, item in self.content["paths"].items():
            whole = self.at(item)
            place = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
            for method in METHODS:
                if method in whole:
                    common = {"parameters": [], "security": self.content.get("security", [])}
                    operation = {**common, **whole[method], "name": f"{method.upper()} {path}"}
                    operation["parameters"] = [*whole.get("parameters", []), *operation["parameters"]]
                    found[method, place] = operation
        return found

    def at(self, part: Any) -> Any:
        """Return *part*, or what it refers to; what stands beside the reference counts too."""
        while isinstance(part, Mapping) and "$ref" in part:
            target: Any = self.content
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            part = {**target, **{key: value for key, value in part.items() if key != "$ref"}}
        return part

    def schema(self, part: Any) -> dict[str, Any]:
        """Return a schema without references, ``allOf``, ``const`` and ``nullable`` at its top."""
        if isinstance(part, bool):
            part = {} if part else {"enum": []}
        found = dict(self.at(part))
        for one in found.pop("allOf", ()):
            inner = self.schema(one)
            properties = {**inner.get("properties", {}), **found.get("properties", {})}
            required = [*inner.get("required", []), *found.get("required", [])]
            found = {**inner, **found, **({"properties": properties, "required": required} if properties else {})}
        if "const" in found:
            found["enum"] = [found.pop("const")]
        if found.pop("nullable", False):
            found["type"] = [found["type"], "null"] if "type" in found else list(TYPES)
        return found

    def alternatives(self, schema: Schema) -> list[Any]:
        """Return what a value may be: the branches of ``oneOf`` and ``anyOf``, or *schema* alone."""
        branches = schema.get("oneOf") or schema.get("anyOf")
        return [self.schema(one) for one in branches] if branches else [schema]


class _Changes(NamedTuple):
    """Finds what breaks between two documents. *sent* says which way a value goes: to the app, or back."""

    old: Document
    new: Document

    def of_operation(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        yield from self._of_parameters(old["parameters"], new["parameters"])
        yield from self._of_body(old.get("requestBody"), new.get("requestBody"))
        yield from self._of_answers(old.get("responses", {}), new.get("responses", {}))
        for names in old["security"] or [{}]:
            if not any(set(other) <= set(names) for other in new["security"] or [{}]):
                words = " and ".join(names)
                yield f": {words} is not enough any more" if words else ": needs a login now"

    def _of_parameters(self, old: list[Any], new: list[Any]) -> Iterator[str]:
        before = {_name(one): one for one in map(self.old.at, old)}
        after = {_name(one): one for one in map(self.new.at, new)}
        for name, one in before.items():
            if name not in after and one["in"] == "query":
                yield f": {name} is gone"
        for name, one in after.items():
            if one.get("required") and not before.get(name, {}).get("required"):
                yield f": {name} is required now"
            if name in before:
                for text in self._of_schema(_schema_of(before[name]), _schema_of(one), sent=True):
                    yield f": {name}{text}"

    def _of_body(self, old: Any, new: Any) -> Iterator[str]:
        before, after = self.old.at(old) or {}, self.new.at(new) or {}
        if after.get("required") and not before.get("required"):
            yield " body: is required now"
        if before and not after:
            yield " body: is gone"
            return
        yield from self._of_contents(before.get("content", {}), after.get("content", {}), " body", sent=True)

    def _of_answers(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        for status, answer in old.items():
            if status not in new:
                if status[0] in "123":
                    yield f" {status}: is gone"
                continue
            before, after = self.old.at(answer), self.new.at(new[status])
            for name, header in before.get("headers", {}).items():
                if name not in after.get("headers", {}):
                    yield f" {status}: header {name!r} is gone"
                elif self.old.at(header).get("required") and not self.new.at(after["headers"][name]).get("required"):
                    yield f" {status}: header {name!r} may be missing now"
            yield from self._of_contents(before.get("content", {}), after.get("content", {}), f" {status}", sent=False)

    def _of_contents(self, old: Schema, new: Schema, where: str, *, sent: bool) -> Iterator[str]:
        for kind, content in old.items():
            if kind not in new:
                yield f"{where}: {kind} is gone"
                continue
            for text in self._of_schema(content.get("schema", {}), new[kind].get("schema", {}), sent=sent):
                yield f"{where}:{text.removeprefix(':')}"

    def _of_schema(
        self, old: Any, new: Any, *, sent: bool, path: str = "", seen: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        pair = f"{old} {new}"
        if "$ref" in pair and pair in seen:
            return
        seen |= {pair}
        before, after = (self.old.schema(old), self.new.schema(new))
        if "oneOf" in before or "anyOf" in before or "oneOf" in after or "anyOf" in after:
            yield from self._of_alternatives(before, after, sent=sent, path=path, seen=seen)
            return
        where = f": property {path!r}" if path else ":"
        for text in _of_values(before, after, sent=sent):
            yield f"{where} {text}"
        yield from self._of_properties(before, after, sent=sent, path=path, seen=seen)
        for inside in ("items", "additionalProperties"):
            if isinstance(before.get(inside), dict) and isinstance(after.get(inside), dict):
                yield from self._of_schema(before[inside], after[inside], sent=sent, path=path, seen=seen)

    def _of_alternatives(
        self, old: Schema, new: Schema, *, sent: bool, path: str, seen: frozenset[str]
    ) -> Iterator[str]:
        before, after = self.old.alternatives(old), self.new.alternatives(new)
        fits = {
            (i, j)
            for (i, one), (j, other) in product(enumerate(before), enumerate(after))
            if not any(self._of_schema(one, other, sent=sent, path=path, seen=seen))
        }
        covered = {pair[0 if sent else 1] for pair in fits}
        if len(covered) < len(before if sent else after):
            words = "takes less than it did" if sent else "may be something else now"
            yield f": property {path!r} {words}" if path else f": {words}"

    def _of_properties(self, old: Schema, new: Schema, *, sent: bool, path: str, seen: frozenset[str]) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        closed = new.get("additionalProperties") is False
        for name, one in before.items():
            inner = f"{path}.{name}" if path else name
            if name in after:
                yield from self._of_schema(one, after[name], sent=sent, path=inner, seen=seen)
            elif closed or not sent:
                yield f": property {inner!r} is gone"
        here, there = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(there - here if sent else (here - there) & set(after)):
            inner = f"{path}.{name}" if path else name
            yield f": property {inner!r} {'is required now' if sent else 'may be missing now'}"
        if sent and closed and before and old.get("additionalProperties", True) is not False:
            yield f": {f'property {path!r} ' if path else ''}takes no other properties now"


def _of_values(old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
    """Yield what of type, choices and limits has become narrower, where values are *sent*; otherwise what is wider."""
    wide, narrow = (old, new) if sent else (new, old)
    lost = _types(wide) - _types(narrow)
    if lost and not (lost == {"integer"} and "number" in _types(narrow)):
        yield f"was {_told(old)} and is {_told(new)}"
        return
    if "enum" in narrow and narrow["enum"] != wide.get("enum"):
        values = [value for value in wide.get("enum", []) if value not in narrow["enum"]]
        words = ", ".join(map(json.dumps, values))
        if values:
            yield f"does not take {words} any more" if sent else f"may be {words} now"
        elif "enum" not in wide:
            yield "takes some values only now" if sent else "may be any value now"
    for name in (*LOWER, *UPPER, *FIXED):
        limit, other = narrow.get(name), wide.get(name)
        if limit is None or limit == other:
            continue
        if other is None or name in FIXED or (limit > other if name in LOWER else limit < other):
            yield f"had {name} {old.get(name, 'none')} and has {new.get(name, 'none')}"


def _types(schema: Schema) -> frozenset[str]:
    given = schema.get("type")
    if given is not None:
        return frozenset([given] if isinstance(given, str) else given)
    return TYPES


def _told(schema: Schema) -> str:
    return " or ".join(sorted(_types(schema))) if "type" in schema else "anything"


def _name(parameter: Mapping[str, Any]) -> str:
    # What a value in the path is called, no request shows.
    return f"{parameter['in']} parameter" + (f" {parameter['name']!r}" if parameter["in"] != "path" else "")


def _schema_of(parameter: Mapping[str, Any]) -> Any:
    contents = list(parameter.get("content", {}).values())
    return parameter.get("schema") or (contents[0].get("schema", {}) if contents else {})
