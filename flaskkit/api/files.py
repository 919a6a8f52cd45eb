"""The REST operations of a field that holds files.

    GET    /books/<key>/cover    download    the bytes; a browser shows images in place and nothing else
    PUT    /books/<key>/cover    upload      multipart/form-data with one part, ``file``
    DELETE /books/<key>/cover    remove      204

Policies are those of the row. The order is as in views.py: route, who may, this row, and then the body.
"""

# mypy: disable-error-code="untyped-decorator"
# flask-smorest has no types.

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, request
from flask_smorest import Blueprint
from marshmallow import ValidationError
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, UnsupportedMediaType

from flaskkit.access import declare, nobody, requires
from flaskkit.api.conditional import IF_MATCH, IF_NONE_MATCH, on_match, unchanged
from flaskkit.api.document import FACTS
from flaskkit.api.parameters import without_parameters
from flaskkit.api.parts import BUFFER, ENVELOPE, MEDIA_TYPE, file_of
from flaskkit.api.representation import Shown
from flaskkit.api.values import described, file_sent, file_shown
from flaskkit.api.views import EITHER_SLASH, also_read
from flaskkit.db import rows
from flaskkit.errors import Rejected
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field

PART = "file"
ANYTHING = "application/octet-stream"


def add_operations(blueprint: Blueprint, resource: Resource, shown: Shown) -> None:
    """Add to *blueprint* the operations of the files of *resource* that a policy opens to somebody.

    *shown* makes the ETag of a row, on which they may depend.
    """
    if resource.read == nobody:
        return
    limits: dict[str, int] = {}
    for field in resource.readable:
        if field.file:
            _add_download(blueprint, resource, field)
    if resource.policy("update") != nobody:
        for field in resource.writable:
            if field.file:
                limits[f"upload_{field.name}"] = field.file.max_size
                _add_upload(blueprint, resource, field, shown)
                if field.nullable:
                    _add_remove(blueprint, resource, field, shown)
    if limits:
        _limit_bodies(blueprint, limits)


def _add_download(blueprint: Blueprint, resource: Resource, field: Field) -> None:
    types = _rules(field).types or (ANYTHING,)
    binary = {"type": "string", "format": "binary"}
    headers = {
        "ETag": {
            "description": "Stays the same as long as the bytes do.",
            "required": True,
            "schema": {"type": "string"},
        },
        "Content-Disposition": {"description": "Its name.", "required": True, "schema": {"type": "string"}},
    }
    content = {one: {"schema": {**binary, "contentMediaType": one}} for one in types}
    answers = {
        "200": {"description": "The bytes.", "headers": headers, "content": content},
        "304": {"description": "The same as If-None-Match says."},
        "412": "PRECONDITION_FAILED",
        "422": "UNPROCESSABLE_ENTITY",
    }

    @_operation(blueprint, resource, field, "GET", "download", responses=answers)
    @requires(resource.read)
    @without_parameters
    def download(key: str) -> Response:
        file = getattr(rows.get(resource, key), field.name)
        if file is None:
            raise NotFound
        response: Response = file.response()
        return response


def _add_upload(blueprint: Blueprint, resource: Resource, field: Field, row: Shown) -> None:
    rules = _rules(field)
    part = file_sent(field)
    media: dict[str, Any] = {
        "schema": {"type": "object", "properties": {PART: part}, "required": [PART], "additionalProperties": False}
    }
    if rules.types:
        media["encoding"] = {PART: {"contentType": ", ".join(rules.types)}}
    shown = field in resource.readable
    answer = {"description": "The file as it is now.", "content": {"application/json": {"schema": described(field)}}}
    answers = {"422": "UNPROCESSABLE_ENTITY", **({"200": answer} if shown else {})}
    if not shown or resource.hooks:
        answers["204"] = {"description": "Done."}
    facts = {"requestBody": {"required": True, "content": {MEDIA_TYPE: media}}}

    @_operation(blueprint, resource, field, "PUT", "upload", responses=answers, **facts)
    @requires(also_read(resource, "update"))
    @without_parameters
    def upload(key: str) -> Any:
        rows.get(resource, key, "update")
        item = rows.update(resource, key, {field.name: _sent(field)}, check=unchanged(resource, row))
        found = getattr(item, field.name)
        # A hook may do something else with it.
        return file_shown(field, key, found) if shown and found else Response(status=204)


def _add_remove(blueprint: Blueprint, resource: Resource, field: Field, row: Shown) -> None:
    @_operation(blueprint, resource, field, "DELETE", "remove", responses={"422": "UNPROCESSABLE_ENTITY"})
    @requires(also_read(resource, "update"))
    @without_parameters
    @blueprint.response(204)
    def remove(key: str) -> None:
        rows.update(resource, key, {field.name: None}, check=unchanged(resource, row))


def _operation(
    blueprint: Blueprint, resource: Resource, field: Field, method: str, name: str, **facts: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    key = {"name": "key", "in": "path", "description": resource.key.label, "schema": described(resource.key)}
    route = blueprint.route(
        f"/<key>/{field.public_name}",
        methods=[method],
        endpoint=f"{name}_{field.name}",
        **EITHER_SLASH,
        tags=[resource.name],
        parameters=[key],
    )
    if method != "GET":
        matched = on_match(resource)
        facts["responses"] = {"409": "CONFLICT", **matched["responses"], **facts.get("responses", {})}
        facts[FACTS] = {"headers": matched["headers"]}
    else:
        facts[FACTS] = {"headers": [IF_NONE_MATCH, IF_MATCH]}
    document = blueprint.doc(
        operationId=re.sub(r"\W", "_", f"{name}_{resource.name}_{field.public_name}"),
        summary=f"{resource.label}: {name} {field.label}",
        **facts,
    )
    scope = f"{resource.name}:{'read' if method == 'GET' else 'write'}"
    return lambda view: route(document(declare(view, scope=scope)))


def _limit_bodies(blueprint: Blueprint, limits: dict[str, int]) -> None:
    """Let a body be as long as its file may be, whatever MAX_CONTENT_LENGTH says, and no longer.

    This is set before anything looks at the body: the search for a CSRF token reads forms.
    """

    @blueprint.url_value_preprocessor
    def limit(endpoint: str | None, values: dict[str, Any] | None) -> None:
        most = limits.get((endpoint or "").rpartition(".")[2])
        if most is None or request.method != "PUT":
            return
        request.max_content_length = most + ENVELOPE
        if request.max_form_memory_size is not None:
            request.max_form_memory_size = max(request.max_form_memory_size, BUFFER)
        if (request.content_length or 0) > most + ENVELOPE:
            raise _too_large(most)


def _sent(field: Field) -> Any:
    """Return the file that was sent, as a value of *field*.

    Raises:
        UnsupportedMediaType: 415, the body is no form with parts. RequestEntityTooLarge: 413.
        Rejected: 422, there is not exactly one part ``file``, or the file is none for this field.
    """
    if request.mimetype != MEDIA_TYPE:
        raise UnsupportedMediaType(f"Send {MEDIA_TYPE}, with the file as its part {PART!r}.")
    rules = _rules(field)
    try:
        names = [*request.form, *request.files]
        files: list[FileStorage] = request.files.getlist(PART)
    except RequestEntityTooLarge:
        raise _too_large(rules.max_size) from None
    token = current_app.config.get("WTF_CSRF_FIELD_NAME")
    errors: dict[str, Any] = {name: ["There is no such part to send."] for name in names if name not in (PART, token)}
    try:
        found = file_of(field, [*request.form.getlist(PART), *files])
    except ValidationError as error:
        errors[PART] = error.messages
    if errors:
        raise Rejected(errors)
    return found


def _too_large(most: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The file may have at most {most:,} bytes.")


def _rules(field: Field) -> Any:
    return field.file
