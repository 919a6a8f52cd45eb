"""Policies about what only feature `auth` knows: permissions of roles, and when somebody proved who they are.

permission("notes.publish")      users with a role that holds that permission
recently(minutes=10)             users who have just proved who they are
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.exceptions import HTTPException

from flaskkit.access import OfUser, caller
from flaskkit.auth.errors import ConfirmationRequired
from flaskkit.errors import LoginRequired


@dataclass(frozen=True)
class permission(OfUser):  # noqa: N801
    """Users with a role that holds the permission *name*, as told by ``user.may(name)``."""

    name: str

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None and bool(user.may(self.name))

    def scopes(self) -> tuple[str, ...]:
        return (self.name,)


@dataclass(frozen=True)
class recently(OfUser):  # noqa: N801
    """Users who have proved who they are within *minutes*, in this session; a bearer token proves nothing of the kind.

    Whoever has not is asked for it: 403 with ``insufficient_user_authentication``, and on pages the form that asks.
    """

    minutes: int = 10

    def allows(self, user: Any, item: Any = None) -> bool:
        confirmed_at = caller().confirmed_at if user is not None else None
        return confirmed_at is not None and datetime.now(UTC) - confirmed_at < timedelta(minutes=self.minutes)

    def refusal(self, user: Any, item: Any = None) -> HTTPException:
        return LoginRequired() if user is None else ConfirmationRequired(self.minutes * 60)
