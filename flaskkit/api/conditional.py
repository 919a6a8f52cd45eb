"""Conditional requests, RFC 9110 section 13: entity tags, and what depends on them.

    GET                   If-None-Match: "tag"   304 while nothing changed
    PATCH, PUT, DELETE    If-Match: "tag"        412 when somebody else changed the row; decided with the row locked

A tag is strong: a hash of the JSON that is answered, or of the row's version where nothing else is shown, see
representation.py. If-Match is compared with the tag of a row's default representation, the one that create, update and
a read without further parameters answer with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from flaskkit.api.representation import Shown
from flaskkit.resource import Resource

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags of what the caller has already: 304 where it is the current one.",
    "schema": {"type": "string"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of what the caller has read: 412 where it has changed since. * is any.",
    "schema": {"type": "string"},
}
NOT_MODIFIED = {"description": "Not Modified", "headers": {"ETag": "ETAG"}}


def tagged(response: Response, tag: str) -> Response:
    """Return *response* with that *tag*; without its body where the caller of a GET has it already."""
    response.headers["ETag"] = f'"{tag}"'
    if is_known(tag):
        response.status_code = 304
        response.set_data(b"")
    return response


def is_known(tag: str) -> bool:
    """Return whether the caller of a GET has already what has that *tag*."""
    if "If-None-Match" not in request.headers or request.method not in ("GET", "HEAD"):
        return False
    known = request.if_none_match
    return known.star_tag or known.contains_weak(tag)


def unchanged(resource: Resource, shown: Shown) -> Callable[[Any], None] | None:
    """Return what raises unless a locked row is as the current request says, or None where it says nothing.

    Raises:
        PreconditionFailed: (when called) 412, the row is another by now.
        PreconditionRequired: (when called) 428, the resource asks for If-Match.
    """
    headers = request.headers
    if not (resource.require_match or "If-Match" in headers or "If-None-Match" in headers):
        return None

    def check(item: Any) -> None:
        if "If-Match" not in headers and resource.require_match:
            raise PreconditionRequired("Send the ETag of what you read in the header If-Match.")
        tag = shown.tag_of(item)
        if "If-Match" in headers and not (request.if_match.star_tag or request.if_match.is_strong(tag)):
            raise PreconditionFailed("This has changed since. Read it again, and send its new ETag in If-Match.")
        if "If-None-Match" in headers and (request.if_none_match.star_tag or request.if_none_match.contains_weak(tag)):
            raise PreconditionFailed("This is there, as it is in If-None-Match.")

    return check


def on_match(resource: Resource) -> dict[str, Any]:
    """Return what the document says of changes to one row that may depend on its ETag."""
    responses = {"412": "PRECONDITION_FAILED"} | ({"428": "PRECONDITION_REQUIRED"} if resource.require_match else {})
    return {"headers": [{**IF_MATCH, "required": resource.require_match}], "responses": responses}


def refuse_match() -> None:
    """Refuse If-Match where many rows are meant, which have no ETag together.

    Raises:
        PreconditionFailed: 412.
    """
    if "If-Match" in request.headers:
        raise PreconditionFailed("Several rows have no ETag together. Change them one by one.")
