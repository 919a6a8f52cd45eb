"""Fields that hold rows of another table, by their keys: a list to choose from, a search, or the key typed in.

    up to 200 rows        all of them stand in the list
    more                  those found by ``look_up``, where the resource of the other rows has ``search``
    else                  the key is typed

Which rows there are is asked of ``app.extensions["flaskkit.rows"]``, which feature `db` puts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import current_app
from wtforms import SelectField, SelectMultipleField
from wtforms.fields import Choice, SelectChoice  # type: ignore[attr-defined]  # the stubs know WTForms 3.2
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget, Select, TextInput

from flaskkit.access import user_for
from flaskkit.errors import Rejected
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import joined, say

NO_ROW = say("There is no such row.")
MOST_FOUND = 50
# The button that searches; beside a field called author stands an input called author-search.
SEARCH = "_search"


class _ChooseOrType:
    """Shows what may be chosen with one widget, and a text input where there is too much of it."""

    def __init__(self, choose: Any) -> None:
        self.choose = choose

    def __call__(self, field: Any, **attributes: Any) -> Any:
        return (TextInput() if field.choices is None else self.choose)(field, **attributes)


class _Picker:
    """What both fields have for tables of many rows.

    ``words`` is what was searched for last, and ``found`` what there is, as (key, text). ``address`` is where a script
    finds the same, or "".
    """

    row: Field
    choices: Any
    _searches = False
    _known: Set[Any] = frozenset()
    words = ""
    address = ""
    found: Sequence[tuple[Any, str]] = ()

    @property
    def picker(self) -> bool:
        """Whether rows are searched for."""
        return self.choices is not None and self._searches

    def look_up(self, words: str) -> None:
        """Offer the rows that hold *words*."""
        self.words, self.found = words, rows_found(self.row, words)

    def _all(self, search: bool) -> list[tuple[Any, str]] | None:
        # Rows of one form share what they offer.
        shared: dict[str, Any] = getattr(self.meta, "offered", {})  # type: ignore[attr-defined]
        if self.row.name not in shared:
            shared[self.row.name] = _rows().choices(self.row)
        offered: list[tuple[Any, str]] | None = shared[self.row.name]
        self._known = {key for key, _ in offered or ()}
        self._searches = offered is None and search and _searched(self.row) is not None
        return offered


class RowField(_Picker, SelectField):
    """One row of the table that *row* refers to."""

    widget = _ChooseOrType(Select())

    def __init__(self, *args: Any, row: Field, search: bool = True, **options: Any) -> None:
        self.row, self.search = row, search
        super().__init__(*args, **options | _options(row, self._offered))

    def process_data(self, value: Any) -> None:
        self.object_data = self.data = _key(value)

    def pre_validate(self, form: Any) -> None:
        new = self.data is not None and self.data != self.object_data and self.data not in self._known
        if new and not self.process_errors:
            _check(self.row, self.data)

    @cached_property
    def chosen(self) -> str:
        """The text of the row that is chosen, "" where there is none or it must not be seen."""
        try:
            return "" if self.data is None else str(_rows().resolve(self.row, self.data))
        except Rejected:
            return ""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def iter_choices(self) -> Iterator[Any]:
        if not self.picker:
            yield from super().iter_choices()
            return
        yield Choice("", "—" if self.row.nullable else say("Choose …"), self.data is None, {})
        if self.data is not None:
            yield Choice(str(self.data), self.chosen or str(self.data), True, {})
        yield from (Choice(str(key), text, False, {}) for key, text in self.found if key != self.data)

    def _offered(self) -> list[Any] | None:
        offered = self._all(self.search)
        if offered is None:
            return [] if self._searches else None
        # A value that is not on offer stays: a row the user may not see must not be lost by saving.
        lost = [] if self.data in (None, *(key for key, _ in offered)) else [(self.data, self.chosen or str(self.data))]
        empty = SelectChoice("", "—" if self.row.nullable else say("Choose …"))
        return [empty, *(SelectChoice(str(key), text) for key, text in [*lost, *offered])]


class RowsField(_Picker, SelectMultipleField):
    """Any number of rows of the table that *row* refers to; typed keys are separated by commas."""

    widget = _ChooseOrType(ListWidget(prefix_label=False))
    option_widget = CheckboxInput()

    def __init__(self, *args: Any, row: Field, search: bool = True, **options: Any) -> None:
        self.row, self.search = row, search
        super().__init__(*args, **options | _options(row, self._offered))

    def process_data(self, value: Any) -> None:
        self.object_data = self.data = [_key(one) for one in value or ()]

    def process_formdata(self, valuelist: list[str]) -> None:
        if self.choices is None:
            valuelist = [part for text in valuelist for part in str(text).split(",")]
        texts = [str(text).strip() for text in valuelist]
        super().process_formdata([text for text in texts if text])
        self.data = list(dict.fromkeys(self.data or ()))
        if set(self.data) == set(self.object_data):
            self.data = self.object_data

    def pre_validate(self, form: Any) -> None:
        new = [key for key in self.data or () if key not in self.object_data and key not in self._known]
        if new and not self.process_errors:
            _check(self.row, new)

    def _value(self) -> str:
        return ", ".join(self.raw_data or [str(key) for key in self.data or ()])

    def iter_choices(self) -> Iterator[Any]:
        if not self.picker:
            yield from super().iter_choices()
            return
        keys = self.data or []
        names = {key: _rows().name_of(item) for key, item in _rows().referred(self.row, keys).items()}
        yield from (Choice(str(key), names.get(key, str(key)), True, {}) for key in keys)
        yield from (Choice(str(key), text, False, {}) for key, text in self.found if key not in keys)

    def _offered(self) -> list[Any] | None:
        offered = self._all(self.search)
        if offered is None:
            return [] if self._searches else None
        keys = {key for key, _ in offered}
        lost = [(key, str(key)) for key in self.object_data if key not in keys]
        return [SelectChoice(str(key), text) for key, text in [*lost, *offered]]


_READERS: dict[type, Any] = {
    int: int,
    UUID: UUID,
    float: float,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


def rows_found(row: Field, words: str) -> list[tuple[Any, str]]:
    """Return (key, text) of some rows that *row* may refer to and that hold *words*, as their resource searches."""
    resource = _searched(row)
    words = words.strip().replace("\x00", "")
    if resource is None or not words:
        return []
    found = _rows().page(resource, q=words, size=MOST_FOUND, count=False).items
    return [(_rows().key_of(item), _rows().name_of(item)) for item in found]


def _searched(row: Field) -> Resource | None:
    """Return the resource by which rows for *row* are searched; None where nobody opened that to the visitor."""
    resource: Resource | None = current_app.extensions["flaskkit"].resource_of(row.target)
    if resource is None or not resource.search:
        return None
    return None if resource.read.rows(user_for(resource.read), resource.model) is False else resource


def _options(row: Field, offered: Any) -> dict[str, Any]:
    read = _READERS.get(row.type, str)

    def coerce(text: Any) -> Any:
        return None if text in (None, "") else read(text)

    return {"coerce": coerce, "choices": offered, "validate_choice": False, "invalid_value_message": NO_ROW}


def _rows() -> Any:
    return current_app.extensions["flaskkit.rows"]


def _key(value: Any) -> Any:
    return _rows().key_of(value) if hasattr(type(value), "__mapper__") else value


def _check(row: Field, value: Any) -> None:
    try:
        _rows().resolve(row, value)
    except Rejected as refused:
        messages = [message for some in refused.errors.values() for message in some]
        raise ValidationError(joined(*messages) or NO_ROW) from refused
