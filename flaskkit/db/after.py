"""What waits for the commit, and is never done after a rollback.

    after_commit(call)      at once where the session has written nothing; else after its commit

A call that was asked for within a savepoint goes with the savepoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from flaskkit.db.guards import UNSAVED
from flaskkit.db.models import db
from flaskkit.db.transactions import OPEN

Call = Callable[[], None]

# In the info of a session: calls with the savepoint they belong to; then those whose transaction is committed.
_WAITING = "flaskkit.after_commit"
_DUE = "flaskkit.after_commit.due"


def after_commit(call: Call) -> None:
    """Call *call* once what the session has written so far is committed; never if it is not.

    What it raises is logged: the commit is done, and nobody can take it back.
    """
    session = db.session()
    if not is_writing(session):
        _made(call)
        return
    waiting = session.info.setdefault(_WAITING, [])
    entry = (call, session.get_nested_transaction())
    if entry not in waiting:
        waiting.append(entry)


def is_writing(session: Session) -> bool:
    """Return whether the transaction of *session* has something to commit, or is a block that ends with a commit."""
    return bool(
        session.info.get(OPEN)
        or session.info.get(UNSAVED)
        or session.in_nested_transaction()
        or session.new
        or session.dirty
        or session.deleted
    )


def _made(call: Call) -> None:
    try:
        call()
    except Exception:
        current_app.logger.exception("Something that waited for a commit failed.")


@event.listens_for(db.session, "after_commit")
def _committed(session: Session) -> None:
    # The end of a savepoint is no commit.
    if _WAITING in session.info and not session.in_nested_transaction():
        session.info[_DUE] = session.info.pop(_WAITING)


@event.listens_for(db.session, "after_soft_rollback")
def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    if _WAITING in session.info and transaction.nested:
        waiting = session.info[_WAITING]
        session.info[_WAITING] = [entry for entry in waiting if transaction not in _around(entry[1])]


@event.listens_for(db.session, "after_transaction_end")
def _ended(session: Session, transaction: SessionTransaction) -> None:
    # By now its connection is back in the pool, so calls may use the database.
    if transaction.parent is None:
        session.info.pop(_WAITING, None)
        for call, _ in session.info.pop(_DUE, ()):
            _made(call)


def _around(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent
