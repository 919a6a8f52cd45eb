"""Which accounts of providers open which account here: a table beside the users'.

of_profile(provider, profile)  ->  the user, found, linked or made       link(user, provider, profile)
identities(user)                                                         unlink(user, provider)
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar

from sqlalchemy import String, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit.auth.accounts import user_model
from flaskkit.auth.beside import beside
from flaskkit.auth.models import EMAIL_LENGTH
from flaskkit.auth.oauth.providers import Profile
from flaskkit.db import IntegerKey, UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting
from flaskkit.texts import say


class Identity(IntegerKey):
    """An account at a provider that opens this user's account here."""

    suffix: ClassVar[str] = "identities"

    provider: Mapped[str] = mapped_column(String(40))
    # Of provider and subject: databases differ in which texts they take for equal, and a subject is exact.
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


def model() -> Any:
    """Return the model of identities of the current app."""
    return beside(user_model(), Identity)


def identities(user: Any) -> list[Any]:
    """Return the accounts at providers that are linked to *user*, oldest first."""
    stored = model()
    return list(db.session.scalars(select(stored).where(stored.user_id == user.id).order_by(stored.id)))


def known(provider: str, profile: Profile) -> Any:
    """Return the user to whom that account is linked, or None. Whether they may log in is another question."""
    stored, users = model(), user_model()
    linked = select(users).join(stored, stored.user_id == users.id)
    return db.session.scalar(linked.where(stored.digest == _digest(provider, profile.subject)))


def link(user: Any, provider: str, profile: Profile) -> None:
    """Let that account open *user*'s from now on.

    Raises:
        Conflicting: it is somebody else's already.
    """
    stored, key = model(), user.id
    try:
        with together(keep=True):
            db.session.add(add_to(user, provider, profile))
    except IntegrityError:
        there = select(stored.user_id).where(stored.digest == _digest(provider, profile.subject))
        if db.session.scalar(there) == key:
            return
        raise Conflicting({"": [say("This account is linked to another user.")]}) from None


def add_to(user: Any, provider: str, profile: Profile) -> Any:
    """Return the row that links that account to *user*, yet to be added to the session."""
    digest = _digest(provider, profile.subject)
    return model()(user_id=user.id, provider=provider, digest=digest, email=profile.email[:EMAIL_LENGTH])


def unlink(user: Any, provider: str) -> bool:
    """Take away what is linked to *user* at *provider*; return whether there was anything."""
    stored = model()
    with together(keep=True):
        gone: Any = db.session.execute(
            delete(stored).where(stored.user_id == user.id, stored.provider == provider),
            execution_options={"synchronize_session": False},
        )
    return bool(gone.rowcount)


def _digest(provider: str, subject: str) -> str:
    return sha256(f"{provider}\0{subject}".encode()).hexdigest()
