"""Errors as pages, and the home page of an app that has no view for "/"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from werkzeug.exceptions import HTTPException, SecurityError

from flaskkit.texts import say, say_many, speech, spoken

# What a visitor can do about it; the error's own text says what happened.
ADVICE = {
    400: say("Go back, reload the page and try again."),
    401: say("Log in first."),
    403: say("Ask somebody who runs this site for the right."),
    404: say("Check the address, or start from the home page."),
    405: say("Start from the home page: this address takes requests of another kind."),
    409: say("Somebody else was faster. Go back, reload the page and look at what is there now."),
    413: say("Send less at once, or a smaller file."),
    422: say("Go back and check what was entered."),
    429: say("Wait a moment before trying again."),
    500: say("The error was logged. Try again later."),
    503: say("Try again in a moment."),
}


def error_page(error: HTTPException) -> ResponseReturnValue:
    """Answer *error* with a page that keeps its status, its headers and its own text."""
    if error.response is not None:
        return error
    if (request.endpoint or "").rpartition(".")[2] == "static":
        # Nobody reads the page of a missing image, and asking who the visitor is would keep it from caches.
        return error
    if isinstance(error, SecurityError):
        # An unknown host has no addresses to link to.
        return error
    if error.code == 404 and request.path == "/" and request.url_rule is None and _needs_home():
        return render_template("flaskkit/home.html", layout="flaskkit/layout.html")
    response = error.get_response()
    code = error.code or 500
    layout = "flaskkit/layout.html"
    if code >= 500:
        # Who the visitor is may be just what cannot be found out while the server is in trouble.
        layout = "flaskkit/bare.html"
        speech().without_user()
    context = {
        "code": code,
        "name": spoken(error.name),
        "description": spoken(_own_words(error)),
        "advice": _advice(error),
    }
    try:
        response.data = render_template("flaskkit/error.html", layout=layout, **context)
    except Exception:
        current_app.logger.exception("The page for error %s cannot be shown.", code)
    return response


def tell_repairs(app: Flask) -> None:
    """Answer what flaskkit understands of the database's errors with the command that repairs them.

    For developers only: it says what the database said.
    """
    for kind in (OperationalError, ProgrammingError):
        app.register_error_handler(kind, _repairs(app.error_handler_spec[None][None].get(kind)))


def _repairs(other: Callable[[Any], Any] | None) -> Callable[[DBAPIError], ResponseReturnValue]:
    """Return a handler that leaves what it does not understand to the *other* one, which was there before."""

    def answer(error: DBAPIError) -> ResponseReturnValue:
        command = _repair(error)
        if not command:
            if other is None:
                raise error
            return other(error)  # type: ignore[no-any-return]
        words = say("The database lacks what the models have: %(error)s.", error=error.orig)
        context = {"code": 500, "name": say("Not in the database yet"), "description": words, "command": command}
        return render_template("flaskkit/error.html", layout="flaskkit/bare.html", **context), 500

    return answer


# SQLSTATE of PostgreSQL, error number of MariaDB, words of SQLite.
_TABLE = {"42P01", "1146", "no such table"}
_COLUMN = {"42703", "1054", "no such column"}


def _repair(error: DBAPIError) -> str:
    """Return the commands that make what *error* misses, or "" where that is not the matter."""
    original: Any = error.orig
    text = str(original)
    said = {str(getattr(original, "sqlstate", "")), str(original.args[0] if original.args else "")}
    said |= {words for words in ("no such table", "no such column") if text.startswith(words)}
    if "has no column named" in text:
        said.add("no such column")
    if not said & (_TABLE | _COLUMN):
        return ""
    if "migrate" in current_app.extensions:
        return "flask db upgrade" if said & _TABLE else "flask db migrate && flask db upgrade"
    return "flask kit create-tables" if said & _TABLE else ""


def _advice(error: HTTPException) -> str:
    """Return what to do; how long to wait, where the error says so."""
    code = error.code or 500
    retry = error.get_response().headers.get("Retry-After", "")
    if code in (429, 503) and retry.isdigit():
        return say_many("Try again in %(num)s second.", "Try again in %(num)s seconds.", int(retry))
    return ADVICE.get(code, "")


def _own_words(error: HTTPException) -> str:
    """Return what was said about this very error; the standard text of its status says less than our advice."""
    said = error.description or ""
    return "" if ADVICE.get(error.code or 500) and said == type(error).description else said


def _needs_home() -> bool:
    """Whether a home page is missing: there is something to show on it, and no view for "/" on any host or method."""
    has_own = any(rule.rule == "/" for rule in current_app.url_map.iter_rules())
    kit = current_app.extensions["flaskkit"]
    return not has_own and request.method in ("GET", "HEAD") and bool(kit.resources or kit.modules)
