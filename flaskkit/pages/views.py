"""The pages of one resource. What may be seen and done is decided by ``rows``, as on every other face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from flaskkit.access import require, user_for
from flaskkit.db import rows
from flaskkit.errors import Rejected
from flaskkit.fields import name_of
from flaskkit.forms import FlaskForm, changes, form_on, show_errors, values
from flaskkit.pages.cells import cells_of, in_reading_order, noun
from flaskkit.pages.listing import Listing
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


def list_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    listing = Listing.asked(section, resource)
    return section.render(
        resource, "list.html", listing=listing, noun=noun(resource), may_create=_may(resource, "create")
    )


def show_row(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    item = rows.get(resource, key)
    return section.render(
        resource,
        "detail.html",
        item=item,
        key=key,
        name=name_of(item),
        cells=cells_of(section, item, in_reading_order(resource)),
        may_update=_may(resource, "update", item),
        may_delete=_may(resource, "delete", item),
    )


def new_row(section: Section, resource: Resource) -> ResponseReturnValue:
    require(resource.policy("create"))
    form = form_on(resource, typed=request.args)
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                item = rows.create(resource, values(form))
            except Rejected as refused:
                show_errors(form, refused.errors)
                status = refused.code
            else:
                return _saved(section, resource, item, "added")
    back = section.url(resource, "list")
    return section.render(resource, "form.html", form=form, name=f"New {noun(resource)}", new=True, back=back), status


def edit_row(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    item = rows.get(resource, key, "update")
    form, name = form_on(resource, item), name_of(item)
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                item = rows.update(resource, key, changes(form))
            except Rejected as refused:
                show_errors(form, refused.errors)
                status = refused.code
            else:
                return _saved(section, resource, item, "saved")
    back = section.url(resource, "detail", key=key)
    return section.render(resource, "form.html", form=form, name=f"Edit {name}", new=False, back=back), status


def delete_row(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    item = rows.get(resource, key, "delete")
    form, name = FlaskForm(), name_of(item)
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                rows.delete(resource, key)
            except Rejected as refused:
                show_errors(form, refused.errors)
                status = refused.code
            else:
                flash(f"“{name}” was deleted.", "success")
                return redirect(section.url(resource, "list"), 303)
    back = section.url(resource, "detail", key=key)
    return section.render(resource, "delete.html", form=form, name=name, back=back), status


def _may(resource: Resource, action: str, item: Any = None) -> bool:
    policy = resource.policy(action)
    return policy.allows(user_for(policy), item)


def _saved(section: Section, resource: Resource, item: Any, how: str) -> ResponseReturnValue:
    flash(f"“{name_of(item)}” was {how}.", "success")
    if _may(resource, "read", item):
        return redirect(section.url(resource, "detail", key=rows.key_of(item)), 303)
    return redirect(section.url(resource, "list"), 303)
