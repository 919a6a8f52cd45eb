"""One transaction for each writing call, or for several together; what a database refuses becomes an error to show.

with transaction(refused):        committed at the end, rolled back when something is raised
with together():                  the same for whatever is written in it, also by calls with their own transaction
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import CircularDependencyError, DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm.exc import FlushError, StaleDataError

from flaskkit.db.models import db
from flaskkit.db.refusals import violated
from flaskkit.errors import Conflicting, Rejected
from flaskkit.texts import say

OPEN = "flaskkit_transaction"


@contextmanager
def together(*, keep: bool = False) -> Iterator[None]:
    """Make everything that is written in this block one transaction, committed when the outermost block ends.

    A block within another is a savepoint: when it raises, only what was written in it is undone. With *keep* the
    objects in the session hold what they held, and are not read again.
    """
    session = db.session()
    if session.info.get(OPEN):
        with session.begin_nested():
            yield
        if not keep:
            session.expire_all()
        return
    expire = session.expire_on_commit
    session.info[OPEN] = True
    try:
        yield
        session.expire_on_commit = expire and not keep
        session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        session.expire_on_commit = expire
        session.info.pop(OPEN, None)


@contextmanager
def transaction(refused: Callable[[DBAPIError], Exception], *, keep: bool = False) -> Iterator[None]:
    """As ``together``, but what the database refuses is raised as something to show: *refused* says what.

    Raises:
        Rejected, Conflicting: the database refused a value, or another request was faster.
    """
    try:
        with together(keep=keep):
            yield
    except Exception as error:
        shown = refusal(error, refused)
        if shown is None:
            raise
        raise shown from error


def refusal(error: Exception, refused: Callable[[DBAPIError], Exception]) -> Exception | None:
    """Return what to show instead of *error*, or None where it is no refusal of the database."""
    if isinstance(error, DBAPIError) and (isinstance(error, IntegrityError) or violated(error)):
        return refused(error)
    if isinstance(error, CircularDependencyError):
        return Rejected({"": [say("A row cannot refer to itself.")]})
    if isinstance(error, StaleDataError):
        return Conflicting({"": [say("Somebody else changed this at the same time.")]})
    if isinstance(error, FlushError) and "NULL identity key" in str(error):
        return Rejected({"": [say("A value is missing.")]})
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(error, DataError) or isinstance(cause, OverflowError | UnicodeError):
        return Rejected({"": [say("A value is too large or of a kind that cannot be stored.")]})
    return None
