"""form_field(field): from one ``Field`` record to one WTForms field, with the rules that the API has too.

An empty input is None where the column may be NULL, "" for text that may not, and otherwise refused: unless the
row is new and a default will fill the column.
"""

from __future__ import annotations

import enum
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from wtforms import BooleanField, DateField, DecimalField, FloatField, IntegerField, SelectField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs know WTForms 3.2
from wtforms.validators import InputRequired, Length, Regexp, StopValidation, ValidationError
from wtforms.widgets import NumberInput

from flaskkit.errors import ResourceError
from flaskkit.fields import Field, label_of
from flaskkit.forms.kinds import (
    BytesField,
    ClockField,
    DurationField,
    JSONField,
    LineField,
    MomentField,
    ParagraphField,
    UUIDField,
)
from flaskkit.forms.related import RowField, RowsField

FIELD_TYPES: dict[type, Any] = {
    str: LineField,
    int: IntegerField,
    float: FloatField,
    Decimal: DecimalField,
    date: DateField,
    datetime: MomentField,
    time: ClockField,
    timedelta: DurationField,
    UUID: UUIDField,
    bytes: BytesField,
    object: JSONField,
}

# What has to be known to fill in a field of a type.
UNITS: dict[type, str] = {datetime: "In UTC.", timedelta: "In seconds.", bytes: "In base64."}

# What stands for "nothing chosen", by whether that may be stored.
EMPTY = {True: SelectChoice("", "—"), False: SelectChoice("", "Choose …")}


def form_field(field: Field, where: str) -> Any:
    """Return the (unbound) WTForms field for *field*; *where* names its resource in errors.

    Raises:
        ResourceError: nobody can type in what *field* holds.
    """
    options: dict[str, Any] = {"label": field.label, "description": field.help, "validators": _rules(field)}
    if field.target is not None:
        return RowsField(row=field, **options) if field.many else RowField(row=field, **options)
    options["default"] = field.default
    if field.type is bool and not field.nullable:
        return BooleanField(**options | {"validators": []})
    if field.choices or field.type is bool:
        return _select(field, options)
    if field.type not in FIELD_TYPES:
        raise ResourceError(
            f"Resource {where!r} names {field.name!r}, which holds {field.type.__name__}: no form can take that. "
            "Name it in read_only, or leave it out."
        )
    if field.type is str:
        # NULL and "" look the same in an input.
        options["filters"] = [lambda text: text or None] if field.nullable else [lambda text: text or ""]
    if field.type is Decimal:
        options["places"] = field.scale
        options["widget"] = NumberInput(step=Decimal(1).scaleb(-field.scale) if field.scale is not None else "any")
    options["description"] = f"{field.help} {UNITS.get(field.type, '')}".strip()
    if field.type in (datetime, time):
        options["render_kw"] = {"step": "any"}  # Without it browsers refuse seconds.
    return (ParagraphField if field.long else FIELD_TYPES[field.type])(**options)


def _select(field: Field, options: dict[str, Any]) -> Any:
    if field.type is bool:
        known: dict[str, Any] = {"yes": True, "no": False}
        texts = {"yes": "Yes", "no": "No"}
    elif issubclass(field.type, enum.Enum):
        known = {name: field.type[name] for name in field.choices}
        texts = {name: label_of(name) for name in field.choices}
    else:
        known = {name: name for name in field.choices}
        texts = known
    empty = [] if field.default is not None and not field.nullable else [EMPTY[field.nullable]]

    def coerce(value: Any) -> Any:
        if value in (None, ""):
            return None
        if type(value) is str and value not in known:
            raise ValueError(value)
        return known[value] if type(value) is str else value

    choices = [*empty, *(SelectChoice(name, text) for name, text in texts.items())]
    options |= {"coerce": coerce, "choices": choices, "invalid_value_message": "Not a valid choice."}
    return SelectField(**options)


def _rules(field: Field) -> list[Any]:
    rules: list[Any] = [InputRequired() if field.required and not field.many else _MayBeEmpty(field)]
    if field.target is not None:
        return rules
    if field.type in (str, int, float, Decimal):
        rules.append(_storable)
    if field.type is Decimal and field.precision is not None:
        rules.append(_Digits(field.precision, field.scale or 0))
    if field.max_length is not None:
        rules.append(Length(max=field.max_length))
    if field.minimum is not None or field.maximum is not None:
        rules.append(_Between(field.minimum, field.maximum))
    if field.pattern is not None:
        rules.append(Regexp(rf"(?:{field.pattern})\Z", message="Does not have the expected form."))
    return rules


class _MayBeEmpty:
    """Ends the checks of an empty input, and refuses to empty what was full and cannot be NULL."""

    def __init__(self, field: Field) -> None:
        self.refuses = not field.nullable and (field.type is not str or field.target is not None or bool(field.choices))
        self.blank_is_text = field.type is str and not field.choices and field.target is None
        self.field_flags = {"optional": True}

    def __call__(self, form: Any, field: Any) -> None:
        text = str(field.raw_data[0]) if field.raw_data else ""
        if text if self.blank_is_text else text.strip():
            return
        field.errors[:] = []
        raise StopValidation("This field is required." if self.refuses and field.object_data is not None else "")


class _Between:
    """Limits of a number, a day or a moment, in the input as well."""

    def __init__(self, minimum: Any, maximum: Any) -> None:
        self.minimum, self.maximum = minimum, maximum
        limits = {"min": minimum, "max": maximum}
        self.field_flags = {name: _written(limit) for name, limit in limits.items() if limit is not None}

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is None or field.errors:
            return
        if self.minimum is not None and field.data < self.minimum:
            raise ValidationError(f"Must be at least {_written(self.minimum)}.")
        if self.maximum is not None and field.data > self.maximum:
            raise ValidationError(f"Must be at most {_written(self.maximum)}.")


class _Digits:
    """What a decimal column can hold."""

    def __init__(self, precision: int, scale: int) -> None:
        self.whole, self.scale = precision - scale, scale

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is None or field.errors:
            return
        _, digits, exponent = field.data.normalize().as_tuple()
        if -exponent > self.scale:
            raise ValidationError(f"At most {self.scale} digits after the point.")
        if len(digits) + exponent > self.whole:
            raise ValidationError(f"At most {self.whole} digits before the point.")


def _storable(form: Any, field: Any) -> None:
    """Refuse what no database takes: NUL in a text, infinity, a whole number of more than 64 bits."""
    data = field.data
    if isinstance(data, str) and "\x00" in data:
        raise StopValidation("Holds a character that cannot be stored.")
    if isinstance(data, int):
        good = -(2**63) <= data < 2**63
    elif isinstance(data, Decimal):
        good = data.is_finite()
    else:
        good = not isinstance(data, float) or math.isfinite(data)
    if not good:
        raise StopValidation("Not a number that can be stored.")


def _written(limit: Any) -> str:
    return limit.isoformat() if hasattr(limit, "isoformat") else str(limit)
