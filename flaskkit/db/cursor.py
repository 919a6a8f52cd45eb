"""Cursors: where a list is read on, as text that only this app can make.

    text = write(notes, ["-rating"], (4, 17))      for the client, to be sent back as it is
    read(notes, ["-rating"], text)                 (4, 17), or BadCursor

Signed with the app's secret key and bound to the resource and its order; keys in SECRET_KEY_FALLBACKS are accepted.
It is not encrypted: it holds the values of the columns by which the client sorts.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from flaskkit.db.order import Term, terms_of
from flaskkit.resource import Resource

# SQLite has no decimal numbers; of types made by the app nobody says what they hold.
_KINDS: dict[type, tuple[type, ...]] = {Decimal: (Decimal, float, int), object: (str, int, float)}


class BadCursor(ValueError):
    """There is no such cursor of that list in that order."""


def write(resource: Resource, sorts: Sequence[str], position: Sequence[Any]) -> str:
    """Return the cursor of the row with the values *position* in a list sorted by *sorts*.

    Raises:
        BadCursor: a column of a type made by the app holds what cannot stand in a cursor.
    """
    terms = terms_of(resource, sorts)
    for value, term in zip(position, terms, strict=True):
        if value is not None and not isinstance(value, _KINDS.get(term.type, term.type)):
            raise BadCursor(f"A list sorted by {term.name.removeprefix('-')} cannot be read on.")
    values = [str(value) if isinstance(value, Decimal) else msgspec.to_builtins(value) for value in position]
    return str(_serializer(resource, terms).dumps(values))


def read(resource: Resource, sorts: Sequence[str], text: str) -> tuple[Any, ...]:
    """Return the values of the row that the cursor *text* stands for; none for an empty one, where a list begins.

    Raises:
        BadCursor: it was made elsewhere, for another list or order, or is damaged.
    """
    if not text:
        return ()
    terms = terms_of(resource, sorts)
    try:
        values = _serializer(resource, terms).loads(text)
        return tuple(
            None if value is None else msgspec.convert(value, term.type)
            for value, term in zip(values, terms, strict=True)
        )
    except (BadData, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor("Not a cursor of this list in this order.") from error


def _serializer(resource: Resource, terms: Sequence[Term]) -> URLSafeSerializer:
    config = current_app.config
    order = " ".join(f"{term.name}:{term.type.__name__}" for term in terms)
    # From the oldest to the newest, which signs.
    keys = [*reversed(config["SECRET_KEY_FALLBACKS"] or ()), config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt=f"flaskkit.after {resource.name} {order}")
