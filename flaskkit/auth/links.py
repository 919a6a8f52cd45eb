"""Links in mails: what they carry is signed, for one purpose, short-lived, and of no use once the account has changed.

    token_for("reset_password", user)              text for a link
    user_of("reset_password", text)                its user, locked until the transaction ends, and what else it holds

    code_for(user)                                 six digits, to be typed instead of a link
    is_code_of(user, text)

    mailer().send(user, template, …)               feature `mail`
    send_confirmation(user)                        the mail that both go into

Nothing is stored: a token holds a mark of the account's address and password, so that it fits once.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select

from flaskkit.auth.accounts import key_in, user_model
from flaskkit.auth.errors import WrongCredentials
from flaskkit.db import db
from flaskkit.db.engine import WRITE
from flaskkit.texts import say

# Nobody remembers when a code was made, so it is one of a part of its time. More parts would make that time more exact,
# and more codes good at once.
CODE_PARTS = 3
OUTDATED = say("This link was used already, or is too old. Ask for a new one.")


def token_for(purpose: str, user: Any, **more: Any) -> str:
    """Return a token for *purpose* that holds *user* and *more*."""
    return str(_serializer(purpose).dumps({"user": str(user.id), "mark": _mark(user), **more}))


def user_of(purpose: str, token: str) -> tuple[Any, dict[str, Any]]:
    """Return the active user in *token*, whose row is locked until the transaction ends, and all that it holds.

    Raises:
        WrongCredentials: it was not made for *purpose*, is too old, or the account has changed since.
    """
    values = _read(purpose, token)
    model, key = user_model(), key_in(str(values.get("user")))
    # Locked, so that of two requests with one token the second sees what the first has done.
    locked = select(model).where(model.id == key).with_for_update()
    found = db.session.scalars(locked.execution_options(populate_existing=True, **{WRITE: True})).one_or_none()
    if found is None or not found.is_active or not hmac.compare_digest(_mark(found), str(values.get("mark"))):
        db.session.rollback()
        raise outdated()
    return found, values


def mailer() -> Any:
    """Return what sends mail, and knows absolute links."""
    return current_app.extensions["flaskkit.mail"]


def send_confirmation(user: Any) -> None:
    """Send *user* what confirms the address: a link, and a code where attempts are counted."""
    link = mailer().url("auth.confirm_email", token=token_for("confirm_email", user))
    code = code_for(user) if has_codes() else ""
    at_least = lasts("code") * (CODE_PARTS - 1) // CODE_PARTS
    lasting = {"lasts": lasts("confirm_email"), "code_lasts": at_least // 60 * 60 or at_least}
    mailer().send(user, "confirm_email", link=link, code=code, **lasting)


def lasts(purpose: str) -> int:
    """Return how long what is made for *purpose* is good at most, in seconds."""
    return int(getattr(current_app.extensions["flaskkit.auth"], f"{purpose}_lasts"))


def has_codes() -> bool:
    """Return whether addresses can be confirmed by a code. Without feature `limits` somebody could try them all."""
    return "limits" in current_app.extensions["flaskkit"]


def code_for(user: Any) -> str:
    """Return six digits that confirm the address of *user*, for as long as the setting says, or a third less.

    There are only a million: whoever takes them must count the attempts.
    """
    return next(_codes(user))


def is_code_of(user: Any, text: str) -> bool:
    """Return whether *text* is a code that was made for *user* lately."""
    sent = "".join(text.split()).encode("utf-8", "replace")
    return any(hmac.compare_digest(code.encode(), sent) for code in _codes(user))


def _read(purpose: str, token: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = _serializer(purpose).loads(token, max_age=lasts(purpose))
    except (BadData, UnicodeError):
        raise outdated() from None
    return values


def _codes(user: Any) -> Iterator[str]:
    now = int(time.time() // (lasts("code") / CODE_PARTS))
    for key in _keys()[::-1]:
        for period in range(now, now - CODE_PARTS, -1):
            digest = hmac.digest(_as_bytes(key), f"flaskkit.auth.code {_mark(user)} {period}".encode(), "sha256")
            yield f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06}"


def _mark(user: Any) -> str:
    """Return what changes with the key, the address and the password of *user*."""
    return sha256(f"{user.id} {user.email} {user.password_hash}".encode()).hexdigest()[:32]


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_keys(), salt=f"flaskkit.auth.{purpose}")


def _keys() -> list[Any]:
    """Return the secrets of the app, as itsdangerous wants them: the last one signs."""
    return [*reversed(current_app.config["SECRET_KEY_FALLBACKS"] or ()), current_app.config["SECRET_KEY"]]


def _as_bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


def outdated() -> WrongCredentials:
    """Return what to raise for a link that is good no more."""
    return WrongCredentials({"": [OUTDATED]}, OUTDATED)
