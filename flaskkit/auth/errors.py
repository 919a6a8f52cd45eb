"""What only feature `auth` raises.

    FlaskkitError
    ├── ConfirmationRequired 403: the user must prove anew who they are (a page asks for it)
    ├── InsufficientScope    403: the bearer token does not name what this needs
    └── Rejected
        └── WrongCredentials 401: a password, a code or a link that does not fit

They are Werkzeug HTTP exceptions as well, so Flask answers them like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import Forbidden, Unauthorized

from flaskkit.errors import FlaskkitError, Rejected


class ConfirmationRequired(FlaskkitError, Forbidden):
    """The user is known, but must have proved who they are within the last *max_age* seconds: 403, after RFC 9470."""

    description = "Confirm first that it is you."

    def __init__(self, max_age: int) -> None:
        super().__init__()
        self.max_age = max_age

    def get_headers(self, *about: Any) -> list[tuple[str, str]]:
        """Return the headers, with what is missing in WWW-Authenticate."""
        missing = f'Bearer error="insufficient_user_authentication", max_age="{self.max_age}"'
        return [*super().get_headers(*about), ("WWW-Authenticate", missing)]


class InsufficientScope(FlaskkitError, Forbidden):
    """The bearer token is valid, but its scopes do not open this: 403, RFC 6750 section 3.1.

    *scopes* are those of which it needs one; empty where only a token without scopes will do.
    """

    def __init__(self, scopes: Iterable[str] = ()) -> None:
        self.scopes = tuple(scopes)
        needed = (
            f" It needs {' or '.join(self.scopes)}." if self.scopes else " It needs one that is not limited to scopes."
        )
        super().__init__(f"The scopes of this token do not open this.{needed}")

    def get_headers(self, *about: Any) -> list[tuple[str, str]]:
        """Return the headers, with the scopes in WWW-Authenticate."""
        scope = f', scope="{" ".join(self.scopes)}"' if self.scopes else ""
        return [*super().get_headers(*about), ("WWW-Authenticate", f'Bearer error="insufficient_scope"{scope}')]


class WrongCredentials(Rejected, Unauthorized):
    """What should have shown who somebody is does not: 401, RFC 9110 section 15.5.2. ``errors`` as in ``Rejected``."""

    code = 401
