"""Rows to choose from in a form, found by words: what the script of the picker asks for.

GET /books/choices/author?q=jan              ->  {"choices": [{"key": "7", "text": "Jane Austen"}]}
GET /orders/choices/lines.product_id?q=tea       the same for a field of rows that belong to an order
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Response, jsonify, request
from werkzeug.exceptions import NotFound

from flaskkit.access import require, user_for
from flaskkit.forms import FlaskForm, OwnedField, rows_found
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


def choices(section: Section, resource: Resource, field: str) -> Response:
    """Answer with the rows that a visitor who may create or change rows of *resource* may choose for *field*."""
    policies = [resource.policy("create"), resource.policy("update")]
    if not any(policy.allows(user_for(policy)) for policy in policies):
        require(policies[0])
    row = _fields(resource).get(field)
    if row is None or row.target is None:
        raise NotFound
    found = rows_found(row, request.args.get("q", ""))
    return jsonify(choices=[{"key": str(key), "text": text} for key, text in found])


def link(section: Section, resource: Resource, form: FlaskForm) -> None:
    """Let the pickers of *form* say where their scripts find rows."""
    for field in form:
        if isinstance(field, OwnedField):
            for row in (*field.entries, field.blank):
                _link(section, resource, row, f"{field.row.name}.")
    _link(section, resource, form)


def _link(section: Section, resource: Resource, form: FlaskForm, path: str = "") -> None:
    for field in form:
        if getattr(field, "picker", False):
            field.address = section.url(resource, "choices", field=f"{path}{field.row.name}")


def _fields(resource: Resource) -> Mapping[str, Field]:
    """Return what may be sent, by name; that of rows which belong to one of *resource* by path."""
    inner = {f"{field.name}.{one.name}": one for field in resource.writable for one in field.owned}
    return {field.name: field for field in resource.writable} | inner
