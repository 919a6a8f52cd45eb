"""The pages of one resource. What may be seen and done is decided by ``rows``, as on every other face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from flaskkit.access import require, user_for
from flaskkit.db import rows
from flaskkit.db.keys import url_key
from flaskkit.db.texts import name_of, noun_of
from flaskkit.db.unique import is_taken
from flaskkit.errors import Rejected
from flaskkit.forms import (
    OPENED,
    ChangedMeanwhile,
    Conflict,
    FlaskForm,
    changes,
    conflicts,
    form_on,
    inputs_in,
    looked_up,
    mark_of,
    out_of_date,
    require_unchanged,
    show_errors,
    values,
)
from flaskkit.forms.values import declared_in
from flaskkit.pages import files, picker
from flaskkit.pages.cells import Cell, cells_of, in_reading_order
from flaskkit.pages.conditions import tidied
from flaskkit.pages.deletion import consequences
from flaskkit.pages.listing import Listing
from flaskkit.pages.related import related_rows
from flaskkit.resource import Resource
from flaskkit.texts import Text, say, spoken

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

# The header by which the script of a form asks about one input, by its name.
CHECK = "X-Flaskkit-Check"


def list_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    tidy = tidied(resource, request.args)
    if tidy is not None:
        # As the form sends it, it could be shared as well, but nobody could read it.
        return redirect(section.asked(resource, "list", dict(tidy.lists())))
    listing = Listing.asked(section, resource)
    noun = noun_of(resource.model)
    return section.render(
        resource,
        "list.html",
        listing=listing,
        noun=say(noun),
        heading=say(noun.capitalize()),
        may_create=_may(resource, "create"),
        editing=FlaskForm() if listing.edits else None,
    )


def show_row(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    item = rows.get(resource, key)
    return section.render(
        resource,
        "detail.html",
        item=item,
        key=key,
        name=name_of(item),
        noun=noun_of(resource.model),
        cells=cells_of(section, item, in_reading_order(resource)),
        may_update=_may(resource, "update", item),
        may_delete=_may(resource, "delete", item),
        related=related_rows(section, item) if section.related else (),
    )


def new_row(section: Section, resource: Resource) -> ResponseReturnValue:
    require(resource.policy("create"))
    form = form_on(resource, typed=request.args)
    picker.link(section, resource, form)
    if form.is_submitted() and CHECK in request.headers:
        return _checked(resource, form, request.headers[CHECK])
    status = 200
    if form.is_submitted() and not looked_up(form):
        status = 422
        if form.validate():
            try:
                item = rows.create(resource, values(form))
            except Rejected as refused:
                show_errors(form, refused.errors)
                status = refused.code
            else:
                return _saved(section, resource, item, say("“%(name)s” was added.", name=name_of(item)))
        elif out_of_date(form):
            status = 400
    back = section.url(resource, "list")
    name = say("New %(noun)s", noun=say(noun_of(resource.model)))
    return section.render(resource, "form.html", form=form, name=name, new=True, back=back), status


def edit_row(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    item = rows.get(resource, key, "update")
    form, name = form_on(resource, item), name_of(item)
    files.link(form, resource, key)
    picker.link(section, resource, form)
    if form.is_submitted() and CHECK in request.headers:
        return _checked(resource, form, request.headers[CHECK], item)
    opened = request.form.get(OPENED, "") if form.is_submitted() else mark_of(resource, item)
    status, compared = 200, []
    if form.is_submitted() and not looked_up(form):
        status = 422
        if form.validate():
            try:
                item = rows.update(
                    resource, key, changes(form), check=lambda locked: require_unchanged(resource, locked, opened)
                )
            except ChangedMeanwhile as changed:
                item = rows.get(resource, key, "update")
                compared = _compared(section, item, conflicts(form, resource, item, opened))
                # Whoever saves now has seen it.
                opened, status = mark_of(resource, item), changed.code
                show_errors(form, changed.errors)
            except Rejected as refused:
                show_errors(form, refused.errors)
                status = refused.code
            else:
                return _saved(section, resource, item, say("“%(name)s” was saved.", name=name_of(item)))
        elif out_of_date(form):
            status = 400
    back = section.url(resource, "detail", key=key)
    context = {"form": form, "name": say("Edit %(name)s", name=name), "new": False, "back": back, "opened": opened}
    return section.render(resource, "form.html", compared=compared, **context), status


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
                item = rows.get(resource, key, "delete")
            else:
                flash(spoken(say("“%(name)s” was deleted.", name=name)), "success")
                return redirect(section.url(resource, "list"), 303)
        elif out_of_date(form):
            status = 400
    back = section.url(resource, "detail", key=key)
    effects = consequences(section, resource, [item])
    return section.render(resource, "delete.html", form=form, name=name, back=back, effects=effects), status


def _checked(resource: Resource, form: FlaskForm, name: str, item: Any = None) -> ResponseReturnValue:
    """Answer what saving *form* would say beside its input *name*. Nothing is saved."""
    form.validate()
    field = next((one for one in inputs_in(form) if one.name == name), None)
    if field is None:
        return jsonify(errors=[])
    declared = declared_in(form)
    known = next((one for at, one in declared.items() if form[at] is field), None)
    # What is wrong by itself is not compared with anything.
    sent = {**values(form), **{one.name: None for at, one in declared.items() if form[at].errors}}
    if known is not None and not field.errors and is_taken(resource, known.name, sent, item):
        field.errors = [say("This is taken already.")]
    return jsonify(errors=[spoken(message) for message in field.errors])


def _compared(section: Section, item: Any, found: list[Conflict]) -> list[tuple[Conflict, Cell]]:
    """Return each conflict with what is stored now."""
    return list(zip(found, cells_of(section, item, [one.field for one in found]), strict=True))


def _may(resource: Resource, action: str, item: Any = None) -> bool:
    policy = resource.policy(action)
    return policy.allows(user_for(policy), item)


def _saved(section: Section, resource: Resource, item: Any, how: Text) -> ResponseReturnValue:
    flash(spoken(how), "success")
    if _may(resource, "read", item):
        return redirect(section.url(resource, "detail", key=url_key(item)), 303)
    return redirect(section.url(resource, "list"), 303)
