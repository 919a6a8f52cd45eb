"""Files of rows: a download below the page of the row, by the same policy, and links to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.exceptions import NotFound

from flaskkit.access import declare
from flaskkit.db import rows
from flaskkit.forms import FlaskForm, UploadField, make_room
from flaskkit.resource import Resource


def add_to(blueprint: Blueprint, resource: Resource) -> None:
    """Give *blueprint* what the files of *resource* need, if it has any."""
    shown = {field.name for field in resource.readable if field.file}
    if shown:

        def file(key: str, field: str) -> Response:
            found = getattr(rows.get(resource, key), field) if field in shown else None
            if found is None:
                raise NotFound
            response: Response = found.response()
            return response

        blueprint.add_url_rule("/<key>/files/<field>", "file", declare(file, resource.policy("read")))
    if any(field.file for field in resource.writable):

        @blueprint.url_value_preprocessor
        def room(endpoint: str | None, values: dict[str, Any] | None) -> None:
            if request.method == "POST":
                make_room(resource)


def href_of(key: Any, field: str) -> str:
    """Return where the file is that *field* holds in that row of the current page's resource, or ""."""
    has_files = f"{request.blueprint}.file" in current_app.view_functions
    return url_for(".file", key=key, field=field) if has_files else ""


def link(form: FlaskForm, resource: Resource, key: Any) -> None:
    """Let the fields of *form* say where their present files are."""
    shown = {field.name for field in resource.readable}
    for field in form:
        if isinstance(field, UploadField) and field.file.name in shown:
            field.href = href_of(key, field.file.name)
