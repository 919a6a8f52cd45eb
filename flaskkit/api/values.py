"""One value in JSON: what is accepted, what is shown, and how the OpenAPI document tells it.

    described(field)        the JSON Schema of a value
    file_sent(field)        that of a file on its way here
    read(field, value)      from JSON to Python, exact: "1" is not an integer, true is not 1, but 1.0 is
    reader_of(field)        the same, for many values of one field
    shown(value)            from Python to JSON: decimals as strings, moments in RFC 3339, an enum by its name
    of_text(field, text)    from a query string to JSON, so that read() can judge it

Values come from a body that was JSON and text that was UTF-8, so there are no NaN and no lone surrogates here.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from flask import url_for
from marshmallow import ValidationError
from msgspec import Meta

from flaskkit.resource.fields import Field, fields_of, key_of, label_of

MOST_DIGITS = 38
# PostgreSQL stores no NUL in a text.
NO_NUL = r"^[^\x00]*$"
TIME = r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$"
DURATION = r"^-?P(?=\d|T\d)(\d{1,7}D)?(T(?=\d)(\d{1,9}H)?(\d{1,10}M)?(\d{1,12}(\.\d{1,6})?S)?)?$"
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
    time: (str, "Not a time like 12:00:00.", {"type": "string", "pattern": TIME}),
    # The format "duration" knows weeks, months and years, and neither fractions nor a sign.
    timedelta: (str, "Not a duration like PT90S.", {"type": "string", "pattern": DURATION}),
    UUID: (UUID, "Not a UUID.", {"type": "string", "format": "uuid"}),
    bytes: (bytes, "Not bytes in base64.", {"type": "string", "format": "byte"}),
    Decimal: (str, 'Not a decimal number as a string, like "2.50".', {"type": "string", "format": "decimal"}),
    # Limits are for numbers only: SQLite rounds larger ones, where they are not inside something.
    object: (Any, "", {"minimum": -INT64, "maximum": INT64 - 1}),
}


_FILE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "What the sender called it."},
        "media_type": {"type": "string", "description": "What it is, by its content."},
        "size": {"type": "integer", "format": "int64", "minimum": 1, "description": "How many bytes it has."},
        "width": {"type": "integer", "minimum": 1, "description": "Of an image, in pixels."},
        "height": {"type": "integer", "minimum": 1, "description": "Of an image, in pixels."},
        "url": {"type": "string", "format": "uri-reference", "description": "Where its bytes are."},
    },
    "required": ["name", "media_type", "size", "url"],
}


def referring(field: Field) -> Field:
    """Return *field* with the limits of the key that it refers to, if it is a relationship."""
    if field.target is None or not field.is_relationship or field.type is object:
        return field
    key = fields_of(field.target)[key_of(field.target)]
    limits = {
        name: getattr(key, name) for name in ("max_length", "minimum", "maximum", "pattern", "choices", "example")
    }
    words = "Keys of {} rows." if field.many else "Key of the {}."
    return replace(field, help=field.help or words.format(field.target.__name__), **limits)


def knows(field: Field) -> bool:
    """Return whether values of *field* have a form in JSON here."""
    return field.type in _KINDS or field.file is not None or issubclass(field.type, enum.Enum)


def described(field: Field) -> dict[str, Any]:
    """Return the JSON Schema of a value of *field*, but for null."""
    if field.many:
        return {"type": "array", "items": _described_one(field), **_words(field)}
    return {**_described_one(field), **_words(field)}


def file_sent(field: Field) -> dict[str, Any]:
    """Return the JSON Schema of a part with a file for *field*."""
    rules: Any = field.file
    limits = " ".join([f"At most {rules.max_size:,} bytes.", *rules.limits])
    words = _words(field).get("description", "")
    return {"type": "string", "format": "binary", "description": f"{words} {limits}".strip()}


def _described_one(field: Field) -> dict[str, Any]:
    if field.file:
        return _FILE
    if field.choices:
        return {"type": "string", "enum": [*field.choices, *([None] if field.nullable and not field.many else [])]}
    schema = dict(_KINDS[field.type][2])
    schema |= {"examples": [shown(field.example)]} if field.example is not None else {}
    if field.type in (int, float):
        schema |= {"minimum": field.minimum} if field.minimum is not None else {}
        schema |= {"maximum": field.maximum} if field.maximum is not None else {}
    if field.type is Decimal:
        schema["pattern"] = _decimal_pattern(field)
    if field.type is str:
        schema |= {"minLength": field.min_length} if field.min_length else {}
        schema |= {"maxLength": field.max_length} if field.max_length else {}
        schema["pattern"] = f"^(?:{field.pattern})$" if field.pattern else NO_NUL
    return schema


def _words(field: Field) -> dict[str, str]:
    told = [] if field.label == label_of(field.name) else [f"{field.label}."]
    words = " ".join([*told, *([field.help] if field.help else [])])
    return {"description": words} if words else {}


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
        return _sound(_within_64_bits(value) if isinstance(value, int | float) else value)
    if field.type is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # An integer is what it is worth, not how it is written (JSON Schema, section 6.1.1).
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


def reader_of(field: Field) -> Callable[[Any], Any]:
    """Return ``read`` for values of *field* alone. Right texts and integers it knows at a glance."""
    if field.many or field.choices or field.type not in (str, int):
        return lambda value: read(field, value)
    return _text_reader(field) if field.type is str else _integer_reader(field)


def _text_reader(field: Field) -> Callable[[Any], Any]:
    least, most = field.min_length, field.max_length or math.inf
    fits = re.compile(field.pattern or ".*", 0 if field.pattern else re.DOTALL).fullmatch
    limited = field.minimum is not None or field.maximum is not None

    def text(value: Any) -> Any:
        right = type(value) is str and least <= len(value) <= most and "\0" not in value and fits(value)
        return value if right and not limited else read(field, value)

    return text


def _integer_reader(field: Field) -> Callable[[Any], Any]:
    least = -INT64 if field.minimum is None else max(field.minimum, -INT64)
    most = INT64 - 1 if field.maximum is None else min(field.maximum, INT64 - 1)

    def integer(value: Any) -> Any:
        return value if type(value) is int and least <= value <= most else read(field, value)

    return integer


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
    _within_64_bits(value)
    return value


def _within_64_bits(value: Any) -> Any:
    if not -INT64 <= value < INT64:
        raise ValidationError("A number beyond 64 bits.")
    return value


def _finite(field: Field, value: float) -> float:
    if not math.isfinite(value):
        raise ValidationError("A number too large.")
    return value


def _clock(field: Field, value: str) -> time:
    if not re.fullmatch(TIME, value, re.ASCII):
        raise ValidationError(_KINDS[time][1])
    return msgspec.convert(value, time)


def _duration(field: Field, value: str) -> timedelta:
    if not re.fullmatch(DURATION, value, re.ASCII):
        raise ValidationError(_KINDS[timedelta][1])
    found = msgspec.convert(value, timedelta)
    # Most databases have no durations; SQLAlchemy stores them as moments counted from 1970.
    if not _LONGEST[0] <= found <= _LONGEST[1]:
        raise ValidationError("A duration of too many years.")
    return found


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
    time: _clock,
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


def file_shown(field: Field, key: str, file: Any) -> dict[str, Any]:
    """Return *file*, in *field* of the row with that *key* in its URL, as an operation of its resource answers it."""
    facts = {"name": file.name, "media_type": file.media_type, "size": file.size}
    facts |= {"width": file.width, "height": file.height} if file.width else {}
    return {**facts, "url": url_for(f".download_{field.name}", key=key)}


def of_text(field: Field, text: str) -> Any:
    """Return the JSON value that *text* of a query string stands for, or *text* itself where it is none."""
    if field.type is bool:
        return {"true": True, "false": False}.get(text, text)
    if field.type is int and re.fullmatch(r"-?[0-9]{1,300}", text):
        return int(text)
    if field.type is float and re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?", text):
        return float(text)
    return text
