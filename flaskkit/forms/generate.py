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
from flaskkit.forms.owned import ROWS, OwnedField, inputs_in
from flaskkit.forms.related import SEARCH
from flaskkit.forms.values import declared_in
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field


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
        for at in [at for at, field in declared_in(form).items() if field.name in hidden]:
            # What is never shown stays as it is, unless something new is typed.
            form[at].validators = [rule for rule in form[at].validators if not isinstance(rule, InputRequired)]
            form[at].flags.required = False
            if form.is_submitted() and form[at].data in (None, ""):
                del form[at]
    if typed and not form.is_submitted():
        for at, field in declared_in(form).items():
            if field.name in typed:
                form[at].process(MultiDict({form[at].name: typed.getlist(field.name)}))
    return form


def form_showing(resource: Resource, item: Any) -> FlaskForm:
    """Return the form about *item* as it is before anybody typed."""
    return _filled(resource, item, None)


def looked_up(form: FlaskForm) -> bool:
    """Return whether *form* was sent by a button that saves nothing, and do what that is for.

    One called SEARCH searches for other rows; without a name in it, as where somebody presses Enter, the input in
    which words stand is meant. One called ROWS has added a row or taken one away.
    """
    if ROWS in request.form:
        return any(isinstance(field, OwnedField) and field.pressed for field in form)
    wanted = request.form.get(SEARCH)
    found = False
    for field in inputs_in(form) if wanted is not None else ():
        words = request.form.get(f"{field.name}-search", "").strip()
        if getattr(field, "picker", False) and (wanted == field.name or (wanted == "" and words)):
            field.look_up(words)
            found = True
    return found


def _filled(resource: Resource, item: Any, typed: Any) -> FlaskForm:
    form_class = form_for(resource)
    shown = {at: field for at, field in declared_in(form_class).items() if field.name not in resource.write_only}
    known = {at: getattr(item, field.name) for at, field in shown.items()} if item is not None else {}
    # Left alone, Flask-WTF would take JSON bodies for forms too.
    form = form_class(typed, data=known)
    if item is not None:
        for at in [at for at, field in declared_in(form).items() if field.key]:
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
    inputs = {
        at: _owned(resource, field) if field.owned else form_field(field, resource.name, widget=widgets.get(field.name))
        for at, field in declared.items()
    }
    return _class_of(f"{_title(resource.name)}Form", inputs, declared, f"Made from resource {resource.name!r}.")


def _owned(resource: Resource, field: Field) -> Any:
    """Return the (unbound) field of rows that belong to one of *resource*, each with a form of its own."""
    declared: dict[str, Field] = {}
    for one in field.owned:
        declared[_attribute(one.name, declared)] = one
    inputs = {at: form_field(one, resource.name) for at, one in declared.items()}
    name = f"{_title(resource.name)}{_title(field.name)}Form"
    made = _class_of(name, inputs, declared, f"One of the {field.name} in the form of resource {resource.name!r}.")
    options: dict[str, Any] = {"label": field.label, "description": field.help}
    return OwnedField(resource=resource, row=field, form_class=made, **options)


def _class_of(name: str, inputs: Mapping[str, Any], declared: Mapping[str, Field], words: str) -> type[FlaskForm]:
    return type(name, (FlaskForm,), {**inputs, "_declared": declared, "__doc__": words})


def _title(name: str) -> str:
    return name.title().replace("_", "").replace("-", "")


def _attribute(name: str, taken: Iterable[str]) -> str:
    # WTForms leaves out names that begin with an underscore, takes validate_x and filter_x for hooks of field x,
    # and keeps meta and form_errors on the instance.
    hook = name.startswith(("_", "validate_", "filter_"))
    reserved = hook or hasattr(FlaskForm, name) or name in ("meta", "form_errors", "csrf_token")
    found = f"{name.lstrip('_')}_" if reserved else name
    while found in taken or hasattr(FlaskForm, found):
        found += "_"
    return found
