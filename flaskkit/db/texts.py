"""Rows and values as people read them.

name_of(book)        "Emma", as str(book) says, or "Book 7"
text_of(moment)      "2026-03-04 09:30 UTC"
noun_of(model)       "booking request" for BookingRequest
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from flaskkit.resource.fields import keys_of, label_of
from flaskkit.texts import Speech, Text, joined, say, speech


def name_of(row: Any) -> str:
    """Return ``str(row)``, or "Book 7" where the model does not say what its rows are called."""
    said = "" if type(row).__str__ is object.__str__ else str(row)  # type: ignore[comparison-overlap]
    key = ", ".join(_key_text(getattr(row, name)) for name in keys_of(type(row)))
    # A link that nobody sees cannot be followed.
    return said if said.strip() else f"{noun_of(type(row)).capitalize()} {key}"


def _key_text(value: Any) -> str:
    # The number of a row is no amount.
    return str(value) if isinstance(value, int) else text_of(value)


def noun_of(model: type) -> str:
    """Return what one row of *model* is called: "booking request" for BookingRequest."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", model.__name__).lower()


def text_of(value: Any, how: Speech | None = None) -> str:
    """Return how the visitor reads *value*: nothing for None, a name for a choice, minutes for a moment.

    *how* is their ``speech()``, for those who have it at hand.
    """
    if value is None:
        return ""
    for kind, text in _TEXTS.items():
        if isinstance(value, kind):
            return text(value, how or speech())
    return str(value)


@lru_cache(maxsize=1024)
def _choice(name: str) -> Text:
    return say(label_of(name))


_FLAGS = {True: say("yes"), False: say("no")}
_TEXTS: dict[type, Callable[[Any, Speech], str]] = {
    bool: lambda value, _: _FLAGS[value],
    enum.Enum: lambda value, _: _choice(value.name),
    datetime: lambda value, how: how.moment(value),
    date: lambda value, how: how.date(value),
    int: lambda value, how: how.number(value),
    float: lambda value, how: how.number(value),
    Decimal: lambda value, how: how.number(value),
    list: lambda values, how: joined(*(text_of(value, how) for value in values), between=", "),
}
