"""Many rows in one transaction: all or nothing, each under the policies and with the hooks of a single one.

    create(notes, [{"rating": 5}, {"rating": 4}])
    update(notes, [(7, {"rating": 4}), (8, {"rating": 3})])
    delete(notes, [7, 8])

Errors say at which position, counted from 0: ``Rejected.errors`` is ``{"3": {"rating": ["…"]}}``. Rows are sent to the
database together. It does not say which of them it refused; then each is tried alone, and hooks are called again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, NotFound

from flaskkit.access import require
from flaskkit.db import hooks, rows
from flaskkit.db.models import db
from flaskkit.db.refusals import delete_refused, write_refused
from flaskkit.db.transactions import refusal, together, transaction
from flaskkit.errors import Conflicting, Rejected
from flaskkit.resource import Resource
from flaskkit.texts import say

Values = Mapping[str, Any]
Refused = Callable[[DBAPIError], Exception]


def create(resource: Resource, bodies: Sequence[Values], *, keep: bool = False) -> list[Any]:
    """Store a new row for each of *bodies* and return them. *keep* is as in ``rows.create``.

    Raises:
        LoginRequired, Forbidden, Rejected, Conflicting: as in ``rows.create``, with the position.
    """
    require(resource.policy("create"))
    refused = _write_refused(resource)
    _require_keys_once(resource, bodies)

    def attempt(alone: bool) -> list[Any]:
        found = _resolved(resource, bodies)
        items = []
        for i, values in enumerate(found):
            with at(i, refused, alone=alone):
                items.append(rows.new(resource, values))
        _after(resource, "create", items, found, refused, alone=alone)
        return items

    return _whole(attempt, refused, keep=keep)


def update(resource: Resource, changes: Sequence[tuple[Any, Values]], *, keep: bool = False) -> list[Any]:
    """Change the row with each of the keys, which are values of the key's type, and return the rows in that order.

    Raises:
        NotFound, LoginRequired, Forbidden, Rejected, Conflicting: as in ``rows.update``, with the position.
    """
    refused = _write_refused(resource)

    def attempt(alone: bool) -> list[Any]:
        names = dict.fromkeys(name for _, values in changes for name in values)
        items = _found(resource, [key for key, _ in changes], "update", names)
        found = _resolved(resource, [values for _, values in changes])
        for i, (item, values) in enumerate(zip(items, found, strict=True)):
            with at(i, refused, alone=alone):
                rows.change(resource, item, values)
        _after(resource, "update", items, found, refused, alone=alone)
        return items

    return _whole(attempt, refused, keep=keep)


def delete(resource: Resource, keys: Sequence[Any]) -> None:
    """Delete the rows with these *keys*, which are values of the key's type.

    Raises:
        NotFound, LoginRequired, Forbidden, Conflicting: as in ``rows.delete``, with the position.
    """

    def attempt(alone: bool) -> list[Any]:
        items = _found(resource, keys, "delete")
        for i, item in enumerate(items):
            with at(i, delete_refused, alone=alone):
                hooks.delete(resource, item)
        _after(resource, "delete", items, [{}] * len(items), delete_refused, alone=alone)
        return items

    _whole(attempt, delete_refused)


@contextmanager
def at(position: int, refused: Refused, *, alone: bool = False) -> Iterator[None]:
    """Add *position* to each error raised in the block; *alone* sends what it did to the database at its end."""
    try:
        yield
        if alone:
            db.session.flush()
    except Exception as error:
        shown = refusal(error, refused) if alone else error
        if isinstance(shown, Rejected):
            errors = {name or "_schema": messages for name, messages in shown.errors.items()}
            raise type(shown)({str(position): errors}, shown.description) from error
        if isinstance(error, HTTPException):
            error.data = {"errors": {position: {"_schema": [error.description]}}}  # type: ignore[attr-defined]
        raise


def _whole(attempt: Callable[[bool], list[Any]], refused: Refused, *, keep: bool = False) -> list[Any]:
    try:
        with together(keep=keep):
            return attempt(False)
    except HTTPException:
        raise
    except Exception as error:
        if refusal(error, refused) is None:
            raise
    with transaction(refused, keep=keep):
        return attempt(True)


def _require_keys_once(resource: Resource, bodies: Sequence[Values]) -> None:
    # The session could not hold two rows with one key.
    name = resource.key.name
    seen: set[Any] = set()
    for i, values in enumerate(bodies):
        if name in values and values[name] in seen:
            raise Conflicting({str(i): {name: [say("This key is given twice.")]}})
        seen.add(values.get(name))


def _found(resource: Resource, keys: Sequence[Any], action: str, names: Iterable[str] = ()) -> list[Any]:
    found = rows.locked(resource, keys, names)
    items = []
    for i, key in enumerate(keys):
        with at(i, delete_refused):
            if key not in found:
                raise NotFound(say("There is no such row."))
            require(resource.policy(action), found[key])
            items.append(found[key])
    return items


def _resolved(resource: Resource, bodies: Sequence[Values]) -> list[dict[str, Any]]:
    """Return *bodies* with rows in place of the keys of relationships; one query for each of these."""
    wanted: dict[str, dict[Any, None]] = {}
    for name, value in ((name, value) for values in bodies for name, value in values.items()):
        field = resource.known[name]
        if field.target is not None and not field.owned and value is not None:
            wanted.setdefault(name, {}).update(dict.fromkeys(value if field.many else [value]))
    known = {name: rows.referred(resource.known[name], keys) for name, keys in wanted.items()}
    found = []
    for i, values in enumerate(bodies):
        with at(i, delete_refused):
            found.append(rows.resolved(resource, values, known))
    return found


def _after(
    resource: Resource, action: str, items: Sequence[Any], values: Sequence[Values], refused: Refused, *, alone: bool
) -> None:
    for i, (item, sent) in enumerate(zip(items, values, strict=True)):
        with at(i, refused, alone=alone):
            hooks.after(resource, action, item, sent)


def _write_refused(resource: Resource) -> Refused:
    return lambda error: write_refused(resource, error)
