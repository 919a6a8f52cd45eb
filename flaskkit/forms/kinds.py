"""The WTForms fields that WTForms lacks. Fields that hold rows of other tables are in ``related.py``.

LineField, ParagraphField                          text, with line ends as Python has them
MomentField, ClockField                            a moment in UTC, a time of day
WholeField, ExactField, RealField                  numbers, in the form that the API takes
UUIDField, DurationField, JSONField, BytesField    text that is parsed
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
from markupsafe import Markup
from wtforms import (
    DateTimeLocalField,
    DecimalField,
    Field,
    FloatField,
    IntegerField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.widgets import TextArea, TextInput

from flaskkit.texts import say, speech


class _Unchanged:
    """Keeps the stored value where its text comes back as it was shown: text may hold less than the value."""

    def process_data(self, value: Any) -> None:
        super().process_data(value)  # type: ignore[misc]
        self.shown: str = self._value()  # type: ignore[attr-defined]

    def process_formdata(self, texts: Sequence[str]) -> None:
        if texts and self.object_data is not None and _lines(texts[0]) == _lines(self.shown):  # type: ignore[attr-defined]
            self.data = self.object_data  # type: ignore[attr-defined]
        else:
            super().process_formdata([_lines(text) for text in texts])  # type: ignore[misc]


class LineField(_Unchanged, StringField):
    """One line of text."""


class ParagraphField(_Unchanged, TextAreaField):
    """Text of several lines."""


class MomentField(_Unchanged, DateTimeLocalField):
    """A moment, shown and typed in the visitor's time zone; ``data`` is in UTC.

    Where visitors have different ones, the zone in which it was shown goes along in a hidden input called
    ``<name>-zone``, unless ``zoned`` is False: it may be another one by the time the form is sent.
    """

    zoned = True
    zone = ""

    formats = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"tz": UTC, "format": list(self.formats)})

    def _value(self) -> str:
        if self.raw_data or not isinstance(self.data, datetime):
            return " ".join(self.raw_data or ())
        moment = speech().local(self.data, self.zone)
        return moment.isoformat(timespec="seconds" if moment.second else "minutes")

    def process(self, formdata: Any, *args: Any, **options: Any) -> None:
        self.zone = (formdata or {}).get(f"{self.name}-zone", "")
        super().process(formdata, *args, **options)

    def process_formdata(self, texts: Sequence[str]) -> None:
        super().process_formdata(texts)
        if self.data is not None and self.data is not self.object_data:
            typed, self.data = self.data.replace(tzinfo=None), None
            self.data = speech().instant(typed, self.zone)

    def __call__(self, **attributes: Any) -> Markup:
        shown: Markup = super().__call__(**attributes)
        if not (self.zoned and speech().zoned):
            return shown
        zone = self.zone or speech().zone_name
        return shown + Markup('<input type="hidden" name="{}-zone" value="{}">').format(self.name, zone)


class ClockField(_Unchanged, TimeField):
    """A time of day."""

    formats = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"format": list(self.formats)})

    def _value(self) -> str:
        if self.raw_data or not isinstance(self.data, time):
            return " ".join(self.raw_data or ())
        return self.data.isoformat(timespec="seconds" if self.data.second else "minutes")


class _Digits:
    """Takes a number as it is written in the API: Python reads other digits, underscores and exponents as well."""

    data: Any
    written: re.Pattern[str]
    wrong: str

    def process_formdata(self, texts: Sequence[str]) -> None:
        if texts and texts[0].strip() and not self.written.fullmatch(texts[0].strip()):
            self.data = None
            raise ValueError(self.wrong)
        super().process_formdata(texts)  # type: ignore[misc]


class WholeField(_Digits, IntegerField):
    """A whole number."""

    written = re.compile(r"-?[0-9]+")
    wrong = say("Not a valid integer value.")


class ExactField(_Digits, DecimalField):
    """A decimal number, without an exponent."""

    written = re.compile(r"-?[0-9]+(\.[0-9]+)?")
    wrong = say("Not a valid decimal value.")


class RealField(_Digits, FloatField):
    """A number, with an exponent or without."""

    written = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
    wrong = say("Not a valid float value.")


class _Parsed(Field):
    """Text that ``parse`` turns into a value and ``write`` back; ``wrong`` is said where it cannot."""

    widget: Any = TextInput()
    wrong = ""

    def parse(self, text: str) -> Any:
        raise NotImplementedError

    def write(self, value: Any) -> str:
        return str(value)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def process_formdata(self, texts: Sequence[str]) -> None:
        if not texts:
            return
        self.data, text = None, str(texts[0]).strip()
        if text:
            try:
                self.data = self.parse(text)
            except (ValueError, OverflowError, RecursionError) as error:
                raise ValueError(self.wrong) from error


class UUIDField(_Parsed):
    """A UUID."""

    wrong = say("Not a valid UUID.")

    def parse(self, text: str) -> UUID:
        return UUID(text)


class DurationField(_Unchanged, _Parsed):
    """A length of time, typed in seconds."""

    wrong = say("Not a number of seconds.")

    def parse(self, text: str) -> timedelta:
        return timedelta(seconds=float(text))

    def write(self, value: timedelta) -> str:
        return f"{value.total_seconds():.15g}"


# As in the API, whose bodies have 32 levels, the outermost around this value: MariaDB stores no deeper JSON.
MOST_LEVELS = 31


class JSONField(_Unchanged, _Parsed):
    """Any JSON value."""

    widget = TextArea()
    wrong = say("Not valid JSON.")

    def parse(self, text: str) -> Any:
        # Unlike the standard library's decoder this one takes no lone surrogates and no infinite numbers.
        value = msgspec.json.decode(text)
        wide = isinstance(value, int | float) and not -(2**63) <= value < 2**63
        if value is None or wide or not _storable(value, MOST_LEVELS):
            raise ValueError(text)
        return value

    def write(self, value: Any) -> str:
        return json.dumps(value, indent=2, ensure_ascii=False)


def _storable(value: Any, levels: int) -> bool:
    """Return whether every database can store *value*: no NUL, and not nested deeper than *levels*."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return levels > 0 and all(_storable(one, levels - 1) for one in inner)
    return True


class BytesField(_Parsed):
    """Bytes, in base64 as in the API."""

    widget = TextArea()
    wrong = say("Not valid base64.")

    def parse(self, text: str) -> bytes:
        return b64decode("".join(text.split()), validate=True)

    def write(self, value: bytes) -> str:
        return b64encode(value).decode()


def _lines(text: str) -> str:
    # Browsers send every line end as CR LF, whatever they were given.
    return str(text).replace("\r\n", "\n")
