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

from wtforms import BooleanField, DateField, SelectField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs know WTForms 3.2
from wtforms.validators import InputRequired, Length, Regexp, StopValidation, ValidationError
from wtforms.widgets import ColorInput, EmailInput, NumberInput, PasswordInput, TelInput, URLInput

from flaskkit.errors import ResourceError
from flaskkit.forms.files import UploadField
from flaskkit.forms.kinds import (
    BytesField,
    ClockField,
    DurationField,
    ExactField,
    JSONField,
    LineField,
    MomentField,
    ParagraphField,
    RealField,
    UUIDField,
    WholeField,
)
from flaskkit.forms.related import RowField, RowsField
from flaskkit.resource.fields import Field, FileRules, label_of
from flaskkit.texts import as_text, either, joined, say, speech, spoken

FIELD_TYPES: dict[type, Any] = {
    str: LineField,
    int: WholeField,
    float: RealField,
    Decimal: ExactField,
    date: DateField,
    datetime: MomentField,
    time: ClockField,
    timedelta: DurationField,
    UUID: UUIDField,
    bytes: BytesField,
    object: JSONField,
}


class _InZone:
    def __str__(self) -> str:
        return spoken(say("In %(zone)s.", zone=speech().zone_name))


# What has to be known to fill in a field of a type.
UNITS: dict[type, str] = {
    datetime: as_text(_InZone(), "In UTC."),
    timedelta: say("In seconds."),
    bytes: say("In base64."),
}

# What stands for "nothing chosen", by whether that may be stored.
EMPTY = {True: SelectChoice("", "—"), False: SelectChoice("", say("Choose …"))}


# What a text is, where browsers help to type it; what was typed into the last one is never shown again.
TEXTS: dict[str, Any] = {
    "email": EmailInput,
    "url": URLInput,
    "tel": TelInput,
    "color": ColorInput,
    "password": PasswordInput,
}


def form_field(field: Field, where: str, *, widget: Any = None, search: bool = True) -> Any:
    """Return the (unbound) WTForms field for *field*; *where* names its resource in errors.

    *widget* takes the place of the one that fits its type. With *search*, other rows are searched for where there are
    too many to choose from.

    Raises:
        ResourceError: nobody can type in what *field* holds.
    """
    kind, options = _kind(field, where, search)
    attributes = {"autocomplete": field.autocomplete} if field.autocomplete else {}
    if attributes or "render_kw" in options:
        options["render_kw"] = {**options.get("render_kw", {}), **attributes}
    if widget is not None:
        options["widget"] = widget
    return kind(**options)


def _kind(field: Field, where: str, search: bool) -> tuple[Any, dict[str, Any]]:
    """Return the class of the WTForms field for *field*, and what to make it with."""
    options: dict[str, Any] = {"label": field.label, "description": field.help}
    if field.file:
        return UploadField, options | {
            "description": joined(field.help, _limits(field.file), *field.file.limits),
            "file": field,
        }
    options["validators"] = _rules(field)
    if field.target is not None:
        return (RowsField if field.many else RowField), options | {"row": field, "search": search}
    options["default"] = field.default
    if field.type is bool and not field.nullable:
        return BooleanField, options | {"validators": []}
    if field.choices or field.type is bool:
        return SelectField, _select(field, options)
    if field.type not in FIELD_TYPES:
        raise ResourceError(
            f"Resource {where!r} names {field.name!r}, which holds {field.type.__name__}: no form can take that. "
            "Name it in read_only, or leave it out."
        )
    if field.type is str:
        # NULL and "" look the same in an input.
        options["filters"] = [lambda text: text or None] if field.nullable else [lambda text: text or ""]
        if field.input:
            options["widget"] = TEXTS[field.input]()
    if field.type is Decimal:
        options["places"] = field.scale
        options["widget"] = NumberInput(step=Decimal(1).scaleb(-field.scale) if field.scale is not None else "any")
    options["description"] = joined(field.help, UNITS.get(field.type, ""))
    if field.type in (datetime, time):
        options["render_kw"] = {"step": "any"}  # Without it browsers refuse seconds.
    return (ParagraphField if field.long and not field.input else FIELD_TYPES[field.type]), options


def _limits(rules: FileRules) -> str:
    """Return "PNG or JPEG, at most 2 MB.": what people need to know before they choose a file."""
    kinds = [one.partition("/")[2].partition("+")[0].rpartition(".")[2].upper() for one in rules.types]
    size = f"{rules.max_size / 1_000_000:,.3g} MB" if rules.max_size >= 1_000_000 else f"{rules.max_size / 1000:.3g} kB"
    if not kinds:
        return say("At most %(size)s.", size=size)
    return say("%(kinds)s, at most %(size)s.", kinds=either(*kinds), size=size)


def _select(field: Field, options: dict[str, Any]) -> dict[str, Any]:
    if field.type is bool:
        known: dict[str, Any] = {"yes": True, "no": False}
        texts = {"yes": say("Yes"), "no": say("No")}
    elif issubclass(field.type, enum.Enum):
        known = {name: field.type[name] for name in field.choices}
        texts = {name: say(label_of(name)) for name in field.choices}
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
    return options | {"coerce": coerce, "choices": choices, "invalid_value_message": say("Not a valid choice.")}


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
        rules.append(_Form(field.pattern))
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
        raise StopValidation(say("This field is required.") if self.refuses and field.object_data is not None else "")


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
            raise ValidationError(say("Must be at least %(least)s.", least=_written(self.minimum)))
        if self.maximum is not None and field.data > self.maximum:
            raise ValidationError(say("Must be at most %(most)s.", most=_written(self.maximum)))


class _Form(Regexp):
    """The form that the whole text must have, in the input as well."""

    def __init__(self, pattern: str) -> None:
        super().__init__(rf"(?:{pattern})\Z", message=say("Does not have the expected form."))
        self.field_flags = {"pattern": pattern}


class _Digits:
    """What a decimal column can hold."""

    def __init__(self, precision: int, scale: int) -> None:
        self.whole, self.scale = precision - scale, scale

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is None or field.errors:
            return
        # As written: the API counts zeros at the end, too.
        _, digits, exponent = field.data.as_tuple()
        if -exponent > self.scale:
            raise ValidationError(say("At most %(number)s digits after the point.", number=self.scale))
        if len(digits) + exponent > self.whole:
            raise ValidationError(say("At most %(number)s digits before the point.", number=self.whole))


def _storable(form: Any, field: Any) -> None:
    """Refuse what no database takes: NUL in a text, infinity, a whole number of more than 64 bits."""
    data = field.data
    if isinstance(data, str) and "\x00" in data:
        raise StopValidation(say("Holds a character that cannot be stored."))
    if isinstance(data, int):
        good = -(2**63) <= data < 2**63
    elif isinstance(data, Decimal):
        good = data.is_finite()
    else:
        good = not isinstance(data, float) or math.isfinite(data)
    if not good:
        raise StopValidation(say("Not a number that can be stored."))


def _written(limit: Any) -> str:
    return limit.isoformat() if hasattr(limit, "isoformat") else str(limit)
