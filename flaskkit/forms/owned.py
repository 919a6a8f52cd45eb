"""The form field of rows that belong to the row of the form: a form for each of them, and buttons for more or fewer.

    lines          is sent, with any text, where the rows are: without it they stay as they are
    lines-0-count  an input of the first row; lines-0-_key holds its key, and nothing in a new row
    _rows          the button that was pressed: "lines-+" adds a row, "lines-0" takes away the first one

Both buttons only show the form again. What was typed stays, and nothing is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from flask import current_app
from markupsafe import Markup
from wtforms import Field
from wtforms.utils import unset_value

from flaskkit.access import user_for
from flaskkit.forms.related import RowField
from flaskkit.forms.values import changes, declared_in, show_errors, values
from flaskkit.resource import Resource
from flaskkit.resource import fields as of_models
from flaskkit.resource.owned import owned_policy
from flaskkit.texts import joined, say

KEY, ROWS, MORE = "_key", "_rows", "+"
# In the row that a script adds, where the others have a number.
NUMBER = "__row__"
MOST = 1000


class _AllRows:
    """Shows the inputs of all rows with their labels, for templates that know nothing of rows."""

    input_type = "rows"

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        rows = [
            Markup("<fieldset>{}{}</fieldset>").format(
                Markup('<input type="hidden" name="{}" value="{}">').format(f"{row.prefix}{KEY}", row.key),
                Markup("").join(Markup("<p>{} {}</p>").format(one.label(), one()) for one in row),
            )
            for row in field.entries
        ]
        return Markup('<input type="hidden" name="{}" value="y">').format(field.name) + Markup("").join(rows)


class OwnedField(Field):
    """Rows that belong to a row, as ``entries``: a form for each, of *form_class*.

    ``data`` are the rows themselves where nothing was changed, and else what ``rows.update`` takes of them: what was
    changed in each with its key, and the values of new ones. New rows that hold nothing but defaults are left out.
    """

    widget: Any = _AllRows()

    def __init__(self, *args: Any, resource: Resource, row: of_models.Field, form_class: Any, **options: Any) -> None:
        self.resource, self.row, self.form_class = resource, row, form_class
        self.entries: list[Any] = []
        self.messages: list[str] = []
        self.sent = self.pressed = False
        super().__init__(*args, **options)

    @property
    def errors(self) -> Sequence[str]:
        """What is wrong with the rows as a whole and with each of them."""
        return [*self.messages, *self._inner()]

    @errors.setter
    def errors(self, messages: Sequence[str]) -> None:
        self.messages = [*messages]

    @property
    def data(self) -> Any:
        found = [self._body(row) for row in self.entries] if self.sent else []
        same = found == [{self._key_name: self._key(item)} for item in self.object_data]
        return found if self.sent and not same else self.object_data

    @property
    def first_wrong(self) -> str:
        """The id of the first input in which something is wrong, or else of all."""
        return next((one.id for row in self.entries for one in row if one.errors), self.id)

    @cached_property
    def blank(self) -> Any:
        """The form of a new row, to be added by a script."""
        return self._row(NUMBER)

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        self.process_errors, self.messages = [], []
        policy = owned_policy(self.resource, self.row, "read")
        known = [] if data in (unset_value, None) else list(data)
        self.object_data = [item for item in known if policy is None or policy.allows(user_for(policy), item)]
        # What may be chosen is asked for once.
        self._offered: dict[str, Any] = {}
        self.sent = formdata is not None and self.name in formdata
        if self.sent:
            self.entries = list(self._typed(formdata))
        else:
            self.entries = [self._row(str(i), item=item) for i, item in enumerate(self.object_data)]
        self._name_chosen()

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        self.messages = []
        if not self.sent:
            return True
        self.entries = [row for row in self.entries if row.item is not None or not self._is_blank(row)]
        if len(self.entries) > MOST:
            self.messages = [say("At most %(most)s rows can be sent.", most=MOST)]
            return False
        wrong = [row for row in self.entries if not row.validate()]
        return not wrong

    def show(self, errors: Mapping[str, Any]) -> None:
        """Put *errors*, by position and by name of field, beside the inputs of the rows."""
        for position, inner in errors.items():
            if isinstance(inner, Mapping) and position.isdigit() and int(position) < len(self.entries):
                show_errors(self.entries[int(position)], {"" if at == "_schema" else at: inner[at] for at in inner})
            else:
                self.messages += inner if isinstance(inner, list) else []

    def _value(self) -> str:
        return "; ".join(str(row.item) for row in self.entries if row.item is not None)

    def _typed(self, formdata: Any) -> Iterator[Any]:
        """Yield the rows that were sent, as the button that was pressed wants them."""
        numbered = re.compile(rf"{re.escape(self.name)}-([0-9]{{1,6}})-")
        numbers = dict.fromkeys(found[1] for found in map(numbered.match, formdata) if found)
        wanted = formdata.get(ROWS, "")
        self.pressed = wanted.rpartition("-")[0] == self.name
        known = {str(self._key(item)): item for item in self.object_data}
        for number in sorted(numbers, key=int)[: MOST + 1]:
            if not (self.pressed and wanted == f"{self.name}-{number}"):
                # A row that somebody deleted meanwhile is a new one, if it is stored after all.
                yield self._row(number, formdata, known.get(formdata.get(f"{self.name}-{number}-{KEY}")))
        if wanted == f"{self.name}-{MORE}":
            yield self._row(str(max(map(int, numbers), default=-1) + 1))

    def _row(self, number: str, typed: Any = None, item: Any = None) -> Any:
        made = self.form_class
        known = {at: getattr(item, field.name) for at, field in declared_in(made).items()} if item is not None else {}
        prefix = f"{self.name}-{number}-"
        row = made(typed, data=known, prefix=prefix, meta={"csrf": False, "offered": self._offered})
        row.prefix, row.item, row.number = prefix, item, number
        row.key = "" if item is None else str(self._key(item))
        return row

    def _body(self, row: Any) -> dict[str, Any]:
        return values(row) if row.item is None else {self._key_name: self._key(row.item), **changes(row)}

    def _is_blank(self, row: Any) -> bool:
        declared = declared_in(row)
        typed = any(row[at].process_errors and "".join(map(str, row[at].raw_data or ())).strip() for at in declared)
        return not typed and all(row[at].data == self.blank[at].data for at in declared)

    def _inner(self) -> Iterator[str]:
        for number, row in enumerate(self.entries, 1):
            told = [joined(one.label.text, *one.errors) for one in row if one.errors]
            for text in [*row.form_errors, *told]:
                yield say("Row %(number)s: %(text)s", number=number, text=text)

    def _name_chosen(self) -> None:
        """Let inputs that show one row of many know what it is called: one query for all rows of this form."""
        for at, field in declared_in(self.form_class).items():
            inputs = [row[at] for row in self.entries if isinstance(row[at], RowField)]
            many = [one for one in inputs if one.data is not None and (one.picker or one.choices is None)]
            found = self._rows().referred(field, [one.data for one in many]) if many else {}
            for one in many:
                vars(one)["chosen"] = self._rows().name_of(found[one.data]) if one.data in found else ""

    @property
    def _key_name(self) -> str:
        target: Any = self.row.target
        return of_models.key_of(target)

    def _key(self, item: Any) -> Any:
        return getattr(item, self._key_name)

    def _rows(self) -> Any:
        return current_app.extensions["flaskkit.rows"]


def inputs_in(form: Any) -> Iterator[Any]:
    """Yield the fields of *form*, each followed by those in its rows."""
    for field in form:
        yield field
        if isinstance(field, OwnedField):
            for row in field.entries:
                yield from row
