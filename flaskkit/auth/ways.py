"""With how many things a user can log in: the last one is not to be taken away."""

from __future__ import annotations

from typing import Any

from flask import current_app


def ways_in(user: Any) -> int:
    """Return how many things open the account of *user*: the password, accounts at providers, passkeys."""
    found = 1 if user.password_hash else 0
    if "flaskkit.oauth" in current_app.extensions:
        from flaskkit.auth.oauth.identities import identities

        found += len(identities(user))
    if "flaskkit.passkeys" in current_app.extensions:
        from flaskkit.auth.passkeys.keys import how_many

        found += how_many(user)
    return found
