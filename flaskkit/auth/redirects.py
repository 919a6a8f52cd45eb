"""Where to go next, without leaving the site."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from flask import request, url_for

# One slash, then anything but a second one. Browsers read "\" as "/" and leave out control characters, so
# "/\evil.example" and "/<tab>/evil.example" are other hosts (WHATWG URL, "relative slash state").
_PATH_HERE = re.compile(r"/(?!/)[^\\\x00-\x1f\x7f]*")


def safe_path(target: str | None) -> str:
    """Return *target* if it is a path on this site, with or without a query; otherwise ""."""
    return target if target and _PATH_HERE.fullmatch(target) else ""


def login_url() -> str:
    """Return the address of the login page, which leads back to the current one if that can be asked for again."""
    asked = urlsplit(request.url)
    here = safe_path(urlunsplit(("", "", asked.path, asked.query, "")))
    return url_for("auth.login", next=here if here and request.method in ("GET", "HEAD") else None)
