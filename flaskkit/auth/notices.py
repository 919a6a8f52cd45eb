"""Mail to the owner of an account about what opens it, whoever changed that; where feature `mail` is on.

It is written with the change and goes with its commit, so neither is there without the other. ``events.tell`` sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app

from flaskkit.db.models import now

# Event by template; the template knows ``event``, its details, when it was, ``at``, and ``forgot``: where to take the
# account back.
TEMPLATES: Mapping[str, str] = {
    "email_changed": "email_changed",
    "password_changed": "password_changed",
    "password_reset": "password_changed",
    **dict.fromkeys(
        (
            *("second_factor_on", "second_factor_off", "recovery_made_anew"),
            *("passkey_added", "passkey_removed", "identity_linked", "identity_unlinked"),
        ),
        "account_changed",
    ),
}


def send(event: str, user: Any, details: Mapping[str, Any]) -> None:
    """Send *user* a mail about *event*, if it is one of ``TEMPLATES``; about another address to both."""
    mailer = current_app.extensions.get("flaskkit.mail")
    if mailer is None or event not in TEMPLATES:
        return
    known = {**details, "event": event, "old": details.get("before"), "new": user.email, "at": now()}
    for address in dict.fromkeys(filter(None, (details.get("before"), user.email))):
        try:
            mailer.send(address, TEMPLATES[event], reader=user, forgot=mailer.url("auth.forgot_password"), **known)
        except ValueError:
            # An address that was stored before anybody looked at it. The change is the user's to make all the same.
            current_app.logger.warning("User %s gets no mail about %s: the address is none.", user.id, event)
