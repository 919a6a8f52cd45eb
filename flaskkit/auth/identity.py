"""Who sent a request. Flask-Login keeps the session; a bearer token, where one is sent, decides alone.

    Authorization: Bearer fk_…    its user, or a stranger; cookies do not count
    session cookie                its user, as long as the row of the session is there: see sessions.py
    remember cookie               the same session, after the browser has forgotten the other cookie

``current_user`` of Flask-Login and ``access.caller()`` always agree. Whoever asks neither pays nothing:
no query, no session, no ``Vary: Cookie``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import flask_login
from flask import Flask, Response, current_app, g, has_request_context, request, session
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from flaskkit.access import Caller
from flaskkit.auth import accounts, sessions, tokens
from flaskkit.auth.lookup import Found
from flaskkit.auth.models import UserMixin
from flaskkit.db.models import now
from flaskkit.errors import LoginRequired

# Kept in request.environ, which belongs to this request whatever contexts surround it.
_CALLER = "flaskkit.auth.caller"
_SESSION = "flaskkit.auth.session"
_REMEMBERED = "flaskkit.auth.remembered"
_BY = "flaskkit.auth.by"
_LOGIN_USED = "flaskkit.auth.login_used"
# Where Flask's session holds the id of the row, beside what Flask-Login keeps there.
_ID = "_session"


def wire(app: Flask) -> None:
    """Give *app* Flask-Login, and flaskkit the answer to who sent a request."""
    manager = flask_login.LoginManager()
    manager.login_view = manager.refresh_view = "auth.login"
    # It would believe X-Forwarded-For, which anybody can send, and write into the sessions of strangers.
    manager.session_protection = None
    manager.user_loader(lambda identity: _token_user() if bearer() is not None else _session_user(identity))
    manager.request_loader(_user_of_token)
    manager.unauthorized_handler(_unauthorized)
    hooks: list[Any] = []
    manager.init_app(SimpleNamespace(after_request=hooks.append), add_context_processor=False)
    app.login_manager = manager  # type: ignore[attr-defined]
    app.extensions["login_manager"] = manager
    app.extensions["flaskkit"].caller = caller

    @app.after_request
    def remember(response: Response) -> Response:
        """Let Flask-Login set or clear its cookie. Its own hook would touch the session of every request."""
        environ = request.environ
        if "HTTP_AUTHORIZATION" in environ and bearer() is not None:
            # A program keeps no cookie, whatever a template or a flash wrote into the session on the way.
            session.modified = session.accessed = False
            return response
        if _SESSION in environ:
            _outgrow(response)
        if not ((_LOGIN_USED in environ and "_remember" in session) or _always_remembers()):
            return response
        with warnings.catch_warnings():
            # Flask-Login 0.6.3 calls utcnow(), deprecated since Python 3.12.
            warnings.filterwarnings("ignore", "datetime.datetime.utcnow", DeprecationWarning)
            with _id_beside_identity():
                for hook in hooks:
                    response = hook(response)
        return response

    # The proxy, not the user: a template that does not name the user does not load one.
    app.context_processor(lambda: {"current_user": flask_login.current_user})
    for signal in (flask_login.user_accessed, flask_login.user_logged_in, flask_login.user_logged_out):
        signal.connect(_login_is_used, app)
    flask_login.user_accessed.connect(_look_for_remember_cookie, app)
    flask_login.user_logged_in.connect(_new_session, app)
    flask_login.user_logged_out.connect(_ended_session, app)
    flask_login.user_login_confirmed.connect(_confirmed_session, app)


def caller() -> Caller:
    """Return who sent the current request; outside of requests nobody did."""
    if not has_request_context():
        return Caller()
    environ = request.environ
    known: Caller | None = environ.get(_CALLER)
    if known is not None:
        return known
    if "HTTP_AUTHORIZATION" in environ and bearer() is not None:
        token = _token()
        environ[_CALLER] = known = Caller() if token is None else _Bearer(token)
        return known
    if "HTTP_COOKIE" not in environ and "_login_user" not in g and not session.get("_user_id") and _only_by_token():
        return Caller()  # As Flask-Login would find out.
    user = flask_login.current_user._get_current_object()
    if not user.is_authenticated:
        return Caller()
    found: Found | None = environ.get(_SESSION)
    confirmed_at = found.confirmed_at if found is not None and flask_login.login_fresh() else None
    return Caller(user, "session", confirmed_at=confirmed_at)


def bearer() -> str | None:
    """Return the bearer token of the current request, "" for one that cannot be read, None where none was sent."""
    # Most requests bring none, and each is asked more than once.
    asked = request._get_current_object()  # type: ignore[attr-defined]
    sent = asked.authorization if "HTTP_AUTHORIZATION" in asked.environ else None
    return (sent.token or "") if sent is not None and sent.type == "bearer" else None


def start_session(user: Any, *, remember: bool = False, by: Sequence[str] = ("password",)) -> None:
    """Log *user* in, who has proved who they are *by* these. What the session held is gone (session fixation)."""
    before = session.get(_ID)
    session.clear()
    if before:
        session[_ID] = before
    request.environ[_BY] = by
    flask_login.login_user(user, remember=remember)
    if not remember and _remember_cookie() is not None:
        # It may be another user's, who would come back when this session ends.
        session["_remember"] = "clear"


def has_remember_cookie() -> bool:
    """Return whether the browser sent a remember cookie, be it good or not."""
    return _remember_cookie() is not None


def end_session() -> None:
    """Log out, and forget everything the session held."""
    flask_login.logout_user()
    for name in set(session) - {"_remember"}:
        del session[name]


def renew_session(*, confirmed: bool = False) -> None:
    """Give the current session a new id, because it may do more from now on, or its user has a new password.

    *confirmed*: the user has just proved who they are. Does nothing for who is not known by a session.
    """
    if confirmed:
        flask_login.confirm_login()
    else:
        _renew(confirmed=False)


def end_other_sessions(user: Any) -> int:
    """End all sessions of *user* but the current one, and return how many."""
    found = current_session()
    return sessions.end_all(user, but=found.key if found is not None and found.user is user else None)


def current_session() -> Found | None:
    """Return the session by which the caller is known: its ``key`` is that of its row. None for all others."""
    if bearer() is not None or not flask_login.current_user.is_authenticated:
        return None
    found: Found | None = request.environ.get(_SESSION)
    if found is not None and found.key is None and (stored := sessions.find(session[_ID])) is not None:
        request.environ[_SESSION] = found = stored
    return found


def _only_by_token() -> bool:
    """Return whether the app knows no way of its own to tell who sent a request."""
    return current_app.login_manager.request_callback is _user_of_token  # type: ignore[attr-defined]


def _unauthorized() -> None:
    raise LoginRequired


class _Bearer(Caller):
    """Who sent a token. The user comes into the session of the database when somebody asks who it is."""

    found: tokens.FoundToken

    def __init__(self, found: tokens.FoundToken) -> None:
        vars(self).update(by="token", scopes=found.scopes, found=found)

    @cached_property
    def user(self) -> Any:
        return tokens.user_of(self.found)

    @property
    def somebody(self) -> Any:
        return self.found.user


def _user_of_token(_request: Any) -> Any:
    return _token_user()


def _token_user() -> Any:
    return caller().user if bearer() is not None else None


def _token() -> tokens.FoundToken | None:
    token = bearer()
    found = tokens.find(token) if token else None
    return found if found is not None and _is_active(found) else None


def _is_active(found: tokens.FoundToken) -> bool:
    looked_at = found.user
    if type(looked_at).is_active is not UserMixin.is_active or "active" not in vars(looked_at):
        looked_at = tokens.user_of(found)  # What a property of the app's reads may have to be loaded.
    return bool(looked_at.is_active)


def _session_user(identity: str) -> Any:
    """Return whom Flask's session names with *identity*, if the row of the session says so, too."""
    found = request.environ.get(_REMEMBERED)
    if found is None:
        secret = session.get(_ID)
        if secret is None and current_app.testing:
            # flask_login.FlaskLoginClient writes the session itself.
            return accounts.of_session(identity)
        found = _valid(secret, identity) if isinstance(secret, str) else None
    if found is None:
        _mend_remember_cookie()
        return None
    request.environ[_SESSION] = found
    return found.user


def _valid(secret: str, identity: str) -> Found | None:
    found = sessions.find(secret)
    valid = found is not None and found.user.is_active and found.user.get_id() == identity
    return found if valid else None


def _new_session(_app: Flask, user: Any, **_details: Any) -> None:
    """Store a row for what Flask-Login has just begun: here, by hand, wherever ``login_user`` was called."""
    if bearer() is not None or not isinstance(user, accounts.user_model()):
        return
    before = session.get(_ID)
    if before:
        sessions.end(before)
    lasting = _lifetime() if session.get("_remember") == "set" or _always_remembers() else None
    by = request.environ.pop(_BY, ())
    fresh = bool(session.get("_fresh"))
    session[_ID], request.environ[_SESSION] = sessions.start(user, remember=lasting, by=by, confirmed=fresh)


def _ended_session(_app: Flask, **_details: Any) -> None:
    request.environ.pop(_SESSION, None)
    secret = session.pop(_ID, None)
    if secret and bearer() is None:
        sessions.end(secret)


def _confirmed_session(_app: Flask) -> None:
    _renew(confirmed=True)


def _renew(*, confirmed: bool) -> None:
    found, secret = current_session(), session.get(_ID)
    if found is None or not secret:
        return
    session[_ID] = sessions.renew(secret, found.user, confirmed=confirmed)
    session["_user_id"] = found.user.get_id()
    if found.remembered:
        session["_remember"] = "set"
    request.environ[_SESSION] = replace(found, confirmed_at=now()) if confirmed else found


def _outgrow(response: Response) -> None:
    """Give a session a new id whose user has other rights than when it got the one it has."""
    found = request.environ.get(_SESSION)
    if not (isinstance(found, sessions.FoundSession) and found.outgrown):
        return
    # Scripts of a page send several requests at once, and those that come second would be strangers: a page comes
    # alone. What is streamed may still be reading, and what waits to be committed is not ours.
    alone = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if not alone or response.is_streamed or sessions.is_waiting():
        return
    try:
        _renew(confirmed=False)
    except SQLAlchemyError as error:
        # The page is made. There will be another one.
        current_app.logger.warning("A session keeps its id for now: %s", type(error).__name__)
    else:
        request.environ[_SESSION] = replace(found, outgrown=False)


def _lifetime() -> timedelta:
    seconds = session.get("_remember_seconds")
    lasting = seconds if seconds is not None else current_app.config["REMEMBER_COOKIE_DURATION"]
    return lasting if isinstance(lasting, timedelta) else timedelta(seconds=lasting)


def _always_remembers() -> bool:
    return bool(current_app.config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST"))


@contextmanager
def _id_beside_identity() -> Iterator[None]:
    """Let Flask-Login write the id of the session into its cookie: without it the cookie opens nothing."""
    identity, secret = session.get("_user_id"), session.get(_ID)
    if identity is None or secret is None:
        yield
        return
    session["_user_id"] = f"{secret}.{identity}"
    yield
    session["_user_id"] = identity


def _login_is_used(_app: Flask, **_details: Any) -> None:
    request.environ[_LOGIN_USED] = True


def _look_for_remember_cookie(_app: Flask) -> None:
    # Where Flask's session names somebody, the cookie is needed only if that is of no use any more.
    if bearer() is not None or "_user_id" not in session:
        _mend_remember_cookie()


def _mend_remember_cookie() -> None:
    """Show Flask-Login the remember cookie as it can read it, before it looks: the identity, signed with today's key.

    One that opens nothing, or that comes with a bearer token, is taken away; it would keep Flask-Login from asking
    for the token, and change the session.
    """
    sent = _remember_cookie()
    if sent is None:
        return
    cookies = MultiDict(request.cookies)
    cookies.pop(_remember_cookie_name())
    identity = _remembered(sent) if bearer() is None else None
    if identity is not None:
        cookies[_remember_cookie_name()] = str(flask_login.encode_cookie(identity))
    request.cookies = ImmutableMultiDict(cookies)


def _remembered(cookie: str) -> str | None:
    """Return the identity in a remember cookie whose session is still there, and take that up."""
    if not cookie.isascii():
        return None  # Flask-Login would fail to compare it.
    keys = (current_app.config["SECRET_KEY"], *(current_app.config["SECRET_KEY_FALLBACKS"] or ()))
    read = (flask_login.decode_cookie(cookie, key=key) for key in keys)
    secret, _, identity = next(filter(None, read), "").partition(".")
    found = _valid(secret, identity) if secret and identity else None
    if found is None:
        return None
    request.environ[_REMEMBERED] = found
    session[_ID] = secret
    return identity


def _remember_cookie() -> str | None:
    return request.cookies.get(_remember_cookie_name())


def _remember_cookie_name() -> str:
    return str(current_app.config.get("REMEMBER_COOKIE_NAME", flask_login.COOKIE_NAME))
