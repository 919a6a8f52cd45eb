"""Keys of rows as they stand in URLs.

    url_key(order)            "7"      a number or a UUID as it is
                              "7,EUR"  the parts of a key of several columns
                              "a%2Fb"  a text, with what means something else in a path percent-encoded
    parts_of("7,EUR", 2)      ("7", "EUR")
    value_in("2030-12-31", date)

The URL itself encodes that once more: ``/ports/a%252Fb``. Servers decode a path before it is routed, so that "%2F"
alone would be a slash.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import unquote
from uuid import UUID

# Other things are at these addresses.
_TAKEN = (".", "..", "new", "delete", "export.csv", "choices", "import", "do", "bulk")


def url_key(item: Any) -> str:
    """Return what stands for *item* in the URL of its page and of its REST operations."""
    mapper = type(item).__mapper__
    return url_key_of([getattr(item, mapper.get_property_by_column(column).key) for column in mapper.primary_key])


def url_key_of(values: Sequence[Any]) -> str:
    """Return what stands in URLs for the row whose key consists of *values*."""
    texts = [re.sub("[/%]" if len(values) == 1 else "[/%,]", _encoded, _text(value)) for value in values]
    text = ",".join(texts)
    return f"%{ord(text[0]):02X}{text[1:]}" if text in _TAKEN else text


def parts_of(key: Any, count: int) -> tuple[Any, ...]:
    """Return the *count* parts of *key*, a text in a URL or the values themselves; () where it has more or fewer."""
    if isinstance(key, str):
        parts = tuple(unquote(text) for text in (key.split(",") if count > 1 else [key]))
    else:
        parts = key if isinstance(key, tuple) else (key,)
    return parts if len(parts) == count else ()


def value_in(text: str, kind: type) -> Any:
    """Return the value of *kind*, a day or an enum, that is written as *text*, or None."""
    if issubclass(kind, enum.Enum):
        return kind.__members__.get(text)
    if kind is date and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    return None


def parsed(kind: Any, key: Any) -> Any:
    """Return *key* as a value that a column of that *kind* can be compared with, or None where it cannot be one."""
    wanted = kind.python_type
    if isinstance(key, str):
        # NUL and lone surrogates are no text to any database.
        if "\x00" in key or not key.isprintable() or key.encode("utf-8", "ignore").decode() != key:
            return None
        if wanted is int:
            key = int(key) if re.fullmatch(r"-?[0-9]{1,18}", key) else None
        elif wanted is UUID:
            key = UUID(key) if re.fullmatch(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}", key) else None
        elif wanted is not str:
            key = value_in(key, wanted)
    if isinstance(key, bool) or not isinstance(key, wanted):
        return None
    return None if isinstance(key, int) and not -(2**63) <= key < 2**63 else key


def _text(value: Any) -> str:
    return value.name if isinstance(value, enum.Enum) else str(value)


def _encoded(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
