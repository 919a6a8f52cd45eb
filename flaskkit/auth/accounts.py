"""Users, their roles and tokens: the logic under the pages and the commands. What changes something commits.

create(email, password)          a new user                 log_in(email, password)    the user, if both are right
grant(user, add, remove)         roles, by name             issue(user, name, days)    a bearer token, to be shown once

of_session(identity), of_token(token)    the user that a request names: one query, roles included
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import current_app
from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from flaskkit.auth import passwords
from flaskkit.auth.models import EMAIL, EMAIL_LENGTH, ROLE_LENGTH, Role, normal_email
from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.errors import Conflicting, Rejected

# A token that turns up in a log or a repository should be recognised for what it is.
TOKEN_PREFIX = "fk_"  # noqa: S105


def user_model() -> Any:
    """Return the user model of the current app."""
    return current_app.extensions["flaskkit.user_model"]


def by_email(email: str) -> Any:
    """Return the user with that address, however it is written, or None."""
    address = normal_email(email)
    return _one(select(user_model()).where(user_model().email == address)) if _is_email(address) else None


def create(email: str, password: str | None = None, roles: Iterable[str] = ()) -> Any:
    """Store a new user and return it. One without a password cannot log in.

    Raises:
        Rejected: what is wrong with "email" and "password". Conflicting: the address is taken.
    """
    address = normal_email(email)
    wrong = {"email": "" if _is_email(address) else "This is no e-mail address."}
    wrong["password"] = passwords.mistake(password) if password is not None else ""
    if any(wrong.values()):
        raise Rejected({name: [text] for name, text in wrong.items() if text})
    user = user_model()(email=address)
    if password is not None:
        # Takes its time, so it is done before the transaction begins.
        user.set_password(password)
    taken = Conflicting({"email": ["There is a user with this address already."]})
    if by_email(address) is not None:
        raise taken
    user.roles = _roles(roles)
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        if by_email(address) is None:
            raise
        raise taken from None
    return user


def log_in(email: str, password: str) -> Any:
    """Return the active user with that address and password, or None. Takes as long for an unknown address."""
    user = by_email(email)
    if user is None:
        passwords.fits(password, None)
        return None
    if not user.check_password(password) or not user.is_active:
        return None
    if passwords.outdated(user.password_hash):
        user.set_password(password)
        db.session.commit()
    return user


def grant(user: Any, add: Iterable[str], remove: Iterable[str] = ()) -> None:
    """Give *user* the roles named in *add* and take away those in *remove*; a role that does not exist is made.

    Raises:
        Rejected: a name is empty, too long or not printable.
    """
    kept = [role for role in user.roles if role.name not in set(remove)]
    user.roles = [*kept, *_roles(set(add) - {role.name for role in kept})]
    db.session.commit()


def issue(user: Any, name: str, days: int) -> tuple[str, datetime]:
    """Return a new bearer token for *user*, and when it expires. It is stored as a hash only, so show it now."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires_at = now() + timedelta(days=days)
    db.session.add(_token_model()(user=user, name=name, digest=_digest(token), expires_at=expires_at))
    db.session.commit()
    return token, expires_at


def of_session(identity: str) -> Any:
    """Return the active user whose ``get_id()`` is *identity*, or None."""
    model = user_model()
    try:
        key = model.id.type.python_type(identity.rpartition(".")[0])
    except ValueError:
        return None
    user = _one(select(model).where(model.id == key))
    return user if user is not None and user.is_active and user.get_id() == identity else None


def of_token(token: str) -> Any:
    """Return the active user to whom the bearer *token* was issued, or None."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    stored = _token_model()
    valid = stored.digest == _digest(token), or_(stored.expires_at.is_(None), stored.expires_at > now())
    user = _one(select(user_model()).join(stored, stored.user_id == user_model().id).where(*valid))
    return user if user is not None and user.is_active else None


def _one(users: Select[Any]) -> Any:
    return db.session.scalars(users.options(joinedload(user_model().roles))).unique().one_or_none()


def _roles(names: Iterable[str]) -> list[Role]:
    wanted = sorted(names)
    for name in wanted:
        if not (name.strip() and name.isprintable() and len(name) <= ROLE_LENGTH):
            raise Rejected({"roles": [f"{name!r} is no name for a role."]})
    if not wanted:
        return []
    stored = {role.name: role for role in db.session.scalars(select(Role).where(Role.name.in_(wanted)))}
    return [stored.get(name) or Role(name=name) for name in dict.fromkeys(wanted)]


def _token_model() -> Any:
    return user_model().tokens.property.mapper.class_


def _is_email(address: str) -> bool:
    return len(address) <= EMAIL_LENGTH and re.fullmatch(EMAIL, address) is not None


def _digest(token: str) -> str:
    # The token is random enough that a slow hash would add nothing.
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
