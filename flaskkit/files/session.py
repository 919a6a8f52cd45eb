"""Files follow their rows: stored before the row is, gone when the transaction fails or the row goes.

    INSERT, UPDATE            an Upload becomes a File in the storage
    commit                    files that were replaced, removed or lost their row are deleted
    rollback, or no commit    files that were stored are deleted, those before stay

Events of SQLAlchemy's unit of work, so this holds for hand-written code with ``db.session`` too; not for UPDATE and
DELETE as statements, nor where the database deletes rows by itself. ``flask kit sweep-files`` finds what they leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Mapper, Session, SessionTransaction, object_session

from flaskkit.db import db
from flaskkit.errors import Rejected
from flaskkit.files.values import File, FileType, Upload, storage

_NOTES = "flaskkit.files"


@dataclass
class _Note:
    """That *key* is to be deleted: once *stored* only if the transaction fails, else once it is committed."""

    key: str
    stored: bool
    transaction: SessionTransaction | None


def file_attributes(mapper: Mapper[Any]) -> list[str]:
    """Return the names of the attributes of *mapper* that hold files."""
    return [one.key for one in mapper.column_attrs if isinstance(one.columns[0].type, FileType)]


@event.listens_for(Mapper, "mapper_configured")
def _follow(mapper: Mapper[Any], model: type) -> None:
    if file_attributes(mapper):
        event.listen(model, "before_insert", _store)
        event.listen(model, "before_update", _store)
        event.listen(model, "before_delete", _leave)


def _store(mapper: Mapper[Any], connection: Any, item: Any) -> None:
    for name in file_attributes(mapper):
        history = inspect(item).attrs[name].history
        if not history.added:
            continue
        value = history.added[0]
        before = history.deleted[0] if history.deleted else _in_database(mapper, connection, item, name)
        if isinstance(value, File) and value != before:
            stored = _stored(mapper, name, value)
            _note(item, stored.key, stored=True)
            setattr(item, name, stored)
        if isinstance(before, File) and value != before:
            _note(item, before.key, stored=False)


def _stored(mapper: Mapper[Any], name: str, value: File) -> File:
    kind: Any = mapper.columns[name].type
    if not isinstance(value, Upload):
        # The file of another row: each has its own, since each deletes its own.
        with value.open() as stream:
            return _checked(kind, name, stream, value.name).stored()
    return _checked(kind, name, value.stream, value.name).stored()


def _checked(kind: FileType, name: str, stream: Any, called: str) -> Upload:
    try:
        return kind.take(stream, called)
    except ValueError as error:
        raise Rejected({name: list(error.args)}) from error


def _in_database(mapper: Mapper[Any], connection: Any, item: Any, name: str) -> Any:
    """Return what the row holds where the attribute was set without being read before."""
    if not inspect(item).has_identity:
        return None
    key = mapper.primary_key_from_instance(item)
    same = [column == value for column, value in zip(mapper.primary_key, key, strict=True)]
    return connection.scalar(select(mapper.columns[name]).where(*same))


def _leave(mapper: Mapper[Any], connection: Any, item: Any) -> None:
    for name in file_attributes(mapper):
        history = inspect(item).attrs[name].history
        before = [*history.deleted, *history.unchanged]
        value = before[0] if before else _in_database(mapper, connection, item, name)
        if isinstance(value, File):
            _note(item, value.key, stored=False)


def _note(item: Any, key: str, *, stored: bool) -> None:
    session: Any = object_session(item)
    transaction = session.get_nested_transaction()
    session.info.setdefault(_NOTES, []).append(_Note(key, stored, transaction))


@event.listens_for(db.session, "after_commit")
def _committed(session: Session) -> None:
    # The end of a savepoint is no commit.
    if not session.in_nested_transaction():
        _delete(note.key for note in session.info.pop(_NOTES, ()) if not note.stored)


@event.listens_for(db.session, "after_soft_rollback")
def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    if _NOTES in session.info and transaction.nested:
        notes = session.info[_NOTES]
        undone = [note for note in notes if transaction in _around(note.transaction)]
        session.info[_NOTES] = [note for note in notes if note not in undone]
        _delete(note.key for note in undone if note.stored)


@event.listens_for(db.session, "after_transaction_end")
def _ended(session: Session, transaction: SessionTransaction) -> None:
    # What was committed left no notes; a session may also be closed without a word.
    if _NOTES in session.info and transaction.parent is None:
        _delete(note.key for note in session.info.pop(_NOTES) if note.stored)


def _around(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent


def _delete(keys: Iterator[str]) -> None:
    for key in keys:
        try:
            storage().delete(key)
        except Exception:
            # The transaction is over; `flask kit sweep-files` tries again.
            current_app.logger.exception("File %s cannot be deleted from the storage.", key)
