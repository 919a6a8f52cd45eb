"""Sessions as rows: where a user is logged in, and until when.

start(user, …)    a new row, and the id that the browser holds      find(id)    whose it is: one query, with rights
renew(id, user)   a new id for the row                              end(id)     no longer
of_user(user)     the rows that count                               end_one(user, key), end_all(user, but=key)
prune()           remove what counts no more

What is stored of an id is a hash. A password change ends sessions by itself: see ``UserMixin.get_id``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app, request
from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from flaskkit.auth.accounts import user_model
from flaskkit.auth.events import tell
from flaskkit.auth.lookup import EVERY, Found, by_digest, digest, new_secret, note_use
from flaskkit.auth.models import DEVICE_LENGTH, mark_of_rights, mark_of_user, take_rights
from flaskkit.db import db
from flaskkit.db.guards import UNSAVED
from flaskkit.db.models import now
from flaskkit.db.objects import OneObject
from flaskkit.db.transactions import together

_COLUMNS = ("id", "seen_at", "expires_at", "confirmed_at", "remembered", "rights")
_HERE = {"synchronize_session": False}


class Limits(NamedTuple):
    """How long sessions last: *idle* without a request, *longest* in all; a remembered one only as it was promised."""

    idle: timedelta
    longest: timedelta

    @property
    def every(self) -> timedelta:
        """How old ``seen_at`` may be."""
        return min(EVERY, self.idle / 4)


@dataclass(frozen=True)
class FoundSession(Found):
    """Whose a session is. *outgrown*: its id was given when the user had other rights."""

    outgrown: bool = False


def start(
    user: Any, *, remember: timedelta | None = None, by: Sequence[str] = (), confirmed: bool = True
) -> tuple[str, Found]:
    """Store a new session of *user*; return its id, and what ``find`` would. *remember* is how long it may be kept.

    Committed at once, unless something else waits to be committed: then it goes with that, and has no key yet.
    """
    secret, moment = new_secret(), now()
    stored = session_model(user)
    row = stored(
        user_id=user.id,
        digest=digest(secret),
        created_at=moment,
        seen_at=moment,
        expires_at=moment + (remember or _limits().longest),
        confirmed_at=moment if confirmed else None,
        remembered=remember is not None,
        by=" ".join(by),
        rights=mark_of_user(user),
        device=device(request.user_agent.string),
        address=(request.remote_addr or "")[:45],
    )
    with _written():
        db.session.execute(delete(stored).where(stored.user_id == user.id, _over(stored)), execution_options=_HERE)
        db.session.add(row)
    return secret, Found(user, row.id, confirmed_at=row.confirmed_at, remembered=row.remembered)


def find(secret: str) -> FoundSession | None:
    """Return whose session it is, or None where it has ended. Whether the user is active is not asked here."""
    found = _by_id(user_model()).find(digest=digest(secret))
    if found is None:
        return None
    user, rights, key, seen_at, expires_at, confirmed_at, remembered, mark = found
    limits, moment = _limits(), now()
    if expires_at <= moment or not (remembered or moment - seen_at < limits.idle):
        return None
    take_rights(user, rights)
    if moment - seen_at >= limits.every:
        note_use(session_model(user), key, "seen_at", moment, limits.every)
    outgrown = mark_of_rights(rights) != mark
    return FoundSession(user, key, confirmed_at=confirmed_at, remembered=remembered, outgrown=outgrown)


def renew(secret: str, user: Any, *, confirmed: bool = False) -> str:
    """Give the session of *user* a new id; *confirmed*: they have just proved who they are.

    Returns the id that counts from now on: still *secret*, where another request was faster.
    """
    new, stored = new_secret(), session_model(user)
    values: dict[str, Any] = {"digest": digest(new), "rights": mark_of_user(user)}
    if confirmed:
        values["confirmed_at"] = now()
    with _written():
        change = update(stored).where(stored.digest == digest(secret)).values(values)
        done: Any = db.session.execute(change, execution_options=_HERE)
    return new if done.rowcount else secret


def end(secret: str) -> None:
    """End the session with that id."""
    stored = session_model(user_model())
    with _written():
        db.session.execute(delete(stored).where(stored.digest == digest(secret)), execution_options=_HERE)


def end_one(user: Any, key: int) -> bool:
    """End one session of *user* by the key of its row, and return whether there was one."""
    stored = session_model(user)
    with _written():
        ended = _ended(stored, stored.user_id == user.id, stored.id == key)
        if ended:
            tell("session_revoked", user, number=key)
    return ended > 0


def end_all(user: Any, *, but: int | None = None) -> int:
    """End all sessions of *user*, but for the one with that key, and return how many."""
    stored = session_model(user)
    with _written():
        ended = _ended(stored, stored.user_id == user.id, *([stored.id != but] if but is not None else []))
        if ended:
            tell("session_revoked", user, count=ended)
    return ended


def of_user(user: Any) -> Sequence[Any]:
    """Return the sessions of *user* that count, the last seen first."""
    stored = session_model(user)
    rows = select(stored).where(stored.user_id == user.id, ~_over(stored)).order_by(stored.seen_at.desc())
    return db.session.scalars(rows.order_by(stored.id.desc())).all()


def prune() -> int:
    """Remove the sessions of all users that count no more, and return how many."""
    stored = session_model(user_model())
    with _written():
        return _ended(stored, _over(stored))


def session_model(user: Any) -> Any:
    """Return the model of the sessions of *user*, an object or the class."""
    model = user if isinstance(user, type) else type(user)
    return model.sessions.property.mapper.class_  # type: ignore[attr-defined]


# What browsers and systems put into User-Agent, the more telling first: each claims to be those below it as well.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("Linux|X11", "Linux"),
)


def device(user_agent: str) -> str:
    """Return what to call the device that says it is *user_agent*: "Firefox on Linux", or what it says itself."""
    browser = next((name for words, name in _BROWSERS if re.search(words, user_agent)), "")
    system = next((name for words, name in _SYSTEMS if re.search(words, user_agent)), "")
    told = " on ".join(filter(None, (browser, system))) or user_agent
    return "".join(letter for letter in told if letter.isprintable())[:DEVICE_LENGTH]


@lru_cache(maxsize=8)
def _by_id(model: Any) -> OneObject:
    return by_digest(model, session_model(model), _COLUMNS)


def _over(stored: Any) -> ColumnElement[bool]:
    moment = now()
    idle = and_(stored.remembered.is_(False), stored.seen_at <= moment - _limits().idle)
    return or_(stored.expires_at <= moment, idle)


def _ended(stored: Any, *conditions: Any) -> int:
    done: Any = db.session.execute(delete(stored).where(*conditions), execution_options=_HERE)
    return int(done.rowcount)


@contextmanager
def _written() -> Iterator[None]:
    """Commit what the block writes, unless something waits that is not ours to commit: then it goes with that."""
    if is_waiting():
        yield
        return
    with together(keep=True):
        yield


def is_waiting() -> bool:
    """Return whether the session of ``db`` holds changes that somebody else is to commit."""
    session = db.session()
    return bool(session.new or session.dirty or session.deleted or session.info.get(UNSAVED))


def _limits() -> Limits:
    limits: Limits = current_app.extensions["flaskkit.session_limits"]
    return limits
