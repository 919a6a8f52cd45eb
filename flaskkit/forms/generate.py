"""form_for(resource): from a resource to an ordinary ``FlaskForm``, and values in and out.

form = form_on(notes, note)                  about an existing row, or a new one
if form.validate_on_submit():
    rows.update(notes, key, changes(form))   or rows.create(notes, values(form))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from flask import current_app, request
from flask_wtf import FlaskForm
from flask_wtf.form import SUBMIT_METHODS
from werkzeug.datastructures import MultiDict
from wtforms.validators import InputRequired

from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.forms.files import sent
from flaskkit.forms.inputs import TEXTS, form_field
from flaskkit.forms.related import SEARCH
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import joined


def form_for(
    resource: Resource, *, fields: Sequence[str] | None = None, widgets: Mapping[str, Any] | None = None
) -> type[FlaskForm]:
    """Return the form class for what may be sent of *resource*, made once for each app.

    Its fields have the names of the resource's fields. A name that ``FlaskForm`` uses itself, such as ``data``,
    gets an underscore at its end. Subclass it to add or replace fields. Needs an app context.

    *fields* are some of them, in that order, and *widgets* maps names to WTForms widgets; such a class is made anew by
    each call. Without both it is as modules contribute it.

    Raises:
        ResourceError: a field holds something that cannot be typed in, or a name is none that may be sent.
    """
    if fields is not None or widgets:
        return _form_class(resource, fields, widgets or {})
    made = current_app.extensions.setdefault("flaskkit.forms", WeakKeyDictionary())
    if resource not in made:
        made[resource] = _form_class(resource, None, {})
    found: type[FlaskForm] = made[resource]
    return found


def contribute(resource: Resource, form_class: type[FlaskForm]) -> None:
    """Let *form_class* be the form of *resource* in this app."""
    current_app.extensions.setdefault("flaskkit.forms", WeakKeyDictionary())[resource] = form_class


def form_on(resource: Resource, item: Any = None, typed: MultiDict[str, str] | None = None) -> FlaskForm:
    """Return a form that holds what was sent, or else the values of *item*, or else the defaults.

    *typed* is text by field names, such as ``request.args``: as if somebody had typed it into the empty form.
    """
    hidden = resource.write_only
    form = _filled(resource, item, sent() if request.method in SUBMIT_METHODS else None)
    if item is not None:
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


def form_showing(resource: Resource, item: Any) -> FlaskForm:
    """Return the form about *item* as it is before anybody typed."""
    return _filled(resource, item, None)


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
            form.form_errors += [joined(name, message, between=": ") for message in messages]


def declared_in(form: FlaskForm) -> Mapping[str, Field]:
    """Return the fields of the resource that *form* has, by the names of its own."""
    return _declared(form)


def looked_up(form: FlaskForm) -> bool:
    """Return whether *form* was sent to search for other rows, by a button called SEARCH, and do so.

    Without a name in that button, as where somebody presses Enter, the input in which words stand is meant.
    """
    wanted = request.form.get(SEARCH)
    found = False
    for field in form if wanted is not None else ():
        words = request.form.get(f"{field.name}-search", "").strip()
        if getattr(field, "picker", False) and (wanted == field.name or (wanted == "" and words)):
            field.look_up(words)
            found = True
    return found


def _filled(resource: Resource, item: Any, typed: Any) -> FlaskForm:
    form_class = form_for(resource)
    shown = {at: field for at, field in _declared(form_class).items() if field.name not in resource.write_only}
    known = {at: getattr(item, field.name) for at, field in shown.items()} if item is not None else {}
    # Left alone, Flask-WTF would take JSON bodies for forms too.
    form = form_class(typed, data=known)
    if item is not None:
        for at in [at for at, field in _declared(form).items() if field.key]:
            del form[at]  # Other rows refer to a key, and so do addresses: it stays, here as in the API.
    return form


def _form_class(resource: Resource, names: Sequence[str] | None, widgets: Mapping[str, Any]) -> type[FlaskForm]:
    known = {field.name: field for field in resource.writable}
    wrong = [name for name in (*(names or ()), *widgets) if name not in known]
    if wrong:
        where = f"The form of resource {resource.name!r} names"
        raise ResourceError([f"{where} {name!r}, which nobody may send.{did_you_mean(name, known)}" for name in wrong])
    kinds = [field for field in known.values() if field.input and field.input not in TEXTS]
    if kinds:
        raise ResourceError(
            [
                f"{resource.model.__name__}.{field.name} has the input {field.input!r}; there are {', '.join(TEXTS)}."
                for field in kinds
            ]
        )
    declared: dict[str, Field] = {}
    for name in known if names is None else names:
        declared[_attribute(name, declared)] = known[name]
    inputs = {at: form_field(field, resource.name, widget=widgets.get(field.name)) for at, field in declared.items()}
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
