"""What the OpenAPI document says about every operation, generated or hand-written, without being told.

Who may call it follows from the policies noted on its view; which errors it can answer, from what it takes:

    a policy other than public     security, 401, 403
    a session cookie that writes   400, when the CSRF token is missing
    a body                         400, 413, 415
    a value in the path            404
    anything                       default: every other problem, such as 500 and 503
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import flask_smorest
from apispec import BasePlugin
from flask import Flask
from flask_smorest.pagination import PaginationMetadataSchema
from werkzeug.routing import Rule

from flaskkit.access import Policy, declared, login, public
from flaskkit.api.problem import MEDIA_TYPE, Problem


class Facts(BasePlugin):
    """Adds security, statuses and an id to each operation of one app's document."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, rule: Rule | None = None, **kwargs: Any
    ) -> None:
        """Complete *operations*, which flask-smorest registers for *rule*."""
        if rule is None:
            return
        for method, operation in (operations or {}).items():
            policy = self._policy(rule.endpoint, method)
            operation.setdefault("operationId", f"{method}_{rule.endpoint.replace('.', '_')}")
            if policy is not None and "auth" in self.app.extensions["flaskkit"]:
                operation.setdefault("security", list(self._security(policy, method)))
            responses = operation.setdefault("responses", {})
            for status in self._statuses(rule, method, operation, policy):
                if not {status, str(status), status.name} & set(responses):
                    responses[int(status)] = status.name

    def _policy(self, endpoint: str, method: str) -> Policy | None:
        view = self.app.view_functions[endpoint]
        # Policies of a MethodView stand on its methods.
        function = getattr(getattr(view, "view_class", None), method, view)
        return declared(function).get(method.upper())

    def _security(self, policy: Policy, method: str) -> Iterator[dict[str, list[str]]]:
        if not policy.personal and not self._needs_token(method):
            return  # The same for everybody: no credentials are asked for, and none make a difference.
        if policy.anonymous:
            yield {}
        names = ["cookieAuth", "csrfToken"] if self._needs_token(method) else ["cookieAuth"]
        yield {name: [] for name in names}
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
            if policy is not login:
                yield HTTPStatus.FORBIDDEN
        if rule.arguments:
            yield HTTPStatus.NOT_FOUND
        if "requestBody" in operation:
            yield HTTPStatus(413)
            yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def add_components(app: Flask, api: flask_smorest.Api) -> None:
    """Describe problems, headers and ways to log in, for operations to refer to."""
    components = api.spec.components
    problem = {MEDIA_TYPE: {"schema": Problem}}
    # flask-smorest has described these as plain JSON; until one is referred to, the last word counts.
    for status in HTTPStatus:
        if status >= HTTPStatus.BAD_REQUEST:
            components.response(status.name, {"description": status.phrase, "content": problem}, lazy=True)
    components.response("DEFAULT_ERROR", {"description": "Any other problem", "content": problem}, lazy=True)
    components.header(
        "PAGINATION",
        # The header holds JSON; a plain schema would describe another notation (OpenAPI 3.1, "Header Object").
        {
            "description": "Which page this is, and how many there are.",
            "content": {"application/json": {"schema": PaginationMetadataSchema}},
        },
        lazy=True,
    )
    components.header(
        "LINK",
        {"description": "The first, prev, next and last page (RFC 8288).", "schema": {"type": "string"}},
        lazy=True,
    )
    if "auth" in app.extensions["flaskkit"]:
        _add_ways_to_log_in(app, components)


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
