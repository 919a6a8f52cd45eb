"""What a user is made of. The default ``User`` is in ``users.py``, so that an app with its own has no table of it.

class Member(UserMixin, IntegerKey, Model):         any key, any more columns
    nickname: Mapped[str] = mapped_column(default="")

UserMixin    e-mail address, password, active; ``roles`` and ``tokens``
Role         table "roles", shared by all user models
ApiToken     a table for each user model: "member_tokens", beside "member_roles"
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from hashlib import sha256
from typing import Any

import flask_login
from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship, validates

from flaskkit.auth import passwords
from flaskkit.db import IntegerKey, Model, UTCDateTime
from flaskkit.db.models import now

# What HTML calls a valid e-mail address, with the letters of all languages.
_LABEL = r"\w(?:[\w-]{0,61}\w)?"
EMAIL = rf"[\w.!#$%&'*+/=?^`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*"
EMAIL_LENGTH = 254
ROLE_LENGTH = 80


def normal_email(text: str) -> str:
    """Return an e-mail address as it is stored and compared: NFKC, lower case, no space around it."""
    return unicodedata.normalize("NFKC", text).strip().lower()


class Role(IntegerKey, Model):
    """A right by name, such as "editor". Policies ask for it: ``role("editor")``."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(ROLE_LENGTH), unique=True)
    description: Mapped[str] = mapped_column(String(255), default="")

    def __str__(self) -> str:
        return self.name


class ApiToken(IntegerKey):
    """A bearer token: its SHA-256 only, never the token. Each user model has its own class made from this."""

    name: Mapped[str] = mapped_column(String(80), default="")
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    def __str__(self) -> str:
        return self.name


class UserMixin(flask_login.UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """Makes a model the users of an app. The model adds its key, which must be called ``id``.

    Raises:
        TypeError: (where the model is declared) it has no ``id``.
    """

    email: Mapped[str] = mapped_column(
        String(EMAIL_LENGTH), unique=True, info={"label": "E-mail address", "pattern": EMAIL}
    )
    password_hash: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)

    def __init_subclass__(cls, **options: Any) -> None:
        if issubclass(cls, Model) and "__abstract__" not in vars(cls) and not hasattr(cls, "id"):
            raise TypeError(f"{cls.__name__} has no 'id'. Add IntegerKey or UUIDKey to its bases.")
        super().__init_subclass__(**options)

    @declared_attr
    def roles(cls) -> Mapped[list[Role]]:  # noqa: N805
        return relationship(Role, secondary=_user_roles(cls), order_by=Role.name)

    @declared_attr
    def tokens(cls) -> Mapped[list[Any]]:  # noqa: N805
        # Rows go with their user in the database itself, so that no token ever meets a new user of the same id.
        return relationship(_token_model(cls), cascade="all, delete-orphan", passive_deletes=True)

    @validates("email")
    def _normal_email(self, _name: str, text: str) -> str:
        return normal_email(text)

    @property
    def is_active(self) -> bool:
        """Whether the user may log in; asked anew in each request."""
        return bool(self.active)

    def get_id(self) -> str:
        """Return what sessions and remember cookies hold: the key, and a mark that changes with the password.

        So a new password ends all other sessions, and a key that is used again opens nothing.
        """
        return f"{self.id}.{sha256((self.password_hash or '').encode()).hexdigest()[:16]}"

    def has_role(self, name: str) -> bool:
        """Return whether the user holds the role *name*. The user of a request comes with all roles."""
        return any(role.name == name for role in self.roles)

    def set_password(self, password: str) -> None:
        """Take *password* from now on. Nothing is committed; ``passwords.mistake`` tells whether it is a good one."""
        self.password_hash = passwords.hashed(password)

    def check_password(self, password: str) -> bool:
        """Return whether *password* is right. Takes as long where the user has none."""
        return passwords.fits(password, self.password_hash)


def _user_roles(user: Any) -> Table:
    return Table(
        f"{user.__tablename__}_roles",
        user.metadata,
        Column("user_id", ForeignKey(f"{user.__tablename__}.id", ondelete="CASCADE"), primary_key=True),
        Column("role_id", ForeignKey(Role.id, ondelete="CASCADE"), primary_key=True),
    )


def _token_model(user: Any) -> Any:
    # Made here, the class counts as part of this package: without feature auth its table is left out.
    key = ForeignKey(f"{user.__tablename__}.id", ondelete="CASCADE")
    attributes = {
        "__tablename__": f"{user.__tablename__}_tokens",
        "__module__": __name__,
        "__doc__": f"Bearer tokens of {user.__name__}.",
        "user_id": mapped_column(key, index=True, nullable=False),
        "user": relationship(user, back_populates="tokens"),
    }
    # Two models may have one name, two tables may not.
    return type(f"{user.__tablename__.title().replace('_', '')}Token", (ApiToken, Model), attributes)
