"""assert_openapi: what the tests asked of the API, and what it answered, fits its OpenAPI document.

    the operation is in the document, unless the answer is a refusal
    the status is, and the media type, and the body fits the schema
    its headers fit theirs, and those that are required are there
    a request that was done had parameters and a body that the document knows

Schemas are checked by openapi-schema-validator, on jsonschema.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker, oas31_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from flaskkit.testing.traffic import TRAFFIC, Exchange

_DOCUMENT = "urn:flaskkit:document"
# What answers a request that was refused before it meant anything.
_REFUSED = (404, 405)


def assert_openapi(app: Flask) -> None:
    """Fail if anything that was asked of the API of *app* since ``note_traffic`` differs from its document.

    Raises:
        AssertionError: listing each exchange and what does not fit.
        LookupError: nothing was noted. Of the workers of pytest-xdist one may have no test of the API: there it is
            enough that somebody notes.
    """
    noted: dict[Exchange, None] | None = app.extensions.get(TRAFFIC)
    if noted is None or (not noted and "PYTEST_XDIST_WORKER" not in os.environ):
        raise LookupError(
            "Nothing was asked of the API. Use the app of the fixture made_app, or call note_traffic(app) first."
        )
    documents = [Document(app, version) for version in app.extensions["flaskkit.api"]]
    # The longest prefix first: an older version may be below the current one.
    documents.sort(key=lambda document: -len(document.prefix))
    found: dict[str, None] = {}
    for exchange in noted:
        document = next(one for one in documents if exchange.path.startswith(f"{one.prefix}/"))
        for text in document.mistakes(exchange):
            found[f"{exchange.method} {exchange.path} ({exchange.status}): {text}"] = None
    if found:
        shown = "\n".join(f"  - {text}" for text in found)
        raise AssertionError(f"The API does something else than its document says:\n{shown}")


class Document:
    """The OpenAPI document of one version of the API."""

    def __init__(self, app: Flask, version: Any) -> None:
        self.app = app
        self.prefix: str = version.prefix
        self.content: dict[str, Any] = json.loads(json.dumps(version.smorest(app).spec.to_dict(), default=str))
        modern = not self.content["openapi"].startswith("3.0")
        self._kind = OAS31Validator if modern else OAS30Validator
        self._formats = oas31_format_checker if modern else oas30_format_checker
        self._validators: dict[str, Any] = {}

    def mistakes(self, exchange: Exchange) -> Iterator[str]:
        """Yield what of *exchange* the document does not say."""
        path = self._path_of(exchange.path)
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        if path is None or method not in self.content["paths"][path]:
            if exchange.status not in _REFUSED and method != "options" and not self._is_hidden(exchange):
                yield "it is not in the document."
            return
        place = f"#/paths/{_escaped(path)}/{method}"
        operation = self._at(place)[0]
        yield from self._answer_mistakes(exchange, operation, place)
        if exchange.status < 400:
            yield from self._request_mistakes(exchange, operation, path, place)

    def _answer_mistakes(self, exchange: Exchange, operation: Any, place: str) -> Iterator[str]:
        responses = operation.get("responses", {})
        status = str(exchange.status)
        if status not in responses:
            status = "default" if exchange.status >= 400 and "default" in responses else ""
        if not status:
            yield "the document does not name this status."
            return
        response, place = self._at(f"{place}/responses/{status}")
        yield from self._header_mistakes(exchange, response, place)
        content = response.get("content", {})
        if exchange.method == "HEAD" or not exchange.body:
            return
        if exchange.kind not in content:
            yield f"it answers {exchange.kind or 'without a media type'}, the document names {_listed(content)}."
        elif "json" in exchange.kind and "schema" in content[exchange.kind]:
            yield from self._misfits(exchange.body, f"{place}/content/{_escaped(exchange.kind)}/schema", "the answer")

    def _header_mistakes(self, exchange: Exchange, response: Any, place: str) -> Iterator[str]:
        given: dict[str, str] = {}
        for name, value in exchange.headers:
            # Lines of one name are one list (RFC 9110, 5.3).
            given[name] = f"{given[name]}, {value}" if name in given else value
        for name in response.get("headers", {}):
            header, at = self._at(f"{place}/headers/{_escaped(name)}")
            text = given.get(name.lower())
            if text is None:
                if header.get("required"):
                    yield f"it has no header {name}, which the document requires."
            elif content := header.get("content"):
                [kind] = content
                if "json" in kind and "schema" in content[kind]:
                    yield from self._misfits(
                        text.encode(), f"{at}/content/{_escaped(kind)}/schema", f"the header {name}"
                    )
            elif "schema" in header:
                schema, where = self._at(f"{at}/schema")
                yield from self._misfits_of(_simple(text, schema), where, f"the header {name}")

    def _request_mistakes(self, exchange: Exchange, operation: Any, path: str, place: str) -> Iterator[str]:
        given = [*self.content["paths"][path].get("parameters", ()), *operation.get("parameters", ())]
        parameters = [self._at(one["$ref"])[0] if "$ref" in one else one for one in given]
        known = {one["name"] for one in parameters if one["in"] == "query"}
        for name in parse_qs(exchange.query, keep_blank_values=True):
            if name not in known:
                yield f"it takes the parameter {name!r}, which the document does not name."
        if not exchange.sent:
            return
        if "requestBody" not in operation:
            yield "it takes a body, which the document does not name."
            return
        body, place = self._at(f"{place}/requestBody")
        if exchange.sent_kind not in body["content"]:
            yield f"it takes {exchange.sent_kind}, the document names {_listed(body['content'])}."
        elif "json" in exchange.sent_kind:
            yield from self._misfits(
                exchange.sent, f"{place}/content/{_escaped(exchange.sent_kind)}/schema", "the body"
            )

    def _misfits(self, text: bytes, place: str, what: str) -> Iterator[str]:
        try:
            value = json.loads(text)
        except ValueError:
            yield f"{what} is no JSON."
            return
        yield from self._misfits_of(value, place, what)

    def _misfits_of(self, value: Any, place: str, what: str) -> Iterator[str]:
        if place not in self._validators:
            schema = {"$ref": f"{_DOCUMENT}{place}"}
            self._validators[place] = self._kind(schema, registry=self._registry, format_checker=self._formats)
        for error in self._validators[place].iter_errors(value):
            where = "".join(f"/{part}" for part in error.absolute_path) or "as a whole"
            yield f"{what} does not fit, {where}: {error.message[:200]}"

    @cached_property
    def _registry(self) -> Any:
        return Registry().with_resource(_DOCUMENT, Resource.from_contents(self.content, DRAFT202012))

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        # Those without a parameter first: "/notes/bulk" is no key.
        paths = sorted(self.content["paths"], key=lambda path: path.count("{"))
        return [
            (re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path.rstrip("/"))) + "/?"), path) for path in paths
        ]

    def _path_of(self, path: str) -> str | None:
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)

    def _at(self, place: str) -> tuple[Any, str]:
        """Return what stands at *place*, and where it really stands, if that is a reference."""
        found: Any = self.content
        for part in place.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return self._at(found["$ref"]) if isinstance(found, dict) and "$ref" in found else (found, place)

    def _is_hidden(self, exchange: Exchange) -> bool:
        """Return whether it is the document itself, or the page that shows it."""
        prefix = f"{self.prefix}/"
        return exchange.path.removeprefix(prefix).partition("/")[0] in ("docs", "openapi.json")


def _simple(text: str, schema: Any) -> Any:
    """Return the value of a header as *schema* means it; as text, where it cannot be read so (style "simple")."""
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        return [_simple(part.strip(), schema.get("items", {})) for part in text.split(",")]
    # 1e3 is a number and no integer; "true" is a boolean.
    plain = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?([eE][+-]?\d+)?", "boolean": "true|false"}
    if any(kind in kinds and re.fullmatch(pattern, text) for kind, pattern in plain.items()):
        return json.loads(text)
    return text


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _listed(names: Any) -> str:
    return ", ".join(names) or "no body"
