"""Log: what an app writes down of which models, and how that is read again.

log = current_app.extensions["flaskkit.history"]
log.recent(10)                the newest changes of all rows
log.of(Note, "7")             those of one row
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from flask import has_request_context, request
from sqlalchemy import select

from flaskkit.db import db
from flaskkit.history import recording, values
from flaskkit.history.models import KEY_LENGTH, Change
from flaskkit.resource.fields import Field

ACTIONS = frozenset({"create", "update", "delete"})


class Log:
    """The history of one app. With *only_admin*, of what is done in the admin."""

    def __init__(self, *, only_admin: bool = False) -> None:
        self._only_admin = only_admin
        self._watched: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()
        self._secrets: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()

    def watch(self, model: Any, *, secrets: Iterable[str] = (), actions: Iterable[str] = ACTIONS) -> None:
        """Write down what *actions* do to rows of *model*. *secrets* are masked, and what is called so."""
        columns = {one.key: one.columns[0] for one in model.__mapper__.column_attrs}
        called = {name for name, column in columns.items() if values.is_secret(name, getattr(column, "info", {}))}
        self._secrets[model] = self._secrets.get(model, frozenset()) | called | {*secrets}
        self._watched[model] = self._watched.get(model, frozenset()) | frozenset(actions)
        recording.listen(model)

    def watches(self, model: Any, action: str) -> bool:
        """Return whether what *action* does to a row of *model* is written down now."""
        if self._only_admin and not (has_request_context() and (request.blueprint or "").startswith("admin.")):
            return False
        return any(action in self._watched.get(base, ()) for base in model.__mro__)

    def secrets(self, model: Any) -> frozenset[str]:
        """Return the attributes of *model* whose values are not written down."""
        return frozenset(name for base in model.__mro__ for name in self._secrets.get(base, ()))

    def recent(self, count: int) -> Sequence[Change]:
        """Return the newest *count* changes, the newest first."""
        return db.session.scalars(select(Change).order_by(Change.id.desc()).limit(count)).all()

    def of(self, model: Any, key: str, *, count: int = 100) -> Sequence[Change]:
        """Return the newest changes of the row of *model* whose key stands as *key* in URLs."""
        wanted = select(Change).where(Change.table_name == model.__table__.name, Change.key == key[:KEY_LENGTH])
        return db.session.scalars(wanted.order_by(Change.id.desc()).limit(count)).all()

    def value(self, field: Field, written: Any) -> Any:
        """Return the value of *field* that is *written* in a change."""
        return values.read(field, written)

    def before(self, change: Change, known: Mapping[str, Field]) -> dict[str, Any]:
        """Return the values from before *change* of those fields in *known* whose values are in it."""
        left_out = {name for name, field in known.items() if field.file is not None}
        return {
            name: values.read(known[name], value)
            for name, value in change.before.items()
            if name in known and name not in left_out
        }
