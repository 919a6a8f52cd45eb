"""Writes changes down as SQLAlchemy sends them to the database, in the same transaction: both happen or neither.

    after_insert, after_update, after_delete     which rows
    after_flush                                  what of them changed, by one statement for all

So it is about whatever goes through ``db.session``, on every face and in code written by hand; not about UPDATE and
DELETE as statements, nor about rows that the database deletes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, has_app_context, has_request_context, request
from sqlalchemy import ClauseElement, event, insert, inspect, select
from sqlalchemy.orm import Mapper, Session, object_session

from flaskkit.access import caller
from flaskkit.db import db
from flaskkit.db.keys import url_key, url_key_of
from flaskkit.db.models import now
from flaskkit.history.models import KEY_LENGTH, Change
from flaskkit.history.values import MOST_BYTES, written

_NOTES = "flaskkit.history"


@dataclass
class _Notes:
    """What one flush does: who asked for it, the rows, and values that were overwritten without being read."""

    facts: dict[str, Any]
    rows: list[tuple[str, Any]] = field(default_factory=list)
    unread: dict[int, dict[str, Any]] = field(default_factory=dict)


def listen(model: Any) -> None:
    """Note from now on what is sent to the database about rows of *model*, in apps that ask for it."""
    for name, listener in _LISTENERS.items():
        if not event.contains(model, name, listener):
            event.listen(model, name, listener, propagate=True)


def _log() -> Any:
    return current_app.extensions.get("flaskkit.history") if has_app_context() else None


@event.listens_for(db.session, "before_flush")
def _begin(session: Session, _context: Any, _instances: Any) -> None:
    session.info.pop(_NOTES, None)
    log = _log()
    if log is None:
        return
    touched = {type(item) for item in (*session.new, *session.dirty, *session.deleted)}
    if any(log.watches(model, action) for model in touched for action in ("create", "update", "delete")):
        # Who it is may have to be read, which nobody may do while rows are sent.
        session.info[_NOTES] = _Notes(_facts())


def _facts() -> dict[str, Any]:
    user = caller().user
    facts = {"at": now(), "by": "", "by_name": "", "address": "", "endpoint": ""}
    if user is not None:
        known = inspect(user, raiseerr=False)
        identity = getattr(known, "identity", None) or [getattr(user, "id", "")]
        facts["by"] = url_key_of(list(identity))[:64]
        facts["by_name"] = str(getattr(user, "email", "") or user)[:255]
    if has_request_context():
        facts["address"] = (request.remote_addr or "")[:45]
        facts["endpoint"] = (request.endpoint or "")[:255]
    return facts


def _created(_mapper: Mapper[Any], _connection: Any, item: Any) -> None:
    _note("create", item)


def _updated(_mapper: Mapper[Any], _connection: Any, item: Any) -> None:
    _note("update", item)


def _deleted(_mapper: Mapper[Any], _connection: Any, item: Any) -> None:
    _note("delete", item)


def _note(action: str, item: Any) -> None:
    session: Any = object_session(item)
    notes = session.info.get(_NOTES) if session is not None else None
    if notes is not None and _log().watches(type(item), action):
        notes.rows.append((action, item))


def _read_overwritten(mapper: Mapper[Any], connection: Any, item: Any) -> None:
    """Read what attributes held that are computed now, or set without being read before: afterwards it is gone."""
    histories = {name: inspect(item).attrs[name].history for name in _columns(mapper)}
    names = [
        name
        for name, history in histories.items()
        if history.added and (not history.deleted or isinstance(history.added[0], ClauseElement))
    ]
    _read(mapper, connection, item, names)


def _read_unloaded(mapper: Mapper[Any], connection: Any, item: Any) -> None:
    _read(mapper, connection, item, [name for name in _columns(mapper) if name not in inspect(item).dict])


def _read(mapper: Mapper[Any], connection: Any, item: Any, names: list[str]) -> None:
    session: Any = object_session(item)
    notes = session.info.get(_NOTES) if session is not None else None
    state = inspect(item)
    if notes is not None and names and state.has_identity:
        same = [column == value for column, value in zip(mapper.primary_key, state.identity, strict=True)]
        row = connection.execute(select(*(mapper.columns[name] for name in names)).where(*same)).first()
        notes.unread[id(item)] = dict(zip(names, row or (), strict=False))


_LISTENERS = {
    "before_update": _read_overwritten,
    "before_delete": _read_unloaded,
    "after_insert": _created,
    "after_update": _updated,
    "after_delete": _deleted,
}


@event.listens_for(db.session, "after_flush")
def _write(session: Session, _context: Any) -> None:
    notes: _Notes | None = session.info.pop(_NOTES, None)
    if notes is None or not notes.rows:
        return
    lines = [line for action, item in notes.rows if (line := _line(action, item, notes)) is not None]
    if lines:
        table: Any = Change.__table__
        session.connection(bind_arguments={"mapper": inspect(Change)}).execute(insert(table), lines)


def _line(action: str, item: Any, notes: _Notes) -> dict[str, Any] | None:
    """Return what to write down of *item*; None where nothing changed."""
    mapper = inspect(type(item))
    before, after = _values(action, item, mapper, notes.unread.get(id(item), {}))
    if action == "update" and not after:
        return None
    secrets = _log().secrets(type(item))
    masked = sorted(name for name in secrets if before.get(name) is not None or after.get(name) is not None)
    shown = [
        {name: written(value) for name, value in values.items() if name not in secrets and not _is_too_large(value)}
        for values in (before, after)
    ]
    return {
        **notes.facts,
        "action": action,
        "table_name": mapper.local_table.name,
        "key": url_key(item)[:KEY_LENGTH],
        "before": shown[0],
        "after": shown[1],
        "masked": masked,
    }


def _values(
    action: str, item: Any, mapper: Mapper[Any], unread: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what *item* held before and holds now: all of it, or of an update what changed."""
    state = inspect(item)
    known = state.dict
    if action != "update":
        whole = {name: known.get(name, unread.get(name)) for name in _columns(mapper)}
        whole |= {name: _keys(known[name]) for name in _links(mapper) if known.get(name)}
        return ({}, whole) if action == "create" else (_as_stored(state, whole), {})
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in _columns(mapper):
        history = state.attrs[name].history
        if not history.has_changes() and name not in unread:
            continue
        old = unread[name] if name in unread else next(iter(history.deleted), None)
        # A computed value is expired now, and read here.
        new = getattr(item, name)
        if old != new or type(old) is not type(new):
            before[name], after[name] = old, new
    for name in _links(mapper):
        history = state.attrs[name].history
        if history.added or history.deleted:
            before[name] = _keys([*history.unchanged, *history.deleted])
            after[name] = _keys([*history.unchanged, *history.added])
    return before, after


def _as_stored(state: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* of a row that is deleted, as they were before somebody changed them without storing that."""
    changed = {name: state.attrs[name].history.deleted for name in values}
    return values | {name: old[0] for name, old in changed.items() if old and name in state.mapper.columns}


def _columns(mapper: Mapper[Any]) -> Iterator[str]:
    return (one.key for one in mapper.column_attrs if hasattr(one.columns[0], "nullable"))


def _links(mapper: Mapper[Any]) -> Iterator[str]:
    """Return the relationships whose rows stand in a table of links: no row of its own tells of these."""
    return (one.key for one in mapper.relationships if one.secondary is not None and not one.viewonly)


def _keys(items: Any) -> list[Any]:
    keys = [inspect(item).identity or inspect(item).mapper.primary_key_from_instance(item) for item in items]
    return sorted((written(key[0]) for key in keys if len(key) == 1), key=str)


def _is_too_large(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) > MOST_BYTES
