"""Some fields of a list that can be changed in the list itself: an input in each row.

Each row is a form of its own, with the rules of the form for one row and the same mark of what it showed. ``saving.py``
takes what was sent.
"""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm

from flaskkit.db.keys import url_key
from flaskkit.db.texts import name_of
from flaskkit.forms import OPENED, form_for, mark_of
from flaskkit.forms.values import declared_in
from flaskkit.resource import Resource

# Names the rows that are sent, by their keys in URLs.
ROW = "_row"


def form_of(resource: Resource, item: Any, sent: Any = None) -> FlaskForm:
    """Return the form about *item* in a list; *resource* has only those fields that can be changed there.

    Beside the inputs, as ``inputs`` by the names of the fields, it has the ``key`` of the row and the ``mark`` of what
    it showed.
    """
    made = form_for(resource)
    declared = declared_in(made)
    key = url_key(item)
    known = {at: getattr(item, field.name) for at, field in declared.items()}
    form = made(sent, data=known, prefix=f"{key}:", meta={"csrf": False})
    for at, field in declared.items():
        # The inputs stand in a table, outside of the element of their form.
        attributes = {"form": "rows", "aria-label": f"{field.label}: {name_of(item)}"}
        form[at].render_kw = {**(form[at].render_kw or {}), **attributes}
    form.inputs = {field.name: form[at] for at, field in declared.items()}
    form.key, form.mark = key, mark_of(resource, item) if sent is None else sent.get(f"{key}:{OPENED}", "")
    return form
