"""Errors as pages, and the home page of an app that has no view for "/"."""

from __future__ import annotations

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

# What a visitor can do about it; the error's own text says what happened.
ADVICE = {
    400: "Go back, reload the page and try again.",
    401: "Log in first.",
    403: "Ask somebody who runs this site for the right.",
    404: "Check the address, or start from the home page.",
    413: "Send less at once.",
    429: "Wait a moment before trying again.",
    500: "The error was logged. Try again later.",
    503: "Try again in a moment.",
}


def error_page(error: HTTPException) -> ResponseReturnValue:
    """Answer *error* with a page that keeps its status, its headers and its own text."""
    if error.response is not None:
        return error
    if (request.endpoint or "").rpartition(".")[2] == "static":
        # Nobody reads the page of a missing image, and asking who the visitor is would keep it from caches.
        return error
    if error.code == 404 and request.path == "/" and request.url_rule is None and _needs_home():
        return render_template("flaskkit/home.html", layout="flaskkit/layout.html")
    response = error.get_response()
    code = error.code or 500
    # Who the visitor is may be just what cannot be found out while the server is in trouble.
    layout = "flaskkit/bare.html" if code >= 500 else "flaskkit/layout.html"
    context = {"code": code, "name": error.name, "description": _own_words(error), "advice": ADVICE.get(code, "")}
    try:
        response.data = render_template("flaskkit/error.html", layout=layout, **context)
    except Exception:
        current_app.logger.exception("The page for error %s cannot be shown.", code)
    return response


def _own_words(error: HTTPException) -> str:
    """Return what was said about this very error; the standard text of its status says less than our advice."""
    said = error.description or ""
    return "" if ADVICE.get(error.code or 500) and said == type(error).description else said


def _needs_home() -> bool:
    """Whether a home page is missing: there is something to show on it, and no view for "/" on any host or method."""
    has_own = any(rule.rule == "/" for rule in current_app.url_map.iter_rules())
    kit = current_app.extensions["flaskkit"]
    return not has_own and request.method in ("GET", "HEAD") and bool(kit.resources or kit.modules)
