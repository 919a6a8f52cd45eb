"""Addresses of flaskkit's own static files carry a mark of what is in them, so that browsers keep them and ask no more.

    /flaskkit/static/flaskkit.css?v=3f2a9c01d4be     Cache-Control: private, max-age=31536000, immutable

A file that has changed has another address. Without the mark, or with an old one, a file is served as Flask does it. So
are those of the app, whose addresses stay plain Flask's.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.security import safe_join

YEAR = 365 * 24 * 60 * 60
# Whose blueprints serve them.
OURS = ("flaskkit", "flask_bootstrap")


def mark_static_files(app: Flask) -> None:
    """Mark the static files that flaskkit and Bootstrap-Flask bring to *app*."""
    app.url_defaults(_mark)
    app.after_request(_keep)


def _mark(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint.endswith("static") and "filename" in values and "v" not in values:
        mark = _mark_of(endpoint, values["filename"])
        if mark:
            values["v"] = mark


def _keep(response: Response) -> Response:
    if (request.endpoint or "").endswith("static") and request.view_args and "filename" in request.view_args:
        asked = request.args.get("v")
        if response.status_code in (200, 304) and asked and asked == _mark_of(request.endpoint, **request.view_args):
            response.cache_control.no_cache = None
            # Not public: Flask sends the cookie of a permanent session with every answer, this one too.
            response.cache_control.private = True
            response.cache_control.max_age = YEAR
            response.cache_control.immutable = True
    return response


def _mark_of(endpoint: Any, filename: str) -> str:
    """Return the mark of a static file; "" where *endpoint* serves none of ours or it is not there."""
    name, _, last = endpoint.rpartition(".")
    owner = current_app.blueprints.get(name)
    if last != "static" or owner is None or owner.static_folder is None:
        return ""
    if owner.import_name.partition(".")[0] not in OURS:
        return ""
    path = safe_join(owner.static_folder, filename)
    try:
        seen = Path(path or "").stat()
    except (OSError, ValueError):
        return ""
    return _digest(str(path), seen.st_mtime_ns, seen.st_size) if path else ""


@lru_cache(maxsize=1024)
def _digest(path: str, _changed: int, _size: int) -> str:
    try:
        return sha256(Path(path).read_bytes()).hexdigest()[:12]
    except OSError:
        return ""
