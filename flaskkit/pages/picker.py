"""Rows to choose from in a form, found by words: what the script of the picker asks for.

GET /books/choices/author?q=jan  ->  {"choices": [{"key": "7", "text": "Jane Austen"}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, jsonify, request
from werkzeug.exceptions import NotFound

from flaskkit.access import require, user_for
from flaskkit.forms import FlaskForm, rows_found
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


def choices(section: Section, resource: Resource, field: str) -> Response:
    """Answer with the rows that a visitor who may create or change rows of *resource* may choose for *field*."""
    policies = [resource.policy("create"), resource.policy("update")]
    if not any(policy.allows(user_for(policy)) for policy in policies):
        require(policies[0])
    row = next((one for one in resource.writable if one.name == field and one.target is not None), None)
    if row is None:
        raise NotFound
    found = rows_found(row, request.args.get("q", ""))
    return jsonify(choices=[{"key": str(key), "text": text} for key, text in found])


def link(section: Section, resource: Resource, form: FlaskForm) -> None:
    """Let the pickers of *form* say where their scripts find rows."""
    for field in form:
        if getattr(field, "picker", False):
            field.address = section.url(resource, "choices", field=field.row.name)
