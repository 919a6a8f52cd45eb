"""Cross-origin requests: which other sites' scripts may use the API (the Fetch standard, "HTTP CORS protocol").

Only below the prefixes of the API. A preflight is answered here, before anybody asks who sent it: it never says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
# Beside those that scripts see anyway.
EXPOSED = "Content-Disposition, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Pagination"
# How long a browser may remember a preflight, in seconds; Chromium takes no more than 7200.
REMEMBERED = "600"


class Cors:
    """Wraps *inner*, a WSGI application, for scripts of *origins*; "*" stands for all.

    *prefixes* returns the paths below which it applies. With *credentials* their requests may carry cookies.
    """

    def __init__(
        self,
        inner: WSGIApplication,
        origins: Collection[str],
        prefixes: Callable[[], Iterable[str]],
        *,
        credentials: bool,
    ) -> None:
        self._inner = inner
        self._origins = frozenset(origins)
        self._prefixes = prefixes
        self._credentials = credentials
        self._beginnings: tuple[str, ...] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._covers(environ["PATH_INFO"]):
            return self._inner(environ, start_response)
        allowed = self._allowed(environ.get("HTTP_ORIGIN"))
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        if allowed and asked and environ["REQUEST_METHOD"] == "OPTIONS":
            return self._preflight(environ, allowed)(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            more = [("Access-Control-Expose-Headers", EXPOSED), *allowed] if allowed else []
            return start_response(status, [*self._varying(headers), *more], *exc_info)

        return self._inner(environ, start)

    def _covers(self, path: str) -> bool:
        if self._beginnings is None:
            # Not before the first request: the API is wired after this.
            self._beginnings = tuple(f"{prefix}/" for prefix in self._prefixes())
        return f"{path}/".startswith(self._beginnings)

    def _allowed(self, origin: str | None) -> list[tuple[str, str]]:
        """Return the headers that allow *origin*; none where it is not allowed."""
        if "*" in self._origins:
            return [("Access-Control-Allow-Origin", "*")]
        if origin not in self._origins:
            return []
        credentials = [("Access-Control-Allow-Credentials", "true")] if self._credentials else []
        return [("Access-Control-Allow-Origin", str(origin)), *credentials]

    def _preflight(self, environ: WSGIEnvironment, allowed: list[tuple[str, str]]) -> Response:
        headers = [*allowed, ("Access-Control-Allow-Methods", METHODS), ("Access-Control-Max-Age", REMEMBERED)]
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        if re.fullmatch(r"[\w\-, ]+", wanted, re.ASCII):
            # Whatever a script of theirs may send at all: what counts is checked when it comes.
            headers.append(("Access-Control-Allow-Headers", wanted))
        vary = "Origin, Access-Control-Request-Headers"
        return Response(status=204, headers=[*headers, ("Vary", vary)])

    def _varying(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return *headers* that tell caches that others may get other ones."""
        if "*" in self._origins:
            return headers
        vary = [value for name, value in headers if name.lower() == "vary"]
        kept = [(name, value) for name, value in headers if name.lower() != "vary"]
        return [*kept, ("Vary", ", ".join([*vary, "Origin"]))]


def is_origin(text: str) -> bool:
    """Return whether *text* is an origin as browsers send it: scheme, host and a port that is not the usual one."""
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9]\d*)?", text)
    return found is not None and (found[1], found[3]) not in (("http", ":80"), ("https", ":443"))
