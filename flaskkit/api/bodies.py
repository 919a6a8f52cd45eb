"""Bodies of requests: JSON, read so that no input can break the reader.

json_of(request)    the body
Parser              webargs' parser, reading so; generated operations use it
check()             before each request: the same for hand-written blueprints, whose parser is their own
"""

from __future__ import annotations

from typing import Any

import flask
import msgspec
from flask import current_app, request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

# As deep as every database takes it: MariaDB stores no JSON of more levels.
DEEPEST = 32
# Nothing shorter can nest deeper or count higher than the json module bears.
HARMLESS = 900
TOO_DEEP = f"The body is JSON nested deeper than {DEEPEST} levels."


def json_of(request: flask.Request) -> Any:
    """Return the JSON body of *request*.

    Raises:
        UnsupportedMediaType: 415, it is said to be something else.
        BadRequest: 400, it is no JSON in UTF-8, or nested deeper than 32 levels.
        RequestEntityTooLarge: 413, it is longer than MAX_CONTENT_LENGTH.
    """
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    text = request.get_data()
    try:
        body = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is no JSON in UTF-8: {error}.") from None
    except RecursionError:
        raise BadRequest(TOO_DEEP) from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and is_deep(body):
        raise BadRequest(TOO_DEEP)
    return body


def is_deep(value: Any) -> bool:
    """Return whether *value*, from JSON, nests deeper than 32 levels."""
    level = [value]
    for _ in range(DEEPEST):
        nested = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    return any(isinstance(one, dict | list) for one in level)


class Parser(FlaskParser):
    """The parser of webargs, with ``json_of`` for bodies."""

    def load_json(self, req: flask.Request, schema: Any) -> Any:
        return json_of(req)


def check() -> None:
    """Before each request: refuse a body that would break the parser of a hand-written API blueprint.

    Raises:
        BadRequest, RequestEntityTooLarge: as in ``json_of``.
    """
    if not request.environ.get("CONTENT_TYPE"):
        return
    name = request.blueprint
    if (
        name is None
        or name.startswith("api.")
        or name not in current_app.extensions["flask-smorest"]["blp_name_to_api"]
    ):
        return
    if request.is_json and len(request.get_data()) > HARMLESS:
        json_of(request)
