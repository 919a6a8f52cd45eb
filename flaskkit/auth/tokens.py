"""Bearer tokens: named, limited to scopes, expiring.

issue(user, name, …) -> token      shown once; what is stored is a hash       find(token)    whose it is: one query
of_user(user)                      those that count                           revoke(user, key)
prune()                            remove what has expired                    user_of(found)

A scope is the name of a permission, or "notes:read" and "notes:write" for the resource "notes". A token without scopes
opens all that its user may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import current_app
from sqlalchemy import delete, or_, select

from flaskkit.auth.accounts import user_model
from flaskkit.auth.events import tell
from flaskkit.auth.lookup import EVERY, Found, by_digest, digest, new_secret, note_use
from flaskkit.auth.models import NAME, Role, take_rights
from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.db.objects import OneObject, in_session
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected, did_you_mean
from flaskkit.texts import say

# A token that turns up in a log or a repository should be recognised for what it is.
TOKEN_PREFIX = "fk_"  # noqa: S105
NAME_LENGTH = 80
LONGEST_DAYS = 3650
_COLUMNS = ("id", "expires_at", "used_at", "scopes")


@dataclass(frozen=True)
class FoundToken(Found):
    """Whose a token is. The ``user`` is only there to be looked at: ``user_of`` gives the one to work with."""

    rights: str | None = None


def issue(user: Any, name: str, days: int, scopes: Iterable[str] = ()) -> tuple[str, datetime]:
    """Return a new bearer token for *user*, and when it expires. It is stored as a hash only, so show it now.

    Raises:
        Rejected: "name" is too long, "days" not from 1 to 3650, or one of "scopes" unknown.
    """
    wanted = sorted(set(scopes))
    wrong = {
        "name": [say("Use at most %(number)s characters.", number=NAME_LENGTH)] if len(name) > NAME_LENGTH else [],
        "days": [say("Use 1 to %(number)s.", number=LONGEST_DAYS)] if not 1 <= days <= LONGEST_DAYS else [],
        "scopes": list(_mistakes(wanted)),
    }
    if any(wrong.values()):
        raise Rejected({field: texts for field, texts in wrong.items() if texts})
    token = TOKEN_PREFIX + new_secret()
    expires_at = now() + timedelta(days=days)
    row = token_model(user)(
        user_id=user.id, name=name, digest=digest(token), scopes=" ".join(wanted), expires_at=expires_at
    )
    with together(keep=True):
        db.session.add(row)
        tell("token_issued", user, name=name, scopes=row.scopes)
    return token, expires_at


def find(token: str) -> FoundToken | None:
    """Return whose *token* is, or None where it is none. Whether the user is active is not asked here."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    found = _by_token(user_model()).read(digest=digest(token))
    if found is None:
        return None
    user, rights, key, expires_at, used_at, scopes = found
    moment = now()
    if expires_at is not None and expires_at <= moment:
        return None
    if used_at is None or moment - used_at >= EVERY:
        note_use(token_model(user), key, "used_at", moment)
    return FoundToken(user, key, scopes=frozenset(scopes.split()) if scopes else None, rights=rights)


def user_of(found: FoundToken) -> Any:
    """Return the user of *found* as an object of the session, with their rights.

    To put it there takes longer than to read it, and many requests only ask whether there is a user.
    """
    user = in_session(found.user)
    take_rights(user, found.rights)
    return user


def of_user(user: Any) -> Sequence[Any]:
    """Return the tokens of *user* that have not expired, the newest first."""
    stored = token_model(user)
    valid = or_(stored.expires_at.is_(None), stored.expires_at > now())
    return db.session.scalars(select(stored).where(stored.user_id == user.id, valid).order_by(stored.id.desc())).all()


def revoke(user: Any, key: int) -> bool:
    """Revoke one token of *user* by the key of its row, and return whether there was one."""
    stored = token_model(user)
    with together(keep=True):
        revoked = _removed(stored, stored.user_id == user.id, stored.id == key) > 0
        if revoked:
            tell("token_revoked", user, number=key)
    return revoked


def prune() -> int:
    """Remove the tokens of all users that have expired, and return how many."""
    stored = token_model(user_model())
    return _removed(stored, stored.expires_at <= now())


def known_scopes() -> list[str]:
    """Return the scopes that mean something in this app: of its resources, and the permissions that a role holds."""
    resources = {resource.name for resource in current_app.extensions["flaskkit"].resources}
    held = db.session.scalars(select(Role.permissions))
    named = {name for permissions in held for name in permissions.split()}
    return sorted({f"{name}:{what}" for name in resources for what in ("read", "write")} | named)


def token_model(user: Any) -> Any:
    """Return the model of the tokens of *user*, an object or the class."""
    model = user if isinstance(user, type) else type(user)
    return model.tokens.property.mapper.class_  # type: ignore[attr-defined]


def _mistakes(scopes: Sequence[str]) -> Iterable[str]:
    if not scopes:
        return
    known = known_scopes()
    for scope in scopes:
        if not re.fullmatch(NAME, scope):
            yield say("%(scope)s is no name for a scope.", scope=repr(scope))
        elif scope not in known:
            yield f"There is no scope {scope!r}.{did_you_mean(scope, known)}"


def _removed(stored: Any, *conditions: Any) -> int:
    with together(keep=True):
        here = {"synchronize_session": False}
        done: Any = db.session.execute(delete(stored).where(*conditions), execution_options=here)
    return int(done.rowcount)


@lru_cache(maxsize=8)
def _by_token(model: Any) -> OneObject:
    return by_digest(model, token_model(model), _COLUMNS)
