"""One value in JSON: what is accepted, what is shown, and how the OpenAPI document tells it.

    described(field)        the JSON Schema of a value
    read(field, value)      from JSON to Python, exact: "1" is not an integer, true is not 1
    shown(value)            from Python to JSON: decimals as strings, moments in RFC 3339, an enum by its name
    of_text(field, text)    from a query string to JSON, so that read() can judge it

Values come from a body that was JSON and text that was UTF-8, so there are no NaN and no lone surrogates here.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from marshmallow import ValidationError
from msgspec import Meta

from flaskkit.fields import Field

MOST_DIGITS = 38
INT64 = 2**63
_LONGEST = datetime.min - datetime(1970, 1, 1), datetime.max - datetime(1970, 1, 1)  # noqa: DTZ001, DTZ901

# What msgspec converts to, what a person reads when it fails, and the JSON Schema.
_KINDS: dict[type, tuple[Any, str, dict[str, Any]]] = {
    str: (str, "Not a text.", {"type": "string"}),
    int: (int, "Not a whole number.", {"type": "integer", "format": "int64"}),
    float: (float, "Not a number.", {"type": "number", "format": "double"}),
    bool: (bool, "Neither true nor false.", {"type": "boolean"}),
    date: (date, "Not a date like 2030-12-31.", {"type": "string", "format": "date"}),
    datetime: (
        Annotated[datetime, Meta(tz=True)],
        "Not a moment with its time zone, like 2030-12-31T12:00:00Z.",
        {"type": "string", "format": "date-time"},
    ),
    # The format "time" would ask for a zone.
    time: (
        Annotated[time, Meta(tz=False)],
        "Not a time like 12:00:00.",
        {"type": "string", "pattern": r"^\d\d:\d\d:\d\d(\.\d{1,6})?$"},
    ),
    timedelta: (timedelta, "Not a duration like PT90S.", {"type": "string", "format": "duration"}),
    UUID: (UUID, "Not a UUID.", {"type": "string", "format": "uuid"}),
    bytes: (bytes, "Not bytes in base64.", {"type": "string", "format": "byte"}),
    Decimal: (str, 'Not a decimal number as a string, like "2.50".', {"type": "string", "format": "decimal"}),
    object: (Any, "", {}),
}


def knows(field: Field) -> bool:
    """Return whether values of *field* have a form in JSON here."""
    return field.type in _KINDS or issubclass(field.type, enum.Enum)


def described(field: Field) -> dict[str, Any]:
    """Return the JSON Schema of a value of *field*, but for null."""
    if field.many:
        return {"type": "array", "items": _described_one(field), **_words(field)}
    return {**_described_one(field), **_words(field)}


def _described_one(field: Field) -> dict[str, Any]:
    if field.choices:
        return {"type": "string", "enum": [*field.choices, *([None] if field.nullable and not field.many else [])]}
    schema = dict(_KINDS[field.type][2])
    if field.type in (int, float):
        schema |= {"minimum": field.minimum} if field.minimum is not None else {}
        schema |= {"maximum": field.maximum} if field.maximum is not None else {}
    if field.type is Decimal:
        schema["pattern"] = _decimal_pattern(field)
    if field.type is str:
        schema |= {"minLength": field.min_length} if field.min_length else {}
        schema |= {"maxLength": field.max_length} if field.max_length else {}
        schema |= {"pattern": f"^(?:{field.pattern})$"} if field.pattern else {}
    return schema


def _words(field: Field) -> dict[str, str]:
    return {"description": field.help} if field.help else {}


def read(field: Field, value: Any) -> Any:
    """Return what *value* from JSON is in Python.

    Raises:
        marshmallow.ValidationError: it is of another type, too long, too large or not among the choices.
    """
    if not field.many:
        return _read_one(field, value)
    if not isinstance(value, list):
        raise ValidationError("Not a list.")
    found, errors = [], {}
    for i, one in enumerate(value):
        try:
            found.append(_read_one(field, one))
        except ValidationError as error:
            errors[i] = error.messages
    if errors:
        raise ValidationError(errors)
    return found


def _read_one(field: Field, value: Any) -> Any:
    if field.choices:
        return _chosen(field, value)
    kind, refusal, _ = _KINDS[field.type]
    if field.type is object:
        return _sound(value)
    try:
        found = msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError):
        raise ValidationError(refusal) from None
    found = _REFINED.get(field.type, _as_it_is)(field, found)
    if field.minimum is not None and found < field.minimum:
        raise ValidationError(f"Less than {shown(field.minimum)}.")
    if field.maximum is not None and found > field.maximum:
        raise ValidationError(f"More than {shown(field.maximum)}.")
    return found


def _chosen(field: Field, value: Any) -> Any:
    if not isinstance(value, str) or value not in field.choices:
        raise ValidationError(f"Not one of {', '.join(field.choices)}.")
    return field.type[value] if issubclass(field.type, enum.Enum) else value


def _as_it_is(field: Field, value: Any) -> Any:
    return value


def _text(field: Field, value: str) -> str:
    if "\0" in value:
        raise ValidationError("Contains a NUL character.")
    if len(value) < field.min_length:
        raise ValidationError("Empty.")
    if field.max_length and len(value) > field.max_length:
        raise ValidationError(f"Longer than {field.max_length} characters.")
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise ValidationError(f"Does not match {field.pattern}.")
    return value


def _integer(field: Field, value: int) -> int:
    if not -INT64 <= value < INT64:
        raise ValidationError("A number beyond 64 bits.")
    return value


def _finite(field: Field, value: float) -> float:
    if not math.isfinite(value):
        raise ValidationError("A number too large.")
    return value


def _duration(field: Field, value: timedelta) -> timedelta:
    # Most databases have no durations; SQLAlchemy stores them as moments counted from 1970.
    if not _LONGEST[0] <= value <= _LONGEST[1]:
        raise ValidationError("A duration of too many years.")
    return value


def _moment(field: Field, value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValidationError(_KINDS[datetime][1]) from None


def _decimal(field: Field, value: str) -> Decimal:
    if not re.fullmatch(_decimal_pattern(field), value, re.ASCII):
        limits = f" At most {field.precision} digits, {field.scale or 0} of them decimals." if field.precision else ""
        raise ValidationError(f"{_KINDS[Decimal][1]}{limits}")
    return Decimal(value)


def _decimal_pattern(field: Field) -> str:
    scale = field.scale or 0 if field.precision else MOST_DIGITS
    whole = max(field.precision - scale, 1) if field.precision else MOST_DIGITS
    return rf"^-?\d{{1,{whole}}}" + (rf"(\.\d{{1,{scale}}})?$" if scale else "$")


_REFINED: dict[type, Callable[[Field, Any], Any]] = {
    str: _text,
    int: _integer,
    float: _finite,
    timedelta: _duration,
    datetime: _moment,
    Decimal: _decimal,
}


def _sound(value: Any) -> Any:
    """Return the JSON *value*, if every database can store it."""
    if isinstance(value, str) and "\0" in value:
        raise ValidationError("Contains a NUL character.")
    if isinstance(value, dict):
        for key, one in value.items():
            _sound(key)
            _sound(one)
    elif isinstance(value, list):
        for one in value:
            _sound(one)
    return value


def shown(value: Any) -> Any:
    """Return *value* as what ``json.dumps`` takes."""
    kind = type(value)
    if kind in (str, int, bool, type(None)):
        return value
    if kind is list:
        return [shown(one) for one in value]
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is Decimal:
        return format(value, "f")
    if isinstance(value, enum.Enum):
        return value.name
    if kind is datetime and value.tzinfo is None:
        # A column without a time zone holds UTC, as everything in flaskkit does.
        value = value.replace(tzinfo=UTC)
    return msgspec.to_builtins(value)


def of_text(field: Field, text: str) -> Any:
    """Return the JSON value that *text* of a query string stands for, or *text* itself where it is none."""
    if field.type is bool:
        return {"true": True, "false": False}.get(text, text)
    if field.type is int and re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    if field.type is float and re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?", text):
        return float(text)
    return text
