"""Many rows with one request, all or nothing, where a resource says how many: ``bulk=100``.

    POST   /notes/bulk                 an array of what POST /notes/ takes       201, the array of new ones
    PATCH  /notes/bulk                 an array of changes, each with its key    200, the array of changed ones
    DELETE /notes/bulk?keys=1,2,3                                                204

Errors point at the item: ``#/3/rating``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from flask import Response, current_app, request
from marshmallow import ValidationError
from webargs.fields import DelimitedList
from werkzeug.exceptions import HTTPException, default_exceptions

from flaskkit.access import user_for
from flaskkit.api import conditional, values
from flaskkit.api.bodies import json_of
from flaskkit.api.parameters import Query
from flaskkit.api.representation import Shown
from flaskkit.api.schemas import Schemas, Value
from flaskkit.db import bulk
from flaskkit.errors import Rejected
from flaskkit.resource import Resource

View = Callable[..., Any]


def at_most(most: int) -> Callable[[View], View]:
    """Let only bodies pass which are arrays of 1 to *most* items, before each of these is looked at.

    Raises:
        Rejected: 422, it is none.
    """

    def limit(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            body = json_of(request)
            if not isinstance(body, list):
                raise Rejected({"": ["Not an array."]})
            if not 1 <= len(body) <= most:
                raise Rejected({"": [f"Send 1 to {most} items, not {len(body)}."]})
            return current_app.ensure_sync(view)(*args, **kwargs)

        return limited

    return limit


def patch_schema(resource: Resource, schemas: Schemas) -> Any:
    """Return the schema of one change among many: that of PATCH, and the key."""
    name = schemas.patch.__name__.removesuffix("Patch")
    return type(f"{name}BulkPatch", (schemas.patch,), {resource.key.name: Value(resource.key, required=True)})


def keys_schema(resource: Resource, schemas: Schemas) -> Any:
    """Return the schema of the query that names the rows to delete."""

    class Key(Value):
        def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
            try:
                return values.read(self.field, values.of_text(self.field, value))
            except ValidationError as error:
                raise ValidationError([f"{value or 'An empty key'}: {text}" for text in error.messages]) from None

    def limited(keys: Sequence[Any]) -> None:
        if not 1 <= len(keys) <= resource.bulk:
            raise ValidationError(f"Give 1 to {resource.bulk} keys.")
        if len(set(keys)) < len(keys):
            raise ValidationError("A key is given twice.")

    words = {"description": "The keys of the rows, separated by commas.", "minItems": 1, "maxItems": resource.bulk}
    keys = DelimitedList(Key(resource.key), required=True, validate=limited, metadata={**words, "uniqueItems": True})
    name = schemas.patch.__name__.removesuffix("Patch")
    return type(f"{name}Keys", (Query,), {"keys": keys})


def create(resource: Resource, shown: Shown, bodies: Sequence[dict[str, Any]]) -> Response:
    items = bulk.create(resource, bodies, keep=True)
    user = user_for(resource.read)
    if not all(resource.read.allows(user, item) for item in items):
        return Response(status=201)
    return shown.answer(shown.all_stored(items), 201)


def update(resource: Resource, shown: Shown, bodies: Sequence[dict[str, Any]]) -> Response:
    conditional.refuse_match()
    name = resource.key.name
    seen: set[Any] = set()
    for i, body in enumerate(bodies):
        if body[name] in seen:
            raise Rejected({str(i): {name: ["This key is given twice."]}})
        seen.add(body[name])
    changes = [(body[name], {at: value for at, value in body.items() if at != name}) for body in bodies]
    return shown.answer(shown.all_stored(bulk.update(resource, changes, keep=True)))


def delete(resource: Resource, keys: Sequence[Any]) -> None:
    conditional.refuse_match()
    try:
        bulk.delete(resource, keys)
    except HTTPException as error:
        raise _about_keys(error, keys) from error


def _about_keys(error: HTTPException, keys: Sequence[Any]) -> HTTPException:
    """Return *error*, which says what is wrong at a position, as one about the parameter that holds the keys."""
    errors = error.errors if isinstance(error, Rejected) else getattr(error, "data", {}).get("errors", {})
    texts = [
        f"{values.shown(keys[int(position)])}: {text}"
        for position, by_name in errors.items()
        for messages in by_name.values()
        for text in messages
    ]
    same = default_exceptions[error.code or 500](error.description)
    same.data = {"message": error.description, "messages": {"query": {"keys": texts}}}  # type: ignore[attr-defined]
    return same if texts else error
