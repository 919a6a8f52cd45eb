"""Flask's sessions, without work for requests that neither bring one nor begin one."""

from __future__ import annotations

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin


def wire(app: Flask) -> None:
    """Let *app* have them, unless it brings a session interface of its own."""
    if type(app.session_interface) is SecureCookieSessionInterface:
        app.session_interface = SessionsWhenUsed()


class SessionsWhenUsed(SecureCookieSessionInterface):
    """Makes no signer where no session cookie came: Flask does, and it takes longer than to answer."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not app.secret_key or ("HTTP_COOKIE" in request.environ and self.get_cookie_name(app) in request.cookies):
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)
