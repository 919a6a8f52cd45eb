"""What happens around requests: 503 while the database is away, a word about changes nobody committed."""

from __future__ import annotations

import warnings
from typing import Any

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import TextClause, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import ServiceUnavailable

from flaskkit.db.engine import READS
from flaskkit.db.models import db

RETRY_AFTER = 5
UNSAVED = "flaskkit_unsaved"

# What drivers say when the database, a connection or a lock cannot be had now, but may be later:
# SQLSTATE of PostgreSQL (appendix A of its manual), error numbers of MariaDB, a text of SQLite.
_LATER: frozenset[str] = frozenset(
    {"53300", "55P03", "57014", "57P01", "57P02", "57P03", "40001", "40P01"}
    | {"1040", "1205", "1213", "1927", "1969", "2002", "2003", "2006", "2013", "4031"}
    | {"SQLITE_BUSY", "SQLITE_LOCKED"}
)


class UncommittedChanges(UserWarning):
    """A request ended with changes in the session that nobody committed; they are lost."""


def answer_outages(app: Flask) -> None:
    """Answer 503 with ``Retry-After`` while the database cannot be reached; other errors stay what they are."""
    for kind in (OperationalError, InterfaceError, TimeoutError):
        app.register_error_handler(kind, _away)


def is_outage(error: BaseException) -> bool:
    """Return whether *error* says that the database, a connection or a lock cannot be had just now."""
    if isinstance(error, TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    original: Any = error.orig
    first = original.args[0] if original is not None and original.args else ""
    codes = {
        str(code) for code in (getattr(original, "sqlstate", ""), getattr(original, "sqlite_errorname", ""), first)
    }
    # No statement: the connection itself could not be made.
    return error.connection_invalidated or bool(codes & _LATER) or (error.statement is None and not _misspelt(original))


def _misspelt(original: Any) -> bool:
    return getattr(original, "sqlite_errorname", "") == "SQLITE_CANTOPEN"


def _away(error: Exception) -> ResponseReturnValue:
    if not is_outage(error):
        raise error
    db.session.rollback()
    current_app.logger.error("Database %s cannot be used: %s", db.engine.url.render_as_string(), type(error).__name__)
    answer = ServiceUnavailable("The database cannot be reached just now. Please try again.", retry_after=RETRY_AFTER)
    shown: ResponseReturnValue = current_app.extensions["flaskkit"].show_error(answer)
    return shown


def report_unsaved(app: Flask) -> None:
    """Warn when a successful request ends with changes that were not committed."""
    app.after_request(_look_for_unsaved)


def _look_for_unsaved(response: Response) -> Response:
    if response.status_code >= 400 or not db.session.registry.has():
        return response
    session = db.session()
    changed = [*session.new, *session.dirty, *session.deleted]
    if changed or session.info.get(UNSAVED):
        what = f" ({', '.join(sorted({type(item).__name__ for item in changed}))})" if changed else ""
        text = (
            f"{request.method} {request.path} ended with changes{what} that nobody committed. Call db.session.commit()."
        )
        warnings.warn(text, UncommittedChanges, stacklevel=2)
    return response


@event.listens_for(db.session, "after_flush")
def _flushed(session: Any, _context: Any) -> None:
    session.info[UNSAVED] = True


@event.listens_for(db.session, "do_orm_execute")
def _executed(state: Any) -> None:
    statement = state.statement
    written = isinstance(statement, TextClause) and not statement.text.lstrip().upper().startswith(READS)
    if state.is_insert or state.is_update or state.is_delete or written:
        state.session.info[UNSAVED] = True


@event.listens_for(db.session, "after_commit")
@event.listens_for(db.session, "after_rollback")
def _settled(session: Any) -> None:
    # After the end of a savepoint the rest of the transaction is still to be committed.
    if not session.in_nested_transaction():
        session.info.pop(UNSAVED, None)
