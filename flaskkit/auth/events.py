"""Audit events: a signal and a log line for whatever concerns who may do what.

    signals["login_failed"].connect(receive, app)      def receive(app, event: Event)
    flaskkit.auth WARNING login_failed {"at": "2026-11-21T17:04:05.123456Z", "address": "203.0.113.7", …}

Told by themselves, whoever changes the rows and however somebody logs in; do not tell these again:

    login, logout                                           by Flask-Login's own signals
    account_created, account_deleted, account_disabled,
    account_enabled, email_changed, roles_changed,          by what is stored of users and roles, after the
    role_changed, role_deleted                              commit

All others are told by those who do it: ``tell("password_changed", user)``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO, cast

import click
import flask_login
from blinker import Namespace
from flask import Flask, current_app, has_request_context, request
from flask.logging import default_handler, has_level_handler, wsgi_errors_stream
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from flaskkit.access import caller
from flaskkit.auth import notices
from flaskkit.auth.models import Role, UserMixin
from flaskkit.db import db
from flaskkit.db.after import after_commit
from flaskkit.db.models import now

DONE = (
    "account_created",
    "account_deleted",
    "account_disabled",
    "account_enabled",
    "data_exported",
    "email_changed",
    "email_confirmed",
    "identity_linked",
    "identity_unlinked",
    "invitation_revoked",
    "invitation_sent",
    "login",
    "logout",
    "passkey_added",
    "passkey_removed",
    "password_changed",
    "password_reset",
    "password_reset_asked",
    "recovery_made_anew",
    "role_changed",
    "role_deleted",
    "roles_changed",
    "second_factor_off",
    "second_factor_on",
    "session_revoked",
    "token_issued",
    "token_revoked",
)
# Somebody was refused: told at once, whatever becomes of the transaction, and logged as a warning.
REFUSED = ("login_failed", "second_factor_failed", "sudo_failed")

logger = logging.getLogger("flaskkit.auth")
_namespace = Namespace()
signals = {kind: _namespace.signal(kind) for kind in (*DONE, *REFUSED)}
# What must never be written down, however it is called: password, new_password, reset_link …
_SECRET = ("password", "passphrase", "token", "cookie", "link", "url", "code", "secret", "key", "digest", "hash")
_LONGEST = 200
# Where click keeps, for a command and those below it, that it says itself what it does.
_SAID = "flaskkit.auth.said"


@dataclass(frozen=True)
class Event:
    """What happened, to which user, by whom, from where and when.

    *user* and *by* are keys of users as text: whose account it is about, and who sent the request; "" where nobody is
    known. *email* is that user's. *address* is the client's as Flask has it, "" outside of requests. *details* are
    short texts, numbers or lists of them.
    """

    kind: str
    at: datetime
    user: str = ""
    email: str = ""
    by: str = ""
    address: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def tell(kind: str, user: Any = None, **details: Any) -> None:
    """Tell that an event of *kind*, one of ``signals``, happened to *user*, a user object or None.

    Told after the commit of what the session has written, and not at all if that is rolled back; at once where it
    has written nothing, or where somebody was refused. Of what opens the account its owner gets a mail: see
    ``notices``. *details* say more: ``by=["password", "totp"]``. What somebody
    typed who is not known is no detail: it may be a password in the wrong place.

    Raises:
        LookupError: there is no such kind. ValueError: a detail is called like something secret.
    """
    if kind not in signals:
        raise LookupError(f"There is no event {kind!r}. Name it in flaskkit.auth.events.")
    if wrong := next((name for name in details if any(word in name for word in _SECRET)), None):
        raise ValueError(f"{wrong!r} is no detail of an event: it sounds like something to be kept secret.")
    if user is not None:
        notices.send(kind, user, details)
    told = _noted(kind, user, details)
    if kind in REFUSED:
        told()
    else:
        after_commit(told)


def wire(app: Flask) -> None:
    """Tell of logins and logouts in *app*, and see to it that lines are written where nobody set up logging."""
    flask_login.user_logged_in.connect(_logged_in, app)
    flask_login.user_logged_out.connect(_logged_out, app)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    # As Flask does with its own logger.
    if not has_level_handler(logger):
        handler = logging.StreamHandler(cast("TextIO", wsgi_errors_stream))
        handler.setFormatter(default_handler.formatter)
        handler.addFilter(_is_news)
        logger.addHandler(handler)


def say_it_yourself() -> None:
    """Keep what the current command does out of the terminal: it says so itself. A log that was set up has it still."""
    click.get_current_context().meta[_SAID] = True


def _is_news(_record: logging.LogRecord) -> bool:
    context = click.get_current_context(silent=True)
    return context is None or _SAID not in context.meta


def _noted(kind: str, user: Any, details: Mapping[str, Any]) -> Callable[[], None]:
    """Return what tells of it. All is read now: after a commit each look at a row would be a query."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    address = (request.remote_addr or "") if has_request_context() else ""
    email = _email(user)
    by = caller().user
    at = now()

    def told() -> None:
        # A new row has its key now.
        happened = Event(kind, at, _key(user), email, _key(by), address, dict(details))
        logger.log(logging.WARNING if kind in REFUSED else logging.INFO, "%s %s", kind, _line(happened))
        try:
            signals[kind].send(app, event=happened)
        except Exception:
            # What happened has happened, and is written down.
            app.logger.exception("A receiver of the event %s failed.", kind)

    return told


def _email(user: Any) -> str:
    state = inspect(user) if user is not None else None
    return str(user.email or "") if state is not None and ("email" in state.dict or state.persistent) else ""


def _key(user: Any) -> str:
    identity = inspect(user).identity if user is not None else None
    return ",".join(map(str, identity or ()))


def _line(happened: Event) -> str:
    """Return *happened* as JSON in printable ASCII: no value can begin a line, or speak to a terminal."""
    known = {"user": happened.user, "email": happened.email, "by": happened.by, "address": happened.address}
    values = {name: value for name, value in known.items() if value} | {
        name: _short(value) for name, value in happened.details.items()
    }
    moment = happened.at.isoformat().replace("+00:00", "Z")
    return json.dumps({"at": moment, **values}, default=str).replace("\x7f", "\\u007f")


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST]
    return [_short(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


def _logged_in(_app: Flask, user: Any, **_extra: Any) -> None:
    tell("login", user)


def _logged_out(_app: Flask, user: Any, **_extra: Any) -> None:
    if user.is_authenticated:
        tell("logout", user)


@event.listens_for(db.session, "before_flush")
def _look_at_users(session: Session, _context: Any, _instances: Any) -> None:
    changed = [item for item in (*session.new, *session.dirty, *session.deleted) if isinstance(item, (UserMixin, Role))]
    if changed:
        with session.no_autoflush:
            for item in changed:
                user, told = (None, _role_changes) if isinstance(item, Role) else (item, _changes)
                for kind, details in told(session, item):
                    tell(kind, user, **details)


def _role_changes(session: Session, role: Role) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield kind and details of the event that the changes of *role* are; a new one without permissions is none."""
    state = inspect(role)
    names, texts = state.attrs.name.load_history(), state.attrs.permissions.load_history()
    before = set(" ".join(filter(None, texts.deleted if texts.added else texts.unchanged or ())).split())
    after = set((role.permissions or "").split())
    if role in session.deleted:
        yield "role_deleted", {"role": role.name, "removed": sorted(before)}
    elif before != after or names.deleted:
        renamed = {"before": names.deleted[0]} if names.deleted else {}
        changes = {"added": sorted(after - before), "removed": sorted(before - after)}
        yield "role_changed", {"role": role.name, **renamed, **changes}


def _changes(session: Session, user: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield kind and details of each event that the changes of *user* are."""
    if user in session.deleted:
        yield "account_deleted", {}
        return
    if user in session.new:
        yield "account_created", {}
    state = inspect(user)
    if user not in session.new:
        email = state.attrs.email.history
        if email.added:
            yield "email_changed", {"before": next(iter(email.deleted or ()), "")}
        if state.attrs.active.history.added:
            yield "account_enabled" if user.active else "account_disabled", {}
    roles = state.attrs.roles.history
    if roles.added or roles.deleted:
        yield "roles_changed", {"added": _names(roles.added), "removed": _names(roles.deleted)}


def _names(roles: Any) -> list[str]:
    return sorted(role.name for role in roles or ())
