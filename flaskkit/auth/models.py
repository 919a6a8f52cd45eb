"""What a user is made of. The default ``User`` is in ``users.py``, so that an app with its own has no table of it.

class Member(UserMixin, IntegerKey, Model):         any key, any more columns
    nickname: Mapped[str] = mapped_column(default="")

UserMixin      e-mail address, whether it is confirmed, password, active; ``roles``, ``sessions`` and ``tokens``
Role           table "roles", shared by all user models
UserSession    a table for each user model: "member_sessions", beside "member_roles"
ApiToken       the same: "member_tokens"
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import flask_login
from sqlalchemy import Column, ForeignKey, ScalarSelect, String, Table, Text, event, func, literal_column, select
from sqlalchemy.orm import InstanceState, Mapped, declared_attr, mapped_column, relationship, validates

from flaskkit.auth import passwords
from flaskkit.db import IntegerKey, Model, UTCDateTime
from flaskkit.db.models import now

# What HTML calls a valid e-mail address, with the letters of all languages.
_LABEL = r"\w(?:[\w-]{0,61}\w)?"
EMAIL = rf"[\w.!#$%&'*+/=?^`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*"
EMAIL_LENGTH = 254
ROLE_LENGTH = 80
# One name of a permission or scope (RFC 6749, section 3.3), and several with spaces between them.
NAME = r"[!#-\[\]-~]+"
NAMES = rf"({NAME}( {NAME})*)?"
DEVICE_LENGTH = 255
# Where a user holds what `take_rights` was given.
_RIGHTS = "_rights_read"


def normal_email(text: str) -> str:
    """Return an e-mail address as it is stored and compared: NFKC, lower case, no space around it."""
    if len(text) > 4 * EMAIL_LENGTH:
        # That is none, whatever it would become. Megabytes would keep the server busy for half a minute.
        return text
    return unicodedata.normalize("NFKC", text).strip().lower()


class Role(IntegerKey, Model):
    """A right by name, such as "editor". Policies ask for it: ``role("editor")``."""

    __tablename__ = "roles"

    # One line: `rights_of` puts one below the other.
    name: Mapped[str] = mapped_column(String(ROLE_LENGTH), unique=True, info={"pattern": ".*"})
    description: Mapped[str] = mapped_column(String(255), default="")
    permissions: Mapped[str] = mapped_column(
        Text,
        default="",
        server_default="",
        info={
            "help": "What its holders may do: names with spaces between them, such as notes.publish.",
            "pattern": NAMES,
        },
    )

    @validates("permissions")
    def _in_order(self, _name: str, text: str) -> str:
        return " ".join(sorted(set(text.split())))

    def __str__(self) -> str:
        return self.name


class UserSession(IntegerKey):
    """A place where a user is logged in. Each user model has its own class made from this.

    ``digest`` is the SHA-256 of the id that the browser holds, never the id. ``seen_at`` is written at most every few
    minutes, ``confirmed_at`` when the user proves anew who they are; None: only remembered. ``by`` names how they
    logged in, such as "password totp". ``rights`` is a mark of what they might do when the id was given.
    """

    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    remembered: Mapped[bool] = mapped_column(default=False)
    by: Mapped[str] = mapped_column(String(80), default="")
    rights: Mapped[str] = mapped_column(String(16), default="", server_default="")
    device: Mapped[str] = mapped_column(String(DEVICE_LENGTH), default="")
    address: Mapped[str] = mapped_column(String(45), default="")

    @property
    def email(self) -> str:
        """The address of its user."""
        return str(self.user.email)  # type: ignore[attr-defined]  # each class made from this has one

    def __str__(self) -> str:
        return self.device


class ApiToken(IntegerKey):
    """A bearer token: its SHA-256 only, never the token. Each user model has its own class made from this.

    ``scopes`` are names with spaces between them; "" is everything that the user may. ``used_at`` is written at most
    every few minutes.
    """

    name: Mapped[str] = mapped_column(String(80), default="")
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(Text, default="", server_default="")
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def email(self) -> str:
        """The address of its user."""
        return str(self.user.email)  # type: ignore[attr-defined]  # each class made from this has one

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
    # When the address was last known to be theirs.
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __init_subclass__(cls, **options: Any) -> None:
        if issubclass(cls, Model) and "__abstract__" not in vars(cls) and not hasattr(cls, "id"):
            raise TypeError(f"{cls.__name__} has no 'id'. Add IntegerKey or UUIDKey to its bases.")
        super().__init_subclass__(**options)

    @declared_attr
    def roles(cls) -> Mapped[list[Role]]:  # noqa: N805
        return relationship(Role, secondary=_user_roles(cls), order_by=Role.name)

    # Rows go with their user in the database itself, so that none ever meets a new user of the same id.

    @declared_attr
    def sessions(cls) -> Mapped[list[Any]]:  # noqa: N805
        return relationship(_beside(cls, UserSession, "sessions"), cascade="all, delete-orphan", passive_deletes=True)

    @declared_attr
    def tokens(cls) -> Mapped[list[Any]]:  # noqa: N805
        return relationship(_beside(cls, ApiToken, "tokens"), cascade="all, delete-orphan", passive_deletes=True)

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
        """Return whether the user holds the role *name*. The user of a request comes with the names of all roles."""
        return name in self._rights()

    def may(self, permission: str) -> bool:
        """Return whether a role of the user holds *permission*, by name. The user of a request comes with all."""
        return any(permission in held for held in self._rights().values())

    def _rights(self) -> Mapping[str, Collection[str]]:
        """Return the permissions by role. As they were read with the user, until roles are loaded or changed."""
        known = vars(self)
        if _RIGHTS in known and "roles" not in known:
            return known[_RIGHTS]  # type: ignore[no-any-return]
        return {role.name: role.permissions.split() for role in self.roles}

    def set_password(self, password: str) -> None:
        """Take *password* from now on. Nothing is committed; ``passwords.mistake`` tells whether it is a good one."""
        self.password_hash = passwords.hashed(password)

    def check_password(self, password: str) -> bool:
        """Return whether *password* is right. Takes as long where the user has none."""
        return passwords.fits(password, self.password_hash)


def rights_of(model: Any) -> ScalarSelect[Any]:
    """Return what to select beside a user of *model*, and to give to ``take_rights``: all roles with permissions."""
    roles = model.roles.property.secondary
    one = Role.name + "\t" + Role.permissions
    # In the text of the statement: as a parameter SQLAlchemy would write the text anew for each request.
    newline: Any = literal_column("'\n'")
    held = select(func.aggregate_strings(one, newline)).join(roles, roles.c.role_id == Role.id)
    return held.where(roles.c.user_id == model.id).correlate(model).scalar_subquery()


def take_rights(user: Any, read: str | None) -> None:
    """Keep at *user* what ``rights_of`` read, so that nobody reads it again."""
    lines = (line.rpartition("\t") for line in (read or "").split("\n") if line)
    vars(user)[_RIGHTS] = {name: permissions.split() for name, _, permissions in lines}


@lru_cache(maxsize=256)
def mark_of_rights(read: str | None) -> str:
    """Return a mark of what ``rights_of`` read, in whatever order: 16 characters, "" for no roles at all."""
    lines = sorted((read or "").split("\n"))
    return sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:16] if read else ""


def mark_of_user(user: Any) -> str:
    """Return the mark of what *user* may do, as far as this request knows."""
    return mark_of_rights("\n".join(f"{name}\t{' '.join(held)}" for name, held in user._rights().items()))


@event.listens_for(UserMixin, "expire", propagate=True, raw=True)
def _forget_rights(state: InstanceState[Any], _names: Any) -> None:
    # A user whom nothing held but a row that was expired just before is gone by now.
    user = state.obj()
    if user is not None:
        vars(user).pop(_RIGHTS, None)


def _user_roles(user: Any) -> Table:
    return Table(
        f"{user.__tablename__}_roles",
        user.metadata,
        Column("user_id", ForeignKey(f"{user.__tablename__}.id", ondelete="CASCADE"), primary_key=True),
        Column("role_id", ForeignKey(Role.id, ondelete="CASCADE"), primary_key=True),
    )


def _beside(user: Any, mixin: type, name: str) -> Any:
    """Return a model made from *mixin*, whose rows belong to those of *user*; ``user.<name>`` are the rows."""
    # Made here, the class counts as part of this package: without feature auth its table is left out.
    key = ForeignKey(f"{user.__tablename__}.id", ondelete="CASCADE")
    attributes = {
        "__tablename__": f"{user.__tablename__}_{name}",
        "__module__": __name__,
        "__doc__": f"The {name} of {user.__name__}.",
        "user_id": mapped_column(key, index=True, nullable=False),
        "user": relationship(user, back_populates=name),
    }
    # Two models may have one name, two tables may not.
    return type(f"{user.__tablename__.title().replace('_', '')}{mixin.__name__}", (mixin, Model), attributes)
