"""What the OpenAPI document says about every operation, generated or hand-written, without being told.

Who may call it follows from the policies noted on its view; which errors it can answer, from what it takes:

    a policy other than public     security, 401, 403
    a session cookie that writes   400, when the CSRF token is missing
    a body                         400, 413, 415
    a value in the path            404
    the limit `api`, or @limited   429
    anything                       default: every other problem, such as 500 and 503
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import flask_smorest
from apispec import APISpec, BasePlugin
from flask import Flask
from flask_smorest.pagination import PaginationMetadataSchema
from werkzeug.exceptions import InternalServerError, default_exceptions
from werkzeug.routing import Rule

from flaskkit.access import Policy, guard_of, public
from flaskkit.api.paging import CURSOR
from flaskkit.api.problem import MEDIA_TYPE, PROBLEM, detail_of
from flaskkit.api.schemas import Form, Object

# Where an operation says what flask-smorest cannot: header parameters, and how many items its body has at most.
FACTS = "x-flaskkit-facts"
TAG = {"description": "The entity tag of what is answered (RFC 9110).", "schema": {"type": "string"}}


class Facts(BasePlugin):
    """Adds security, statuses and an id to each operation of one app's document."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.modern = False

    def init_spec(self, spec: APISpec) -> None:
        """Take up which version of OpenAPI the document has."""
        super().init_spec(spec)
        self.modern = (spec.openapi_version.major, spec.openapi_version.minor) >= (3, 1)

    def schema_helper(self, name: str, definition: dict[str, Any], **kwargs: Any) -> dict[str, Any] | None:
        """Complete the schema of a body in parts, which has one at least."""
        schema = kwargs.get("schema")
        return {"minProperties": 1} if isinstance(schema, Form) else None

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, rule: Rule | None = None, **kwargs: Any
    ) -> None:
        """Complete *operations*, which flask-smorest registers for *rule*."""
        if rule is None:
            return
        for method, operation in (operations or {}).items():
            _complete(operation, **operation.pop(FACTS, {}))
            guard = guard_of(self.app.view_functions[rule.endpoint], method.upper())
            policy = guard.policy
            operation.setdefault("operationId", f"{method}_{rule.endpoint.replace('.', '_')}")
            if policy is not None and "auth" in self.app.extensions["flaskkit"]:
                operation.setdefault("security", list(self._security(policy, guard.scopes, method)))
            responses = operation.setdefault("responses", {})
            for response in responses.values():
                self._keep_links_that_lead_somewhere(rule, response)
            for status in self._statuses(rule, method, operation, policy):
                if not {status, str(status), status.name} & set(responses):
                    responses[int(status)] = status.name

    def _keep_links_that_lead_somewhere(self, rule: Rule, response: Any) -> None:
        if "links" in response:
            siblings = rule.endpoint.rpartition(".")[0]
            found = {n: link for n, link in response["links"].items() if f"{siblings}.{n}" in self.app.view_functions}
            response["links"] = found

    def _security(self, policy: Policy, scopes: Sequence[str], method: str) -> Iterator[dict[str, list[str]]]:
        if not policy.personal and not self._needs_token(method):
            return  # The same for everybody: no credentials are asked for, and none make a difference.
        if policy.anonymous:
            yield {}
        names = ["cookieAuth", "csrfToken"] if self._needs_token(method) else ["cookieAuth"]
        yield {name: [] for name in names}
        # Up to version 3.0 only OAuth 2 and OpenID Connect have scopes (OpenAPI 3.1, "Security Requirement Object").
        named = [scope for scope in scopes if scope != "*"] if self.modern and policy.personal else []
        # Of several scopes one is enough, so each is a way in.
        yield from ({"bearerAuth": [scope]} for scope in named)
        if not named:
            yield {"bearerAuth": []}

    def _needs_token(self, method: str) -> bool:
        return "csrf" in self.app.extensions and method.upper() in self.app.config["WTF_CSRF_METHODS"]

    def _statuses(
        self, rule: Rule, method: str, operation: dict[str, Any], policy: Policy | None
    ) -> Iterator[HTTPStatus]:
        if "requestBody" in operation or self._needs_token(method):
            yield HTTPStatus.BAD_REQUEST
        if policy not in (None, public):
            yield HTTPStatus.UNAUTHORIZED
            # Also where everybody who is logged in may: a token can be limited to other scopes.
            yield HTTPStatus.FORBIDDEN
        if rule.arguments:
            yield HTTPStatus.NOT_FOUND
        if "requestBody" in operation:
            yield HTTPStatus(413)
            yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        limits = self.app.extensions.get("flaskkit.limits", ())
        if "api" in limits or _limit_of(self.app.view_functions[rule.endpoint], method) in limits:
            yield HTTPStatus.TOO_MANY_REQUESTS


def _limit_of(view: Any, method: str) -> str | None:
    """Return the name that ``@limited`` has noted on *view*, or on the method of its class."""
    own = getattr(getattr(view, "view_class", None), method, None)
    limit: str | None = getattr(own, "limit", None) or getattr(view, "limit", None)
    return limit


def _complete(operation: dict[str, Any], headers: Sequence[Mapping[str, Any]] = (), items: int = 0) -> None:
    if headers:
        operation["parameters"] = [*operation.get("parameters", ()), *headers]
    if items:
        array = operation["requestBody"]["content"]["application/json"]["schema"]
        array |= {"minItems": 1, "maxItems": items}


def object_properties(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of a relationship shown as an object, or as a key or an object, as asked.

    apispec calls this for every field of a schema, after its own functions have filled *ret*.
    """
    if not isinstance(field, Object):
        return {}
    key = {name: ret.pop(name) for name in [*ret] if name not in ("description", "readOnly", "minItems")}
    whole = converter.resolve_nested_schema(field.inner)
    modern = converter.openapi_version.minor > 0
    if field.field.many:
        one = whole if field.field.nested else {"oneOf": [key["items"], whole]}
        return {"type": "array", "items": one}
    keys = [] if field.field.nested else [_without_null(key)]
    if not field.allow_none:
        return {"oneOf": [*keys, whole]} if keys else whole
    return {"oneOf": [*keys, whole, {"type": "null"}]} if modern else {"oneOf": [*keys, whole], "nullable": True}


def sendable_default(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Take away a default that cannot be sent: null and nothing, in a body in parts. apispec asks for each field."""
    if (field.load_default is None and not field.allow_none) or (field.load_default == () and "minItems" in ret):
        ret.pop("default", None)
    return {}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* without null, which oneOf names once."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        [kind] = [one for one in kinds if one != "null"]
        schema = {**schema, "type": kind}
    return {name: value for name, value in schema.items() if name != "nullable"}


def one_example(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Return the one example that OpenAPI 3.0 has for a schema, where 3.1 has several. apispec asks for each field."""
    modern = converter.openapi_version.minor > 0
    return {} if modern or "examples" not in ret else {"example": ret.pop("examples")[0]}


def add_components(app: Flask, api: flask_smorest.Api) -> None:
    """Describe problems, headers and ways to log in, for operations to refer to."""
    components = api.spec.components
    # flask-smorest has described these as plain JSON; until one is referred to, the last word counts.
    for status in HTTPStatus:
        if status >= HTTPStatus.BAD_REQUEST:
            components.response(status.name, _problem(status, status.phrase), lazy=True)
    other = _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Any other problem")
    components.response("DEFAULT_ERROR", other, lazy=True)
    pagination = {"allOf": [PaginationMetadataSchema, {"type": "object", "properties": {"after": CURSOR}}]}
    components.header(
        "PAGINATION",
        # The header holds JSON; a plain schema would describe another notation (OpenAPI 3.1, "Header Object").
        {
            "description": "Which page this is, and how many there are.",
            "required": True,
            "content": {"application/json": {"schema": pagination}},
        },
        lazy=True,
    )
    components.header(
        "LINK",
        {
            "description": "The first, prev, next and last page (RFC 8288).",
            "required": True,
            "schema": {"type": "string"},
        },
        lazy=True,
    )
    components.header("ETAG", {**TAG, "required": True}, lazy=True)
    if "auth" in app.extensions["flaskkit"]:
        _add_ways_to_log_in(app, components)


def _problem(status: HTTPStatus, words: str) -> dict[str, Any]:
    error = default_exceptions.get(status, InternalServerError)()
    shown = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": detail_of(error),
        "instance": "/what/was/asked",
    }
    response: dict[str, Any] = {
        "description": words,
        "content": {MEDIA_TYPE: {"schema": PROBLEM, "example": shown}},
    }
    if status in _HEADERS:
        response["headers"] = {
            name: {"description": said, "schema": {"type": kind}, **_required(status)}
            for name, (said, kind) in _HEADERS[status].items()
        }
    return response


def _required(status: HTTPStatus) -> dict[str, bool]:
    # Not every 429 is that of a limit, and an app may have its own.
    return {"required": True} if status == HTTPStatus.UNAUTHORIZED else {}


_HEADERS: Mapping[HTTPStatus, Mapping[str, tuple[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": ("How to say who one is (RFC 9110).", "string")},
    HTTPStatus.TOO_MANY_REQUESTS: {
        "Retry-After": ("In how many seconds to try again (RFC 9110).", "integer"),
        "RateLimit-Policy": ("The limit that was reached: requests (q) in seconds (w).", "string"),
        "RateLimit": ("How many requests are left of it (r), and for how many seconds (t).", "string"),
    },
}


def _add_ways_to_log_in(app: Flask, components: Any) -> None:
    session = {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]}
    components.security_scheme("cookieAuth", {**session, "description": "The session cookie of a browser."})
    components.security_scheme("bearerAuth", {"type": "http", "scheme": "bearer", "description": "For programs."})
    if "csrf" in app.extensions:
        components.security_scheme(
            "csrfToken",
            {
                "type": "apiKey",
                "in": "header",
                "name": app.config["WTF_CSRF_HEADERS"][0],
                "description": "Proves that a request with a session cookie comes from a page of this site.",
            },
        )
