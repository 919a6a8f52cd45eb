"""What was changed in a list itself: one button for all rows.

Rows that were left alone are not touched; of the others all are saved or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from flaskkit.access import require, user_for
from flaskkit.db import rows
from flaskkit.db.keys import parsed
from flaskkit.db.texts import noun_of
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected
from flaskkit.forms import ChangedMeanwhile, changes, conflicts, mark_of, out_of_date, require_unchanged, show_errors
from flaskkit.pages.editing import ROW, form_of
from flaskkit.pages.listing import Listing
from flaskkit.resource import Resource
from flaskkit.texts import say, say_many

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

# More than a page of a list has.
MOST = 500


def save_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    require(resource.policy("update"))
    narrow = section.editable[resource.name]
    token = FlaskForm()
    forms = _sent(resource, narrow)
    changed = [(key, form) for key, form in forms.items() if _is_changed(form)]
    status = 422
    if token.validate():
        wrong = [form for _, form in changed if not form.validate()]
        if not wrong:
            try:
                _save(narrow, changed)
            except Rejected as refused:
                status = refused.code
            else:
                flash(say_many("%(num)s row was saved.", "%(num)s rows were saved.", len(changed)).spoken(), "success")
                return redirect(section.asked(resource, "list", dict(request.args.lists())), 303)
    elif out_of_date(token):
        status = 400
    listing = Listing.asked(section, resource, forms)
    noun = noun_of(resource.model)
    context: dict[str, Any] = {"listing": listing, "noun": say(noun), "heading": say(noun.capitalize())}
    return section.render(resource, "list.html", may_create=False, editing=token, **context), status


def _sent(resource: Resource, narrow: Resource) -> Mapping[str, FlaskForm]:
    """Return a form for each row that was sent; those that are gone, or that must not be changed, are left out."""
    key, policy = resource.key, resource.policy("update")
    kind = getattr(resource.model, key.name).type
    wanted = {text: parsed(kind, unquote(text)) for text in request.form.getlist(ROW)[:MOST]}
    keys = [value for value in wanted.values() if value is not None]
    if not keys:
        return {}
    items = rows.page(narrow, filters={f"{key.public_name}__in": keys}, size=MOST, count=False).items
    forms = [form_of(narrow, item, request.form) for item in items if policy.allows(user_for(policy), item)]
    return {form.key: form for form in forms}


def _save(narrow: Resource, changed: Iterable[tuple[str, FlaskForm]]) -> None:
    """Save all of *changed* or none, and tell beside each input what is wrong.

    Raises:
        Rejected: something is.
    """
    with together():
        for key, form in changed:
            try:
                rows.update(narrow, key, changes(form), check=_unchanged(narrow, form.mark))
            except ChangedMeanwhile:
                _compare(narrow, key, form)
                raise
            except Rejected as refused:
                show_errors(form, refused.errors)
                raise


def _is_changed(form: FlaskForm) -> bool:
    """Return whether an input of *form* holds something else than the row, or something that nobody understands."""
    return any(
        field.data != field.object_data or (field.process_errors and "".join(field.raw_data or ()).strip())
        for field in form.inputs.values()
    )


def _unchanged(narrow: Resource, mark: str) -> Any:
    return lambda item: require_unchanged(narrow, item, mark)


def _compare(narrow: Resource, key: str, form: FlaskForm) -> None:
    """Tell beside the inputs of *form* what somebody else stored meanwhile; whoever saves once more has seen it."""
    item = rows.get(narrow, key)
    for one in conflicts(form, narrow, item, form.mark):
        one.input.errors = [say("Stored meanwhile: %(value)s", value=getattr(item, one.field.name))]
    form.mark = mark_of(narrow, item)
