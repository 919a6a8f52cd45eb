"""Values out of a form made from a resource, and errors into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flaskkit.resource.fields import Field
from flaskkit.texts import joined


def values(form: Any) -> dict[str, Any]:
    """Return the values of *form* by the names of the resource's fields.

    An empty input is None, or "" for text that cannot be NULL. One that cannot be NULL and has a default is left
    out, so that the default applies.
    """
    return {
        field.name: form[at].data
        for at, field in declared_in(form).items()
        if form[at].data is not None or field.nullable or field.many
    }


def changes(form: Any) -> dict[str, Any]:
    """Return those ``values`` that differ from what the form was opened with.

    Storing only these keeps what somebody else changed in other fields meanwhile.
    """
    declared = declared_in(form)
    changed = {field.name for at, field in declared.items() if form[at].data != form[at].object_data}
    return {name: value for name, value in values(form).items() if name in changed}


def show_errors(form: Any, errors: Mapping[str, Any]) -> None:
    """Put *errors*, as ``Rejected.errors`` holds them, beside the fields of *form* that they are about.

    What is about no field of the form goes to ``form.form_errors``.
    """
    places = {field.name: at for at, field in declared_in(form).items()}
    for name, messages in errors.items():
        if name in places and isinstance(messages, Mapping):
            form[places[name]].show(messages)
        elif name in places:
            form[places[name]].errors = [*form[places[name]].errors, *messages]
        else:
            form.form_errors += [joined(name, message, between=": ") for message in messages]


def declared_in(form: Any) -> Mapping[str, Field]:
    """Return the fields of the resource that *form*, or a form class, has, by the names of its own."""
    found: Mapping[str, Field] = getattr(form, "_declared", {})
    return found if isinstance(form, type) else {at: field for at, field in found.items() if at in form}
