"""form_for(resource): from a resource to an ordinary ``FlaskForm``, and values in and out.

form = form_on(notes, note)                  about an existing row, or a new one
if form.validate_on_submit():
    rows.update(notes, key, changes(form))   or rows.create(notes, values(form))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from flask import current_app, request
from flask_wtf import FlaskForm
from flask_wtf.form import SUBMIT_METHODS
from werkzeug.datastructures import MultiDict
from wtforms.validators import InputRequired

from flaskkit.fields import Field
from flaskkit.forms.inputs import form_field
from flaskkit.resource import Resource


def form_for(resource: Resource) -> type[FlaskForm]:
    """Return the form class for what may be sent of *resource*, made once for each app.

    Its fields have the names of the resource's fields. A name that ``FlaskForm`` uses itself, such as ``data``,
    gets an underscore at its end. Subclass it to add or replace fields. Needs an app context.

    Raises:
        ResourceError: a field holds something that cannot be typed in.
    """
    made = current_app.extensions.setdefault("flaskkit.forms", WeakKeyDictionary())
    if resource not in made:
        made[resource] = _form_class(resource)
    found: type[FlaskForm] = made[resource]
    return found


def form_on(resource: Resource, item: Any = None, typed: MultiDict[str, str] | None = None) -> FlaskForm:
    """Return a form that holds what was sent, or else the values of *item*, or else the defaults.

    *typed* is text by field names, such as ``request.args``: as if somebody had typed it into the empty form.
    """
    form_class = form_for(resource)
    hidden = resource.write_only
    shown = {at: field for at, field in _declared(form_class).items() if field.name not in hidden}
    known = {at: getattr(item, field.name) for at, field in shown.items()} if item is not None else {}
    # Left alone, Flask-WTF would take JSON bodies for forms too.
    form = form_class(request.form if request.method in SUBMIT_METHODS else None, data=known)
    if item is not None:
        for at in [at for at, field in _declared(form).items() if field.key]:
            del form[at]  # Other rows refer to a key, and so do addresses: it stays, here as in the API.
        for at in [at for at, field in _declared(form).items() if field.name in hidden]:
            # What is never shown stays as it is, unless something new is typed.
            form[at].validators = [rule for rule in form[at].validators if not isinstance(rule, InputRequired)]
            form[at].flags.required = False
            if form.is_submitted() and form[at].data in (None, ""):
                del form[at]
    if typed and not form.is_submitted():
        for at, field in _declared(form).items():
            if field.name in typed:
                form[at].process(MultiDict({form[at].name: typed.getlist(field.name)}))
    return form


def values(form: FlaskForm) -> dict[str, Any]:
    """Return the values of *form* by the names of the resource's fields.

    An empty input is None, or "" for text that cannot be NULL. One that cannot be NULL and has a default is left
    out, so that the default applies.
    """
    return {
        field.name: form[at].data
        for at, field in _declared(form).items()
        if form[at].data is not None or field.nullable or field.many
    }


def changes(form: FlaskForm) -> dict[str, Any]:
    """Return those ``values`` that differ from what the form was opened with.

    Storing only these keeps what somebody else changed in other fields meanwhile.
    """
    declared = _declared(form)
    changed = {field.name for at, field in declared.items() if form[at].data != form[at].object_data}
    return {name: value for name, value in values(form).items() if name in changed}


def show_errors(form: FlaskForm, errors: Mapping[str, Iterable[str]]) -> None:
    """Put *errors*, as ``Rejected.errors`` holds them, beside the fields of *form* that they are about.

    What is about no field of the form goes to ``form.form_errors``.
    """
    places = {field.name: at for at, field in _declared(form).items()}
    for name, messages in errors.items():
        if name in places:
            form[places[name]].errors = [*form[places[name]].errors, *messages]
        else:
            form.form_errors += [f"{name}: {message}" if name else message for message in messages]


def _form_class(resource: Resource) -> type[FlaskForm]:
    declared: dict[str, Field] = {}
    for field in resource.writable:
        declared[_attribute(field.name, declared)] = field
    inputs = {at: form_field(field, resource.name) for at, field in declared.items()}
    name = f"{resource.name.title().replace('_', '').replace('-', '')}Form"
    return type(
        name, (FlaskForm,), {**inputs, "_declared": declared, "__doc__": f"Made from resource {resource.name!r}."}
    )


def _declared(form: FlaskForm | type[FlaskForm]) -> Mapping[str, Field]:
    found: Mapping[str, Field] = getattr(form, "_declared", {})
    return found if isinstance(form, type) else {at: field for at, field in found.items() if at in form}


def _attribute(name: str, taken: Iterable[str]) -> str:
    # WTForms leaves out names that begin with an underscore, takes validate_x and filter_x for hooks of field x,
    # and keeps meta and form_errors on the instance.
    hook = name.startswith(("_", "validate_", "filter_"))
    reserved = hook or hasattr(FlaskForm, name) or name in ("meta", "form_errors", "csrf_token")
    found = f"{name.lstrip('_')}_" if reserved else name
    while found in taken or hasattr(FlaskForm, found):
        found += "_"
    return found
