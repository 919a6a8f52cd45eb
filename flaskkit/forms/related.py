"""Fields that hold rows of another table, by their keys: a list to choose from, or the key typed in.

Which rows there are is asked of ``app.extensions["flaskkit.rows"]``, which feature `db` puts there.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import current_app
from wtforms import SelectField, SelectMultipleField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs know WTForms 3.2
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget, Select, TextInput

from flaskkit.errors import Rejected
from flaskkit.fields import Field

NO_ROW = "There is no such row."


class _ChooseOrType:
    """Shows what may be chosen with one widget, and a text input where there is too much of it."""

    def __init__(self, choose: Any) -> None:
        self.choose = choose

    def __call__(self, field: Any, **attributes: Any) -> Any:
        return (TextInput() if field.choices is None else self.choose)(field, **attributes)


class RowField(SelectField):
    """One row of the table that *row* refers to."""

    widget = _ChooseOrType(Select())

    def __init__(self, *args: Any, row: Field, **options: Any) -> None:
        self.row = row
        super().__init__(*args, **options | _options(row, self._offered))

    def process_data(self, value: Any) -> None:
        self.object_data = self.data = _key(value)

    def pre_validate(self, form: Any) -> None:
        if not self.process_errors and self.data is not None and self.data != self.object_data:
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

    def _offered(self) -> list[Any] | None:
        offered = _rows().choices(self.row)
        if offered is None:
            return None
        # A value that is not on offer stays: a row the user may not see must not be lost by saving.
        lost = [] if self.data in (None, *(key for key, _ in offered)) else [(self.data, self.chosen or str(self.data))]
        empty = SelectChoice("", "—" if self.row.nullable else "Choose …")
        return [empty, *(SelectChoice(str(key), text) for key, text in [*lost, *offered])]


class RowsField(SelectMultipleField):
    """Any number of rows of the table that *row* refers to; typed keys are separated by commas."""

    widget = _ChooseOrType(ListWidget(prefix_label=False))
    option_widget = CheckboxInput()

    def __init__(self, *args: Any, row: Field, **options: Any) -> None:
        self.row = row
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
        new = [key for key in self.data or () if key not in self.object_data]
        if new and not self.process_errors:
            _check(self.row, new)

    def _value(self) -> str:
        return ", ".join(self.raw_data or [str(key) for key in self.data or ()])

    def _offered(self) -> list[Any] | None:
        offered = _rows().choices(self.row)
        if offered is None:
            return None
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
        raise ValidationError(" ".join(messages) or NO_ROW) from refused
