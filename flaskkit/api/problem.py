"""Errors as ``application/problem+json``, RFC 9457.

    {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "Some values …",
     "instance": "/api/notes/",
     "errors": [{"detail": "Not a whole number.", "pointer": "#/rating"}]}

``pointer`` is a JSON pointer into the body that was sent, as in the RFC's example; ``parameter`` names a query
parameter, a header, or whatever else stood beside the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

import marshmallow as ma
from flask import current_app, request
from werkzeug.exceptions import HTTPException, NotFound

from flaskkit.errors import Rejected

MEDIA_TYPE = "application/problem+json"
REFUSED = "Some values cannot be accepted."
NOTHING = "There is nothing at this address that you may see."
IN_BODY = ("json", "form", "files", "json_or_form")


class ProblemError(ma.Schema):
    """One mistake in a request."""

    class Meta:
        register = False

    detail = ma.fields.String(required=True, metadata={"description": "What is wrong."})
    pointer = ma.fields.String(
        metadata={"description": "Where in the body: a JSON pointer, as a URI fragment, such as #/rating."}
    )
    parameter = ma.fields.String(metadata={"description": "Which parameter beside the body, such as page_size."})


class Problem(ma.Schema):
    """Why a request was not carried out (RFC 9457)."""

    class Meta:
        register = False
        description = "Why a request was not carried out (RFC 9457)."

    type = ma.fields.String(
        required=True,
        metadata={
            "format": "uri-reference",
            "description": "Which kind of problem; about:blank where the status says it.",
        },
    )
    title = ma.fields.String(required=True, metadata={"description": "The name of the status."})
    status = ma.fields.Integer(required=True, metadata={"minimum": 400, "maximum": 599})
    detail = ma.fields.String(required=True, metadata={"description": "What was wrong this time."})
    instance = ma.fields.String(required=True, metadata={"format": "uri-reference", "description": "What was asked."})
    errors = ma.fields.List(
        ma.fields.Nested(ProblemError), metadata={"description": "Each mistake found, where there can be several."}
    )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same: apispec copies what it is given a hundred times for each app, and changes no schema."""
        return self


# Described once for each status of each document.
PROBLEM = Problem()


def answer(error: HTTPException) -> Any:
    """Return *error* as a problem: its status and headers stay, the body is ours."""
    if error.response is not None:
        return error.response
    response: Any = error.get_response()
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    # What webargs and flask-smorest's abort() leave at the exception.
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    errors = list(_errors_of(error, data))
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": int(status),
        "detail": data.get("message") or (REFUSED if "messages" in data else detail_of(error)),
        "instance": quote(request.root_path + request.path),
    }
    if errors:
        body["errors"] = errors
    response.data = current_app.json.dumps(body)
    response.content_type = MEDIA_TYPE
    response.headers.extend(data.get("headers") or {})
    if status == HTTPStatus.UNAUTHORIZED:
        # RFC 9110, section 15.5.2: a 401 must name a way to log in. Feature auth says so by itself.
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def detail_of(error: HTTPException) -> str:
    """Return what is said of *error*, unless its view says more."""
    # Werkzeug speaks to somebody who types addresses.
    return NOTHING if error.description == NotFound.description else error.description or error.name


def _errors_of(error: HTTPException, data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if isinstance(error, Rejected):
        for name, messages in error.errors.items():
            yield from _flat(messages, (name,) if name else (), in_body=True)
    elif "errors" in data:
        yield from _flat(data["errors"], (), in_body=True)
    else:
        for location, messages in (data.get("messages") or {}).items():
            yield from _flat(messages, (), in_body=location in IN_BODY)


def _flat(messages: Any, path: tuple[Any, ...], *, in_body: bool) -> Iterator[dict[str, str]]:
    """Yield an error for each text in *messages*, which are nested by field names and positions."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _flat(inner, path if name == "_schema" else (*path, name), in_body=in_body)
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flat(inner, path, in_body=in_body)
    elif in_body:
        yield {"detail": str(messages), "pointer": "#" + "".join(f"/{_escaped(part)}" for part in path)}
    else:
        yield {"detail": str(messages), "parameter": str(path[0]) if path else ""}


def _escaped(part: Any) -> str:
    """Return *part* of a JSON pointer as it stands in a URI fragment (RFC 6901, sections 3 and 6)."""
    return quote(str(part).replace("~", "~0").replace("/", "~1"), safe="~")
