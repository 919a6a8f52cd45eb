"""Users and their roles: the logic under the pages and the commands. What changes something commits.

create(email, password)          a new user                 log_in(email, password)    the user, if both are right
change_password(user, old, new)  what they log in with      grant(user, add, remove)   roles, by name
of_session(identity)             the user with that ``get_id()`` prove(user, password)      that it is they who ask
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import current_app
from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from flaskkit.access import require
from flaskkit.auth import events, passwords
from flaskkit.auth.models import EMAIL, EMAIL_LENGTH, ROLE_LENGTH, Role, normal_email
from flaskkit.auth.policies import recently
from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.db.reading import reading_objects
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting, Rejected
from flaskkit.texts import say

NO_ADDRESS = say("This is no e-mail address.")
WRONG_PASSWORD = say("This is not your password.")


def user_model() -> Any:
    """Return the user model of the current app."""
    return current_app.extensions["flaskkit.user_model"]


def by_email(email: str) -> Any:
    """Return the user with that address, however it is written, or None."""
    address = normal_email(email)
    return _found(_by(user_model(), "email"), value=address) if is_email(address) else None


def create(
    email: str,
    password: str | None = None,
    roles: Iterable[str] = (),
    *,
    confirmed: bool = True,
    then: Callable[[Any], None] | None = None,
) -> Any:
    """Store a new user and return it. One without a password cannot log in.

    *confirmed* says that the address is known to be theirs. *then* is called with the user in the same transaction.

    Raises:
        Rejected: what is wrong with "email" and "password". Conflicting: the address is taken.
    """
    address = normal_email(email)
    wrong = {"email": "" if is_email(address) else NO_ADDRESS}
    wrong["password"] = passwords.mistake(password, address) if password is not None else ""
    if any(wrong.values()):
        raise Rejected({name: [text] for name, text in wrong.items() if text})
    user = user_model()(email=address, confirmed_at=now() if confirmed else None)
    if password is not None:
        # Takes its time, so it is done before the transaction begins.
        user.set_password(password)
    taken = Conflicting({"email": [say("There is a user with this address already.")]})
    if by_email(address) is not None:
        raise taken
    try:
        with together():
            user.roles = roles_named(roles)
            db.session.add(user)
            db.session.flush()
            if then is not None:
                then(user)
    except IntegrityError:
        if by_email(address) is None:
            raise
        raise taken from None
    return user


def move(user: Any, email: str) -> None:
    """Give *user* another address, which is known to be theirs. The caller commits.

    Raises:
        Conflicting: it is taken.
    """
    taken = Conflicting({"": [say("There is a user with this address already.")]})
    other = by_email(email)
    if other is not None and other.id != user.id:
        raise taken
    user.email, user.confirmed_at = email, now()
    try:
        db.session.flush()
    except IntegrityError:
        raise taken from None


def by_name(name: str) -> Any:
    """Return the user who logs in by *name*, as the setting `login_by` says, or None."""
    names = current_app.extensions["flaskkit.auth"].login_by
    if "email" in names and ("@" in name or len(names) == 1):
        return by_email(name)
    # NUL and lone surrogates are no text to any database.
    text = name.strip()
    if not text.isprintable() or len(text) > EMAIL_LENGTH:
        return None
    return _found(_by(user_model(), next(name for name in names if name != "email")), value=text)


def log_in(name: str, password: str) -> Any:
    """Return the active user who logs in by *name*, if the password is theirs, or None. As slow for an unknown name."""
    user = by_name(name)
    if user is None:
        passwords.fits(password, None)
        events.tell("login_failed")
        return None
    if not user.check_password(password) or not user.is_active:
        events.tell("login_failed", user)
        return None
    if passwords.outdated(user.password_hash):
        user.set_password(password)
        db.session.commit()
    return user


def change_password(user: Any, old: str, new: str) -> None:
    """Give *user* the password *new*, who has to know the *old* one. It ends all sessions of theirs.

    Raises:
        Rejected: what is wrong with "old_password" or "new_password".
    """
    if not user.check_password(old):
        raise Rejected({"old_password": [WRONG_PASSWORD]})
    if wrong := passwords.mistake(new, user.email):
        raise Rejected({"new_password": [wrong]})
    user.set_password(new)
    events.tell("password_changed", user)
    db.session.commit()


def prove(user: Any, password: str | None) -> None:
    """Make sure that it is *user* who asks, before something that could take the account from them.

    Who has a password types it once more; who has none has logged in within ten minutes.

    Raises:
        Rejected: "password" is wrong. ConfirmationRequired: there is none, and the session is older.
    """
    if user.password_hash is None:
        require(recently())
    elif not user.check_password(password or ""):
        raise Rejected({"password": [WRONG_PASSWORD]})


def grant(user: Any, add: Iterable[str], remove: Iterable[str] = ()) -> None:
    """Give *user* the roles named in *add* and take away those in *remove*; a role that does not exist is made.

    Raises:
        Rejected: a name is empty, too long or not printable.
    """
    kept = [role for role in user.roles if role.name not in set(remove)]
    user.roles = [*kept, *roles_named(set(add) - {role.name for role in kept})]
    db.session.commit()


def roles_named(names: Iterable[str]) -> list[Role]:
    """Return the roles of these *names*; those that do not exist are made.

    Raises:
        Rejected: a name is empty, too long or not printable.
    """
    wanted = sorted(names)
    check_role_names(wanted)
    if not wanted:
        return []
    stored = {role.name: role for role in db.session.scalars(select(Role).where(Role.name.in_(wanted)))}
    return [stored.get(name) or Role(name=name) for name in dict.fromkeys(wanted)]


def of_session(identity: str) -> Any:
    """Return the active user whose ``get_id()`` is *identity*, or None."""
    key = key_in(identity.rpartition(".")[0])
    user = None if key is None else _found(_by(user_model(), "id"), value=key)
    return user if user is not None and user.is_active and user.get_id() == identity else None


def is_email(address: str) -> bool:
    """Return whether *address*, in the form that is stored, is an e-mail address."""
    return len(address) <= EMAIL_LENGTH and re.fullmatch(EMAIL, address) is not None


def key_in(text: str) -> Any:
    """Return the key of a user that *text* holds, or None."""
    try:
        return user_model().id.type.python_type(text)
    except ValueError:
        return None


@lru_cache(maxsize=8)
def _by(model: Any, name: str) -> Select[Any]:
    return select(model).where(getattr(model, name) == bindparam("value")).options(joinedload(model.roles))


def _found(users: Select[Any], **values: Any) -> Any:
    with reading_objects(user_model()):
        return db.session.scalars(users, values).unique().one_or_none()


def check_role_names(names: Iterable[str]) -> None:
    """Make sure that roles can be called by *names*.

    Raises:
        Rejected: one is empty, too long or not printable.
    """
    for name in names:
        if not (name.strip() and name.isprintable() and len(name) <= ROLE_LENGTH):
            raise Rejected({"roles": [say("%(name)s is no name for a role.", name=repr(name))]})
