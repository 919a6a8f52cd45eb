"""Values as they are written down: JSON, from which those of a field can be made again.

written(Decimal("2.50"))      "2.50"
read(field, "2.50")           Decimal("2.50")
is_secret(name, info)         whether a column is never written down, by what it is called
"""

from __future__ import annotations

import enum
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flaskkit.resource.fields import Field

_SECRET = re.compile(
    r"passw|passphrase|secret|token|digest|hash|credential|(^|_)(otp|totp|pin|salt|cvv|cvc)($|_)"
    r"|(api|private|access|signing|encryption|recovery)_?(key|code)"
)
# Larger ones would make the log larger than what it is about.
MOST_BYTES = 4096


def is_secret(name: str, info: Mapping[str, Any]) -> bool:
    """Return whether the column *name* holds something that nobody may read in a log.

    That is what its ``info`` says, ``{"secret": True}`` or ``{"input": "password"}``, and else its name.
    """
    said = info.get("secret")
    return bool(_SECRET.search(name.lower()) or info.get("input") == "password") if said is None else bool(said)


def written(value: Any) -> Any:
    """Return *value* as JSON has it; of a file its name."""
    for kind, write in _WRITTEN.items():
        if isinstance(value, kind):
            return write(value)
    return value if isinstance(value, str | int | float | dict | list | None) else str(getattr(value, "name", value))


def read(field: Field, value: Any) -> Any:
    """Return the value of *field* that was ``written`` as *value*."""
    if value is None or field.many:
        return [_read_one(field, one) for one in value] if field.many and value else value
    return _read_one(field, value)


def _read_one(field: Field, value: Any) -> Any:
    if issubclass(field.type, enum.Enum):
        return field.type.__members__.get(value)
    return _READ[field.type](value) if field.type in _READ else value


_WRITTEN: dict[type, Callable[[Any], Any]] = {
    enum.Enum: lambda value: value.name,
    bool: bool,
    datetime: lambda value: value.isoformat(),
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    timedelta: lambda value: value.total_seconds(),
    Decimal: lambda value: format(value, "f"),
    UUID: str,
    bytes: lambda value: b64encode(value).decode() if len(value) <= MOST_BYTES else f"{len(value)} bytes",
}
_READ: dict[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: lambda value: timedelta(seconds=value),
    Decimal: Decimal,
    UUID: UUID,
    bytes: b64decode,
}
