"""Test clients: Flask's own, each request as a server makes it, and logged in without a form.

client = Client(app)                     a browser of a stranger
logged_in(app, user)                     a browser in which that user has just logged in
api = ApiClient(app)                     a program: JSON below the prefix of the API
api.as_user(user).post("notes", {…})     with a bearer token
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from typing import Any, TypeVar

from flask import Flask, session
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import inspect
from sqlalchemy.orm import selectinload
from werkzeug.test import TestResponse

T = TypeVar("T")
_HIDDEN = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'(name|value)="([^"]*)"')


def outside(call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Return what *call* returns where no context is open, as in a thread of a server."""
    return Context().run(call, *arguments, **options)


def in_context(app: Flask, call: Callable[..., T], *arguments: Any) -> T:
    """Return what *call* returns within a context of *app* of its own."""

    def within() -> T:
        with app.app_context():
            return call(*arguments)

    return outside(within)


class Client(FlaskClient):
    """Flask's test client, whose requests know nothing of contexts that the test has open.

    Before Flask 3.2, a request takes part in a context that is open already: a user stays logged in for the next
    client, and a session that failed stays so.

    With ``csrf`` (unless it is set to False) requests that change something bring a CSRF token, as those from a page
    do, where they have none yet.
    """

    csrf = True
    after: Callable[[TestResponse], None] | None = None

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """Send a request, as ``FlaskClient.open`` does."""
        if self.csrf and arguments and isinstance(arguments[0], str) and self._needs_token(options):
            headers = dict(options.get("headers") or {})
            named = {name.lower() for name in headers}
            wanted = self.application.config["WTF_CSRF_HEADERS"][0]
            data = options.get("data")
            field = self.application.config["WTF_CSRF_FIELD_NAME"]
            given = isinstance(data, dict) and field in data
            if not given and named.isdisjoint({wanted.lower(), "authorization"}):
                options["headers"] = {**headers, wanted: self.csrf_token()}
        response = super().open(*arguments, **options)
        _read_again(self.application)
        return response

    def run_wsgi_app(self, environ: Any, buffered: bool = False) -> Any:
        """Run the app without the contexts of the test."""
        context = Context()
        body, status, headers = context.run(super().run_wsgi_app, environ, buffered)
        return _Within(context, body), status, headers

    def csrf_token(self) -> str:
        """Return a CSRF token that fits the session of this browser."""
        from flask_wtf.csrf import generate_csrf

        field = self.application.config["WTF_CSRF_FIELD_NAME"]
        with self.session_transaction() as stored:
            known = stored.get(field)

        def make() -> tuple[str, str]:
            with self.application.test_request_context():
                if known:
                    session[field] = known
                return generate_csrf(), session[field]

        token, kept = outside(make)
        if not known:
            with self.session_transaction() as stored:
                stored[field] = kept
        return token

    def submit(self, path: str, **values: Any) -> TestResponse:
        """Open the page at *path* and send its form with *values*, hidden fields as they are on the page."""
        page = self.get(path, follow_redirects=True)
        hidden = (dict(_ATTRIBUTE.findall(tag)) for tag in _HIDDEN.findall(page.text) if 'type="hidden"' in tag)
        data = {one["name"]: one.get("value", "") for one in hidden if "name" in one}
        return self.post(page.request.full_path.rstrip("?"), data={**data, **values})

    def _needs_token(self, options: dict[str, Any]) -> bool:
        app = self.application
        changes = options.get("method", "GET").upper() in app.config.get("WTF_CSRF_METHODS", ())
        return changes and "csrf" in app.extensions and bool(app.config["WTF_CSRF_ENABLED"])


class ApiClient:
    """A program that speaks JSON with the API: ``api.post("notes", {"rating": 5})``.

    Paths are below the prefix, unless they begin with "/". What is given beside a path is the JSON body. Answers are
    those of Flask's test client: ``.status_code``, ``.json``, ``.headers``.
    """

    def __init__(self, app: Flask, token: str = "", prefix: str | None = None) -> None:
        self.app = app
        self.client = Client(app, app.response_class, use_cookies=False)
        # Without a cookie there is nothing to forge.
        self.client.csrf = False
        self.prefix = _prefix_of(app) if prefix is None else prefix
        self._token = token

    def as_user(self, user: Any, scopes: Iterable[str] = ()) -> ApiClient:
        """Return a client with a bearer token of *user*, limited to *scopes* if there are some."""
        from flaskkit.auth import tokens

        def issue() -> str:
            return tokens.issue(_here(self.app, user), "test", 1, scopes)[0]

        return ApiClient(self.app, in_context(self.app, issue), self.prefix)

    def open(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a request with *body* as JSON; *options* are those of Flask's test client."""
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        if self._token:
            headers.setdefault("Authorization", f"Bearer {self._token}")
        if body is not None:
            options["json"] = body
        place = path if path.startswith("/") else f"{self.prefix}/{path}"
        return self.client.open(place, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """Send a GET."""
        return self.open("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a POST."""
        return self.open("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a PATCH."""
        return self.open("PATCH", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a PUT."""
        return self.open("PUT", path, body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a DELETE."""
        return self.open("DELETE", path, body, **options)


class CliRunner(FlaskCliRunner):
    """Flask's runner of commands, each of them without the contexts of the test."""

    def invoke(self, *arguments: Any, **options: Any) -> Any:
        """Run a command, as ``FlaskCliRunner.invoke`` does."""
        result = outside(super().invoke, *arguments, **options)
        _read_again(self.app)
        return result


def logged_in(app: Flask, user: Any) -> Client:
    """Return a browser in which *user* has just logged in, with a session like every other. No password is asked."""
    return browser_with(app, session_of(app, user))


def session_of(app: Flask, user: Any) -> list[str]:
    """Return the cookies of a new session of *user*, as a server sets them."""
    from flaskkit.auth.identity import start_session

    def log_in() -> list[str]:
        with app.test_request_context():
            start_session(_here(app, user))
            return app.process_response(app.response_class()).headers.getlist("Set-Cookie")

    cookies = outside(log_in)
    _read_again(app)
    return cookies


def browser_with(app: Flask, cookies: list[str]) -> Client:
    """Return a browser that has those *cookies*."""
    client = Client(app, app.response_class)
    client._update_cookies_from_response("localhost", "/", cookies)
    return client


class _Within:
    """The body of an answer, each part made in the same contexts as the first."""

    def __init__(self, context: Context, body: Iterable[bytes]) -> None:
        self._context = context
        self._body = body
        self._parts = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._parts)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            self._context.run(close)


def _here(app: Flask, user: Any) -> Any:
    """Return *user* as an object of the current session."""
    from flaskkit.db import db

    if not hasattr(user, "__mapper__"):
        raise TypeError(f"{user!r} is no user. Give an object of the user model.")
    identity = inspect(user).identity
    # With its roles, which a log-in reads: by themselves they are a lazy load, and a test may forbid it.
    roles = selectinload(type(user).roles)
    found = db.session.get(type(user), identity, options=[roles]) if identity is not None else None
    if found is None:
        raise LookupError(f"{user!r} is not stored. Commit it before somebody logs in as that user.")
    return found


def _prefix_of(app: Flask) -> str:
    versions = app.extensions.get("flaskkit.api", ())
    return str(versions[0].prefix) if versions else "/api"


def _read_again(app: Flask) -> None:
    """Let objects that the test holds be read again: the request may have changed their rows."""
    from flask import current_app

    if not current_app or current_app._get_current_object() is not app or "sqlalchemy" not in app.extensions:  # type: ignore[attr-defined]
        return
    current: Any = app.extensions["sqlalchemy"].session
    if current.registry.has() and not (current.new or current.dirty or current.deleted):
        current.expire_all()
