"""Where to go next, without leaving the site."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import unquote, urlsplit, urlunsplit

from flask import current_app, request, url_for
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RoutingException

from flaskkit.access import guard_of

# One slash, then anything but a second one. Browsers read "\" as "/" and leave out control characters, so
# "/\evil.example" and "/<tab>/evil.example" are other hosts (WHATWG URL, "relative slash state").
_PATH_HERE = re.compile(r"/(?!/)[^\\\x00-\x1f\x7f]*")


def safe_path(target: str | None) -> str:
    """Return *target* if it is a path on this site, with or without a query; otherwise ""."""
    return target if target and _PATH_HERE.fullmatch(target) else ""


def after_login(target: str | None) -> str:
    """Return *target* if it is a path on this site that can be looked at once logged in; otherwise ""."""
    path = safe_path(target)
    adapter = current_app.create_url_adapter(request)
    if not path or adapter is None:
        return path
    with suppress(RoutingException, NotFound):
        try:
            endpoint, _ = adapter.match(unquote(urlsplit(path).path).removeprefix(request.script_root), method="GET")
        except MethodNotAllowed:
            return ""
        return "" if endpoint.startswith("auth.") and _is_for_strangers(endpoint) else path
    # What is not this app's may belong to another one of the site.
    return path


def _is_for_strangers(endpoint: str) -> bool:
    policy = guard_of(current_app.view_functions[endpoint], "GET").policy
    return policy is None or policy.anonymous


def login_url() -> str:
    """Return the address of the login page, which leads back to the current one if that can be asked for again."""
    return url_for("auth.login", next=here_again() if request.method in ("GET", "HEAD") else None)


def here_again() -> str | None:
    """Return the path of the current request, with its query, or None where it is none that can be asked for."""
    asked = urlsplit(request.url)
    return safe_path(urlunsplit(("", "", asked.path, asked.query, ""))) or None
