"""Who sent a request. Flask-Login keeps the session; a bearer token, where one is sent, decides alone.

    Authorization: Bearer fk_…    its user, or a stranger; cookies do not count
    session cookie                its user
    remember cookie               its user, and a session from now on

``current_user`` of Flask-Login and ``access.caller()`` always agree. Whoever asks neither pays nothing:
no query, no session, no ``Vary: Cookie``.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import flask_login
from flask import Flask, Response, current_app, has_request_context, request, session
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from flaskkit.access import Caller
from flaskkit.auth import accounts
from flaskkit.errors import LoginRequired

# Kept in request.environ, which belongs to this request whatever contexts surround it.
_TOKEN_USER = "flaskkit.auth.token_user"  # noqa: S105
_LOGIN_USED = "flaskkit.auth.login_used"


def wire(app: Flask) -> None:
    """Give *app* Flask-Login, and flaskkit the answer to who sent a request."""
    manager = flask_login.LoginManager()
    manager.login_view = manager.refresh_view = "auth.login"
    # It would believe X-Forwarded-For, which anybody can send, and write into the sessions of strangers.
    manager.session_protection = None
    manager.user_loader(lambda identity: _token_user() if bearer() is not None else accounts.of_session(identity))
    manager.request_loader(lambda _request: _token_user())
    manager.unauthorized_handler(_unauthorized)
    hooks: list[Any] = []
    manager.init_app(SimpleNamespace(after_request=hooks.append), add_context_processor=False)
    app.login_manager = manager  # type: ignore[attr-defined]
    app.extensions["login_manager"] = manager
    app.extensions["flaskkit"].caller = caller

    @app.after_request
    def remember(response: Response) -> Response:
        """Let Flask-Login set or clear its cookie. Its own hook would touch the session of every request."""
        if bearer() is not None:
            # A program keeps no cookie, whatever a template or a flash wrote into the session on the way.
            session.modified = session.accessed = False
            return response
        always = current_app.config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST")
        if not (always or (_LOGIN_USED in request.environ and "_remember" in session)):
            return response
        with warnings.catch_warnings():
            # Flask-Login 0.6.3 calls utcnow(), deprecated since Python 3.12.
            warnings.filterwarnings("ignore", "datetime.datetime.utcnow", DeprecationWarning)
            for hook in hooks:
                response = hook(response)
        return response

    # The proxy, not the user: a template that does not name the user does not load one.
    app.context_processor(lambda: {"current_user": flask_login.current_user})
    for signal in (flask_login.user_accessed, flask_login.user_logged_in, flask_login.user_logged_out):
        signal.connect(_login_is_used, app)
    flask_login.user_accessed.connect(_mend_remember_cookie, app)


def caller() -> Caller:
    """Return who sent the current request; outside of requests nobody did."""
    if not has_request_context():
        return Caller()
    if bearer() is not None:
        user = _token_user()
        return Caller() if user is None else Caller(user, "token")
    user = flask_login.current_user._get_current_object()
    return Caller(user, "session") if user.is_authenticated else Caller()


def bearer() -> str | None:
    """Return the bearer token of the current request, "" for one that cannot be read, None where none was sent."""
    sent = request.authorization
    return (sent.token or "") if sent is not None and sent.type == "bearer" else None


def start_session(user: Any, *, remember: bool = False) -> None:
    """Log *user* in. Nothing that the session held before counts any more (session fixation)."""
    session.clear()
    flask_login.login_user(user, remember=remember)
    if not remember and _remember_cookie() is not None:
        # It may be another user's, who would come back when this session ends.
        session["_remember"] = "clear"


def end_session() -> None:
    """Log out, and forget everything the session held."""
    flask_login.logout_user()
    for name in set(session) - {"_remember"}:
        del session[name]


def _unauthorized() -> None:
    raise LoginRequired


def _token_user() -> Any:
    environ = request.environ
    if _TOKEN_USER not in environ:
        token = bearer()
        environ[_TOKEN_USER] = accounts.of_token(token) if token else None
    return environ[_TOKEN_USER]


def _login_is_used(_app: Flask, **_details: Any) -> None:
    request.environ[_LOGIN_USED] = True


def _mend_remember_cookie(_app: Flask) -> None:
    """Show Flask-Login the remember cookie as it can read it, before it looks: it knows the current key only.

    One that nobody can read, or that comes with a bearer token, is taken away; it would keep Flask-Login from
    asking for the token.
    """
    sent = _remember_cookie()
    if sent is None:
        return
    readable = _signed_anew(sent) if bearer() is None else None
    if readable != sent:
        cookies = MultiDict(request.cookies)
        cookies.pop(_remember_cookie_name())
        if readable is not None:
            cookies[_remember_cookie_name()] = readable
        request.cookies = ImmutableMultiDict(cookies)


def _signed_anew(cookie: str) -> str | None:
    if not cookie.isascii():
        return None  # Flask-Login would fail to compare it.
    for key in (current_app.config["SECRET_KEY"], *(current_app.config["SECRET_KEY_FALLBACKS"] or ())):
        identity = flask_login.decode_cookie(cookie, key=key)
        if identity is not None:
            return str(flask_login.encode_cookie(identity))
    return None


def _remember_cookie() -> str | None:
    return request.cookies.get(_remember_cookie_name())


def _remember_cookie_name() -> str:
    return str(current_app.config.get("REMEMBER_COOKIE_NAME", flask_login.COOKIE_NAME))
