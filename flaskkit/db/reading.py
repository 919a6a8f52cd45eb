"""Reading alone: one statement with a connection of its own, where a session's transaction would add nothing but work.

    rows = rows_of(statement, Note, {"key": 7})               with reading_objects(User):
                                                                  user = db.session.scalars(statement).one()

A session begins a transaction and ends it, and asks listeners; for columns of one row that is most of the work, and
on PostgreSQL each end is a round trip. All of this is left to the session as soon as it may matter: something is
pending, a transaction has begun, or the app listens. It may set there who is asking, for row level security, or add
criteria.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flaskkit.db.listeners import Events
from flaskkit.db.models import db
from flaskkit.db.prepared import Prepared

READING = ("do_orm_execute", "after_begin", "after_transaction_create", "after_transaction_end")
AT_THE_END = ("before_commit", "after_commit")
_READING, _ALL = Events(*READING), Events(*READING, *AT_THE_END)
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}


def rows_of(statement: Any, model: Any, parameters: Mapping[str, Any], *, alone: bool = True) -> Sequence[Any]:
    """Return the rows of *statement*, a SELECT of columns of *model* or a ``Prepared`` one.

    Not *alone*, it is sent by the session.
    """
    engine = engine_alone(current_session(), model, _READING) if alone else None
    prepared, select = (statement, statement.statement) if isinstance(statement, Prepared) else (None, statement)
    if engine is None:
        return db.session().execute(select, parameters).all()
    found = prepared.rows(engine, parameters) if prepared else None
    if found is not None:
        return found
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(**AUTOCOMMIT)
        return connection.execute(select, parameters).all()


@contextmanager
def reading_objects(model: Any) -> Iterator[None]:
    """End the session's transaction with the block, which only reads rows of *model*; they stay as they were read."""
    session = db.session()
    engine = engine_alone(session, model, _ALL)
    # Elsewhere the end costs more than it spares.
    if engine is None or engine.dialect.name not in ("postgresql", "sqlite"):
        yield
        return
    options = AUTOCOMMIT if engine.dialect.name == "postgresql" else {}
    session.connection(bind_arguments={"mapper": model.__mapper__}, execution_options=options)
    yield
    expires = session.expire_on_commit
    session.expire_on_commit = False
    try:
        session.commit()
    finally:
        session.expire_on_commit = expires


class _Unused:
    """A session that is only asked what a new one would say, by how new ones are made."""

    kept: tuple[Any, Mapping[str, Any], Session | None] = (None, {}, None)


def current_session() -> Session:
    """Return the session of this context; where it has none yet, one like it, to be asked but not used.

    To make and put away a session is a twentieth of a request that reads one row.
    """
    if db.session.registry.has():
        return db.session()
    factory: Any = db.session.session_factory
    made_by, options, session = _Unused.kept
    if session is None or made_by is not factory or options != factory.kw:
        session = factory()
        _Unused.kept = factory, dict(factory.kw), session
    return session


def engine_alone(session: Session, model: Any, events: Events, harmless: Container[str] | None = None) -> Engine | None:
    """Return the engine for *model*, or None where *session* has something to do with what is read or stored.

    It has where *events* are heard, but for listeners in the *harmless* modules: without them, ours.
    """
    unused = session is _Unused.kept[2]
    if not unused and (session.in_transaction() or session.new or session.dirty or session.deleted):
        return None
    bind = session.get_bind(model.__mapper__)
    if not isinstance(bind, Engine) or bind.dispatch.begin or events.heard(session.dispatch, harmless):
        return None
    return bind
