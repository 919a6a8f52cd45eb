"""What a form showed when it was opened: whether somebody else changed the row since, and what the visitor changed.

    mark = mark_of(resource, note)              goes with the form, in an input called OPENED
    require_unchanged(resource, note, mark)     with the row locked: raises ChangedMeanwhile
    conflicts(form, resource, note, mark)       both versions, field by field

A mark has a hash for each field, of what its input showed. So a change in a field that the form does not show is no
conflict, and what the visitor left alone is told from what they typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, SelectMultipleField

from flaskkit.errors import Conflicting
from flaskkit.forms.files import UploadField
from flaskkit.forms.generate import form_showing
from flaskkit.forms.kinds import MomentField
from flaskkit.forms.owned import OwnedField
from flaskkit.forms.values import declared_in
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import say

# No field of a form has a name that begins so.
OPENED = "_opened"


class ChangedMeanwhile(Conflicting):
    """Somebody else changed the row since the form about it was opened."""

    def __init__(self) -> None:
        words = say("Somebody else changed this since you opened it. Nothing was saved yet.")
        super().__init__({"": [words]}, words)


class Conflict(NamedTuple):
    """A field that somebody else changed. Where the visitor changed it, too, it was ``typed`` into ``input``."""

    field: Field
    input: Any
    typed: bool


def mark_of(resource: Resource, item: Any) -> str:
    """Return the mark of a form about *item*."""
    return " ".join(f"{at}:{found}" for at, found in _hashes(resource, form_showing(resource, item)).items())


def require_unchanged(resource: Resource, item: Any, mark: str) -> None:
    """Raise unless a form about *item* shows what it showed when it got its *mark*; of an empty one nothing is known.

    Raises:
        ChangedMeanwhile: it would show something else.
    """
    if _changed(resource, form_showing(resource, item), mark):
        raise ChangedMeanwhile


def conflicts(form: FlaskForm, resource: Resource, item: Any, mark: str) -> list[Conflict]:
    """Return the fields of *form*, as it was sent, that somebody else changed; *item* is the row as it is now.

    Inputs that the visitor left alone hold from now on what is stored.
    """
    now, known = form_showing(resource, item), _parsed(mark)
    found = []
    for at in _changed(resource, now, mark):
        typed = _sent(form[at], known[at])
        if not typed:
            form[at].raw_data = None
            form[at].process(None, now[at].object_data)
        found.append(Conflict(declared_in(form)[at], form[at], typed))
    return found


def _changed(resource: Resource, now: FlaskForm, mark: str) -> list[str]:
    known = _parsed(mark)
    return [at for at, found in _hashes(resource, now).items() if known.get(at, found) != found]


def _parsed(mark: str) -> Mapping[str, str]:
    pairs = (part.partition(":") for part in mark.split())
    return {at: found for at, _, found in pairs}


def _hashes(resource: Resource, form: FlaskForm) -> dict[str, str]:
    shown = {at: field for at, field in declared_in(form).items() if field.name not in resource.write_only}
    return {at: _hash(_shown(form[at])) for at in shown}


def _shown(field: Any) -> Any:
    if isinstance(field, UploadField):
        return field.object_data
    if isinstance(field, OwnedField):
        return [(row.key, [_shown(row[at]) for at in declared_in(row)]) for row in field.entries]
    if isinstance(field, SelectMultipleField):
        return sorted(map(str, field.data or ()))
    if isinstance(field, SelectField | BooleanField):
        return str(field.data)
    if isinstance(field, MomentField):
        # The same in every time zone: the visitor's may have changed since.
        return str(field.data)
    return _lines(field._value())


def _sent(field: Any, known: str) -> bool:
    """Return whether *field*, as it was sent, holds something else than what was shown."""
    if isinstance(field, UploadField):
        return field.data is not field.object_data
    if isinstance(field, SelectField | SelectMultipleField | BooleanField | MomentField | OwnedField):
        return _hash(_shown(field)) != known
    return bool(field.raw_data) and _hash(_lines(str(field.raw_data[0]))) != known


def _lines(text: str) -> str:
    # As browsers send them.
    return text.replace("\r\n", "\n")


def _hash(value: Any) -> str:
    return blake2b(repr(value).encode("utf-8", "replace"), digest_size=6).hexdigest()
