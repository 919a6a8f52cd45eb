"""What sessions and tokens share: a secret that somebody sends, whose hash stands in a row beside its user.

new_secret()           256 random bits, as text            digest(secret)    what is stored of it
by_digest(stored, …)   the statement: user, their rights and columns of the row, in one query
note_use(…)            when it was last used, written at most every few minutes
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import current_app
from sqlalchemy import Engine, bindparam, or_, update
from sqlalchemy.exc import DBAPIError

from flaskkit.auth.models import rights_of
from flaskkit.db import db
from flaskkit.db.objects import OneObject

# How old "last seen" and "last used" may be.
EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Found:
    """Whose a secret is. *key* is that of its row, None before it is stored; *scopes* None is all that the user may."""

    user: Any
    key: int | None
    scopes: frozenset[str] | None = None
    confirmed_at: datetime | None = None
    remembered: bool = False


def new_secret() -> str:
    """Return 256 random bits as text for a cookie or a header."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the SHA-256 of *secret*, in hexadecimal. It is random enough that a slow hash would add nothing."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def by_digest(model: Any, stored: Any, columns: Sequence[str]) -> OneObject:
    """Return the statement that finds a user of *model*, their rights, and *columns* of *stored*, by "digest"."""
    beside = [rights_of(model), *(getattr(stored, name) for name in columns)]
    return OneObject(
        model,
        beside,
        lambda users: users.join(stored, stored.user_id == model.id).where(stored.digest == bindparam("digest")),
    )


def note_use(stored: Any, key: int, name: str, moment: datetime, every: timedelta = EVERY) -> None:
    """Write *moment* into column *name* of the row, unless another request has just done so.

    That is a transaction of its own, before the request has one; within one, and where it cannot be had, it is left
    to the next request.
    """
    session = db.session()
    engine = session.get_bind(stored.__mapper__)
    if session.in_transaction() or not isinstance(engine, Engine):
        return
    table = stored.__table__
    due = or_(table.c[name].is_(None), table.c[name] <= moment - every)
    try:
        with engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == key, due).values({name: moment}))
    except DBAPIError as error:
        current_app.logger.warning("Nothing was noted in %s: %s", table.name, type(error).__name__)
