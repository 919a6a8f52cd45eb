"""Bodies in parts: multipart/form-data, beside JSON, for resources with fields that hold files.

    POST /albums    title: Blue    cover: the bytes        a part for each field, by its public name

What is text is read by the type of its field, as in a query. JSON columns, and rows that belong to the row, are JSON;
what there can be several of comes as several parts of one name. Null cannot be said.
"""

# mypy: disable-error-code="untyped-decorator"
# flask-smorest and webargs have no types.

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any

import flask
import marshmallow as ma
import msgspec
from flask import current_app, request
from flask_smorest import Blueprint
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from flaskkit.api.bodies import TOO_DEEP, Parser, is_deep
from flaskkit.api.values import of_text
from flaskkit.resource.fields import Field

MEDIA_TYPE = "multipart/form-data"
# Around a file: boundaries, headers of the part, its name.
ENVELOPE = 64 * 1024
# For all but the files, where MAX_CONTENT_LENGTH does not say.
ROOM = 16 * 1024 * 1024
# Werkzeug counts its own buffer as text, which is 64 KiB and a little.
BUFFER = 4 * ENVELOPE


class PartsParser(Parser):
    """The parser of webargs, whose location "form" is a body in parts."""

    def load_form(self, req: flask.Request, schema: Any) -> dict[str, Any]:
        return values_of(req, schema)


def values_of(request: flask.Request, schema: ma.Schema) -> dict[str, Any]:
    """Return the parts of *request* as the JSON that *schema* takes, but for files: these stay lists of parts.

    Raises:
        BadRequest: 400, there is no part, or the body is broken.
        marshmallow.ValidationError: a part has no form that its field could be read from.
        RequestEntityTooLarge: 413.
    """
    sent: dict[str, list[Any]] = {}
    for name, part in (*request.form.items(multi=True), *request.files.items(multi=True)):
        sent.setdefault(name, []).append(part)
    if not sent:
        # Werkzeug reads a broken form as one without parts.
        raise BadRequest(f"The body has no part, or is no {MEDIA_TYPE}.")
    sent.pop(current_app.config.get("WTF_CSRF_FIELD_NAME", ""), None)
    fields: dict[str | None, Field] = {value.data_key: value.field for value in schema.fields.values()}  # type: ignore[attr-defined]
    found, errors = {}, {}
    for name, parts in sent.items():
        try:
            # What is unknown the schema refuses.
            found[name] = _value(fields[name], parts) if name in fields else None
        except ma.ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ma.ValidationError(errors)
    return found


def file_of(field: Field, parts: Sequence[Any]) -> Any:
    """Return the one file among *parts*, as a value of *field*.

    Raises:
        marshmallow.ValidationError: there are several or none, or it is none for this field.
    """
    if not all(isinstance(part, FileStorage) for part in parts):
        raise ma.ValidationError("Send it as a file: this part has no file name.")
    if len(parts) != 1:
        raise ma.ValidationError("Send one file only." if parts else "This is required.")
    rules: Any = field.file
    try:
        return rules.take(parts[0].stream, parts[0].filename or "")
    except ValueError as error:
        raise ma.ValidationError(str(error)) from None


def _value(field: Field, parts: list[Any]) -> Any:
    if field.file:
        return parts
    if any(isinstance(part, FileStorage) for part in parts):
        raise ma.ValidationError("Send it as text: this part has a file name.")
    values = [_one(field, part) for part in parts]
    if field.many:
        return values
    if len(values) > 1:
        raise ma.ValidationError("Send it once only.")
    return values[0]


def _one(field: Field, text: str) -> Any:
    if not is_json(field):
        return of_text(field, text)
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise ma.ValidationError(f"No JSON: {error}.") from None
    except RecursionError:
        raise ma.ValidationError(TOO_DEEP) from None
    if is_deep(found):
        raise ma.ValidationError(TOO_DEEP)
    return found


def is_json(field: Field) -> bool:
    """Return whether a part for *field* is JSON rather than text."""
    return bool(field.owned) or (field.type is object and not field.is_relationship)


def reading(blueprint: Blueprint, body: ma.Schema | None, form: ma.Schema) -> Callable[[Any], Any]:
    """Return a decorator that gives a view of *blueprint* the values of a body: JSON as *body* has it, or a *form*.

    Without *body* only a form will do. The document knows of the form what ``described`` says.

    Raises:
        UnsupportedMediaType: (when called) 415, the body is neither.
    """

    def decorate(view: Any) -> Any:
        by_form = blueprint.ARGUMENTS_PARSER.use_args(form, location="form")(view)
        by_json = view if body is None else blueprint.arguments(body)(view)

        @wraps(by_json)
        def chosen(*args: Any, **kwargs: Any) -> Any:
            if request.mimetype == MEDIA_TYPE:
                return by_form(*args, **kwargs)
            if body is None or not request.is_json:
                raise UnsupportedMediaType(f"Send {MEDIA_TYPE}." if body is None else f"Send JSON, or {MEDIA_TYPE}.")
            return by_json(*args, **kwargs)

        return chosen

    return decorate


def described(form: ma.Schema) -> dict[str, Any]:
    """Return what the document says of a body that can be *form*."""
    encoding = {}
    for value in form.fields.values():
        field: Field = value.field  # type: ignore[attr-defined]
        types = field.file.types if field.file else ("application/json",) if is_json(field) else ()
        if types:
            encoding[value.data_key] = {"contentType": ", ".join(types)}
    media = {"schema": form, **({"encoding": encoding} if encoding else {})}
    return {"required": True, "content": {MEDIA_TYPE: media}}


def make_room(blueprint: Blueprint, endpoints: Collection[str], fields: Sequence[Field]) -> None:
    """Let bodies in parts for *endpoints* of *blueprint* be as long as the files in *fields* may be, and a text beside.

    This is set before anything looks at the body: the search for a CSRF token reads forms.
    """
    files = sum(field.file.max_size + ENVELOPE for field in fields if field.file)

    @blueprint.url_value_preprocessor
    def limit(endpoint: str | None, values: Mapping[str, Any] | None) -> None:
        if (endpoint or "").rpartition(".")[2] not in endpoints or request.mimetype != MEDIA_TYPE:
            return
        text = current_app.config["MAX_CONTENT_LENGTH"] or ROOM
        request.max_content_length = text + files
        if request.max_form_memory_size is not None:
            request.max_form_memory_size = max(text, request.max_form_memory_size, BUFFER)
